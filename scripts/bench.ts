/** `npm run bench`: runs test/bench/*.bench.ts one after the other, each in a process of its own, and passes on their tables. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../test/bench/', import.meta.url));
const RUN_TS = fileURLToPath(new URL('./run-ts.mjs', import.meta.url));
const BENCH_MS_MAX = 15 * 60_000;

/** Arguments choose benches by a part of their name; those from the first flag on are passed to them. Exit code 1 when one fails. */
export default function bench(): void {
  const given = process.argv.slice(2);
  const flagAt = given.findIndex((argument) => argument.startsWith('--'));
  const wanted = flagAt < 0 ? given : given.slice(0, flagAt);
  const flags = flagAt < 0 ? [] : given.slice(flagAt);
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.bench.ts'))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .sort();
  if (files.length === 0) {
    process.stderr.write(`no bench matches ${wanted.join(' ') || '*.bench.ts'} in ${FOLDER}\n`);
    process.exit(2);
  }
  const failed: string[] = [];
  for (const name of files) {
    process.stdout.write(`\n── ${name}\n`);
    const { status } = spawnSync(process.execPath, ['--expose-gc', RUN_TS, `${FOLDER}${name}`, ...flags], {
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: BENCH_MS_MAX,
      killSignal: 'SIGKILL',
    });
    if (status !== 0) failed.push(name);
  }
  process.stdout.write(`\n${files.length - failed.length} of ${files.length} benches ran\n`);
  if (failed.length > 0) {
    process.stderr.write(`failed: ${failed.join(', ')}\n`);
    process.exit(1);
  }
}
