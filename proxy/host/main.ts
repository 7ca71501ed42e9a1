/** The process entry without the command line around it: `node main.js --listen … --upstream …`, the flags of `meshwright sidecar`. */
import { parseFlags } from './parse-flags.ts';
import { runSidecar } from './process.ts';

const flags = parseFlags(process.argv.slice(2));
if (flags !== null) void runSidecar(flags);
