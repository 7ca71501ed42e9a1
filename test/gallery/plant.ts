/** Runs a scenario in a process of its own: with a copy of the built package in which exact lines are changed, or with the package as it is. */
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

type World = 'virtual' | 'real';

/** With the bug. */
export function runPlanted(bug: Bug, world: World): ScenarioRecord {
  const { folder, remove } = plantedCopy(bug, world);
  try {
    return run(folder, bug.scenario, world);
  } finally {
    remove();
  }
}

const mirrors = new Map<string, ScenarioRecord>();

/** Without it. In the virtual world a run is the same each time, so bugs of one scenario share it. */
export function runMirror({ scenario }: Bug, world: World): ScenarioRecord {
  const record = (world === 'virtual' ? mirrors.get(scenario) : undefined) ?? run(ROOT, scenario, world);
  if (world === 'virtual') mirrors.set(scenario, record);
  return record;
}

/** A folder with the package in `dist`, and the bug in it. It is the caller's to remove. */
export function plantedCopy({ name, changes }: Planted, label: string) {
  const folder = join(ROOT, '.meshwright/gallery', `${name}-${label}-${process.pid}`);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    mkdirSync(folder, { recursive: true });
    const filter = (file: string): boolean => !file.endsWith('.d.ts');
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true, filter });
    cpSync(join(ROOT, 'protos'), join(folder, 'protos'), { recursive: true });
    for (const change of changes) plant(join(folder, 'dist'), change);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, remove };
}

function run(root: string, scenario: string, world: World): ScenarioRecord {
  const code = `import { scenario, check, load, runScenario } from './dist/sim/index.js';
const record = await runScenario(scenario('an exhibit', ${scenario}), { world: '${world}', seed: 1 });
console.log(JSON.stringify(record));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '' },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return JSON.parse(out) as ScenarioRecord;
}

function plant(dist: string, { file, line, becomes }: Change): void {
  const target = join(dist, file);
  const parts = readFileSync(target, 'utf8').split(line);
  if (parts.length !== 2) {
    throw new Error(`${file} has ${parts.length - 1} times the line to change; the source drifted: ${line}`);
  }
  writeFileSync(target, parts.join(becomes));
}
