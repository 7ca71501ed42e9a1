/**
 * `npm run scoreboard`: runs every bench and counter there is and prints one table: name, value, the anchor measured in the
 * same run (what the value is to be held against), goal, pass. Exit code 1 when a goal is missed or a part does not run.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printRows, reached, type Row } from '../test/bench/table.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PART_MS_MAX = 15 * 60_000;
const FUZZ_SECONDS = 5;
const FUZZ_TRACES_DIR = 'test/fuzz/traces';

/** Arguments choose parts by a word of their name; `--json` prints one line of JSON; `--quick` shortens the proxy bench. */
export default function scoreboard(): void {
  const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const rows: Row[] = [];
  const failed: string[] = [];
  for (const [name, measure] of parts()) {
    if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
    process.stderr.write(`scoreboard: ${name} …\n`);
    try {
      rows.push(...measure());
    } catch (error) {
      failed.push(`${name}: ${(error as Error).message}`);
    }
  }
  printRows('scoreboard', rows, process.argv.includes('--json'));
  const missed = rows.filter((row) => reached(row) === false).length;
  const judged = rows.filter((row) => reached(row) !== null).length;
  process.stderr.write(`\n${judged - missed} of ${judged} goals reached\n`);
  for (const line of failed) process.stderr.write(`did not run: ${line}\n`);
  if (missed + failed.length > 0 || rows.length === 0) process.exitCode = 1;
}

function parts(): [name: string, measure: () => Row[]][] {
  const benches = readdirSync(join(ROOT, 'test/bench')).filter((name) => name.endsWith('.bench.ts'));
  return [
    ['package', packageRows],
    ['tests', testRows],
    ['fuzz', fuzzRows],
    ...benches.sort().map((name): [string, () => Row[]] => [name, () => benchRows(name)]),
  ];
}

/** A bench with `--json` says its rows in its last line. */
function benchRows(name: string): Row[] {
  const quick = name === 'proxy.bench.ts' && process.argv.includes('--quick') ? ['--quick'] : [];
  const stdout = run(['--expose-gc', 'scripts/run-ts.mjs', `test/bench/${name}`, '--json', ...quick]);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  const { rows } = JSON.parse(last) as { rows: (Omit<Row, 'value'> & { value: number | null })[] };
  // JSON has no NaN: a figure that could not be measured comes as null, and must not pass as 0.
  return rows.map((row) => ({ ...row, value: row.value ?? Number.NaN }));
}

function packageRows(): Row[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  const installed = Object.entries(lock.packages).filter(
    ([path, entry]) => path !== '' && !(entry.dev ?? entry.optional ?? entry.devOptional ?? false),
  );
  return [
    counted('dist, compiled JavaScript', Math.round(octets(join(ROOT, 'dist'), '.js') / 1024), 'KiB'),
    counted('dependencies, direct', Object.keys(manifest.dependencies).length, 'packages'),
    counted('dependencies, all, without optional ones', installed.length, 'packages'),
  ];
}

function octets(folder: string, ending: string): number {
  let sum = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith(ending)) sum += statSync(join(folder, name)).size;
  }
  return sum;
}

/** The whole suite, by the closing line that it prints. */
function testRows(): Row[] {
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run'], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: PART_MS_MAX,
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const closing = /^(\d+) passed, (\d+) failed$/m.exec(stdout ?? '');
  if (closing === null) throw new Error('the test run printed no closing line');
  const [passed, failed] = [Number(closing[1]), Number(closing[2])];
  return [
    counted('tests passed', passed, 'tests'),
    { name: 'tests failed', value: failed, unit: 'tests', goal: { bound: 0, side: 'at most' }, note: '' },
  ];
}

function fuzzRows(): Row[] {
  const stdout = run(['scripts/run-ts.mjs', 'scripts/fuzz.ts', '--seconds', String(FUZZ_SECONDS)]);
  const told = /fuzz: (\d+) rounds, (\d+) a second, (\d+) findings/.exec(stdout);
  if (told === null) throw new Error('the fuzzer told no figures');
  const [, , rate, findings] = told.map(Number);
  return [
    counted('wire fuzzer', rate ?? 0, 'rounds/s'),
    {
      name: 'wire fuzzer, findings',
      value: findings ?? 0,
      unit: 'traces',
      goal: { bound: 0, side: 'at most' },
      note: `${FUZZ_SECONDS} s from a fresh seed; saved in ${FUZZ_TRACES_DIR}`,
    },
  ];
}

function counted(name: string, value: number, unit: string): Row {
  return { name, value, unit, goal: null, note: '' };
}

/** Standard output of a Node process in the checkout. Throws when it ends in any other way than with code 0. */
function run(arguments_: readonly string[]): string {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...arguments_], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: PART_MS_MAX,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
  });
  if (status !== 0)
    throw new Error(`ended with ${signal ?? status}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  return stdout;
}
