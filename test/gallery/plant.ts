/** Plants a bug: copies the built package, changes exact lines of it, and runs a scenario with the copy in a process of its own. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScenarioRecord } from '../../sim/spec/run-record.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

/** One exact line of a built file (relative to dist), which stands there once, and what it becomes. */
export interface Change {
  file: string;
  line: string;
  becomes: string;
}

export interface Planted {
  name: string;
  /** All of them together are the bug: a rule that is guarded twice falls only when both guards do. */
  changes: readonly Change[];
}

export interface Bug extends Planted {
  /** A module body that has scenario, check and load in scope and evaluates to the scenario's arguments. */
  scenario: string;
}

/** `planted` false runs the untouched mirror. */
export function runBug(bug: Bug, planted: boolean, world: 'virtual' | 'real' = 'virtual'): ScenarioRecord {
  const copy = plantedCopy(bug, planted, world);
  const { folder } = copy;
  try {
    const code = `import { scenario, check, load, runScenario } from './dist/sim/index.js';
const record = await runScenario(scenario(${JSON.stringify(bug.name)}, ${bug.scenario}), { world: '${world}', seed: 1 });
console.log(JSON.stringify(record));`;
    writeFileSync(join(folder, 'run.mjs'), code);
    const env = { PATH: process.env['PATH'] ?? '' };
    const out = execFileSync(process.execPath, [join(folder, 'run.mjs')], {
      env,
      encoding: 'utf8',
      timeout: 30_000,
    });
    return JSON.parse(out) as ScenarioRecord;
  } finally {
    copy.remove();
  }
}

/** A folder with the package in `dist`, and the bug in it; `planted` false: the mirror. It is the caller's to remove. */
export function plantedCopy({ name, changes }: Planted, planted: boolean, label: string) {
  const place = `${name}-${label}-${planted ? 'bug' : 'mirror'}-${process.pid}`;
  const folder = join(ROOT, '.meshwright/gallery', place);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    mkdirSync(folder, { recursive: true });
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'protos'), join(folder, 'protos'), { recursive: true });
    for (const change of changes) plant(join(folder, 'dist'), change, planted);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, remove };
}

function plant(dist: string, { file, line, becomes }: Change, planted: boolean): void {
  const target = join(dist, file);
  const parts = readFileSync(target, 'utf8').split(line);
  if (parts.length !== 2) {
    throw new Error(`${file} has ${parts.length - 1} times the line to change; the source drifted: ${line}`);
  }
  if (planted) writeFileSync(target, parts.join(becomes));
}
