/** Plants a bug: copies the built package, changes one exact line of it, and runs a scenario with the copy in a process of its own. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScenarioRecord } from '../../sim/spec/run-record.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

export interface Bug {
  name: string;
  /** Built file, relative to dist. */
  file: string;
  line: string;
  becomes: string;
  /** A module body that has scenario, check and load in scope and evaluates to the scenario's arguments. */
  scenario: string;
}

/** `planted` false runs the untouched mirror. */
export function runBug(bug: Bug, planted: boolean): ScenarioRecord {
  const folder = join(
    ROOT,
    '.meshwright/gallery',
    `${bug.name}-${planted ? 'bug' : 'mirror'}-${process.pid}`,
  );
  try {
    mkdirSync(folder, { recursive: true });
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    const target = join(folder, 'dist', bug.file);
    const parts = readFileSync(target, 'utf8').split(bug.line);
    if (parts.length !== 2) {
      throw new Error(
        `${bug.file} has ${parts.length - 1} times the line to change; the source drifted: ${bug.line}`,
      );
    }
    if (planted) writeFileSync(target, parts.join(bug.becomes));
    const code = `import { scenario, check, load, runScenario } from './dist/sim/index.js';
const record = await runScenario(scenario(${JSON.stringify(bug.name)}, ${bug.scenario}), { world: 'virtual', seed: 1 });
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
    rmSync(folder, { recursive: true, force: true });
  }
}
