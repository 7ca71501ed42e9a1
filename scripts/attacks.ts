// Runs the table of attacks and prints what was measured for each row: `node scripts/run-ts.mjs scripts/attacks.ts`.
import { startVitest } from 'vitest/node';

process.env['MESHWRIGHT_ATTACK_TABLE'] = '1';
const vitest = await startVitest('test', ['test/attacks'], { watch: false, reporters: ['dot'] });
await vitest.close();
