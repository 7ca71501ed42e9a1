/** Wall clock of the shipped catalogue through the command, in the virtual world alone and in both worlds. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from '../../sim/spec/run-record.ts';
import { printRows, type Row } from './table.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUN_MS_MAX = 300_000;
const VIRTUAL_GOAL_S = 10;
const BOTH_GOAL_S = 120;

/** `--json` prints one line of JSON instead of the table. */
export default function bench(): void {
  printRows('catalogue', measureCatalogue(), process.argv.includes('--json'));
}

function measureCatalogue(): Row[] {
  const first = runCatalogue('virtual', 1);
  const again = runCatalogue('virtual', 1);
  const other = runCatalogue('virtual', 2);
  const both = runCatalogue('both', 1);
  const hashes = ({ record }: Ran) => record.scenarios.map(({ journalHash }) => journalHash);
  const same = hashes(first).filter((hash, index) => hash === hashes(again)[index]).length;
  const differ = hashes(first).filter((hash, index) => hash !== hashes(other)[index]).length;
  const count = first.record.scenarios.length;
  const holding = both.record.scenarios.filter(({ outcome }) => outcome === 'holds').length;
  const least = (bound: number): Row['goal'] => ({ bound, side: 'at least' });
  const most = (bound: number): Row['goal'] => ({ bound, side: 'at most' });
  return [
    row('catalogue, virtual world', first.seconds, 's', most(VIRTUAL_GOAL_S), `${count} scenarios`),
    row('catalogue, both worlds', both.seconds, 's', most(BOTH_GOAL_S), `outcome: ${both.record.outcome}`),
    row('scenarios that hold, both worlds', holding, 'runs', least(both.record.scenarios.length), ''),
    row('same seed, same journal hash', same, 'scenarios', least(count), `of ${count}`),
    // One that draws nothing at random has the same journal for every seed.
    row('other seed, other journal hash', differ, 'scenarios', least(count), `of ${count}`),
  ];
}

function row(name: string, value: number, unit: string, goal: Row['goal'], note: string): Row {
  return { name, value, unit, goal, note };
}

interface Ran {
  seconds: number;
  record: RunRecord;
}

/** The run folder goes to a place of its own, so that the checkout stays as it is. Throws when there is no record. */
function runCatalogue(world: 'virtual' | 'both', seed: number): Ran {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-catalogue-'));
  try {
    symlinkSync(join(ROOT, 'scenarios'), join(folder, 'scenarios'));
    const json = join(folder, 'record.json');
    const arguments_ = [join(ROOT, 'bin/meshwright.js'), 'run', '--world', world, '--seed', String(seed)];
    const beginMs = performance.now();
    const { stderr } = spawnSync(process.execPath, [...arguments_, '--json', json, 'scenarios'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: RUN_MS_MAX,
    });
    const seconds = (performance.now() - beginMs) / 1e3;
    if (stderr !== '') process.stderr.write(stderr);
    return { seconds, record: JSON.parse(readFileSync(json, 'utf8')) as RunRecord };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
