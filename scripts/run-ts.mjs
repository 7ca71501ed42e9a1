// Runs a TypeScript file of this checkout: `node scripts/run-ts.mjs FILE [ARGUMENTS]`. No build is needed; the file sees
// its arguments in process.argv from index 2 on, and its default export, if it is a function, is called and awaited.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Imports a TypeScript module and what it imports; `meshwright` is this checkout's own source. */
export async function importTs(file) {
  const { module } = await runnerImport(resolve(file), {
    root,
    configFile: false,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^meshwright$/, replacement: `${root}sim/index.ts` },
        { find: /^meshwright\/sidecar$/, replacement: `${root}proxy/index.ts` },
      ],
    },
  });
  return module;
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const file = process.argv[2];
  if (file === undefined) {
    process.stderr.write('usage: node scripts/run-ts.mjs FILE [ARGUMENTS]\n');
    process.exit(2);
  }
  process.argv.splice(1, 1);
  const module = await importTs(file);
  if (typeof module.default === 'function') await module.default();
}
