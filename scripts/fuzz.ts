// Runs the wire fuzzer for a given time: `npm run fuzz -- --seconds 60`. Prints rounds a second and findings, and saves
// each finding under test/fuzz/traces, where the test suite replays it from then on.
import { startVitest } from 'vitest/node';

const at = process.argv.indexOf('--seconds');
const seconds = at < 0 ? 30 : Number(process.argv[at + 1]);
if (!Number.isFinite(seconds) || seconds <= 0) {
  console.error('fuzz: --seconds needs a positive number, for example --seconds 60');
  process.exit(2);
}
process.env['MESHWRIGHT_FUZZ_SECONDS'] = String(seconds);
const vitest = await startVitest('test', ['test/fuzz/wire.test.ts'], { watch: false });
await vitest.close();
