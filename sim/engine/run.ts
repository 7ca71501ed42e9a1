/** Runs one scenario in one world and judges it: the whole way from a plan to a record, leaving nothing running behind. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshwrightError } from '../base/errors.ts';
import { scenarioError, show } from '../faults/params.ts';
import type { Scenario } from '../spec/scenario.ts';
import type { ScenarioRecord } from '../spec/run-record.ts';
import { attempt, type Progress } from './attempt.ts';
import { type JournalOutput, openJournal } from './journal-output.ts';
import { planScenario } from './plan.ts';
import { createWorld, type WorldFactory, type WorldName } from './worlds.ts';

export interface RunOptions {
  world: WorldName;
  /** Everything random in the run comes from it: a whole number from 0 to 2^32 - 1. */
  seed: number;
  /** Aborted by Ctrl-C; the record then says `interrupted`. */
  signal?: AbortSignal;
  /** Where the journal and logs go; null (default): the journal is not written. */
  folder?: string | null;
  onProgress?: (progress: Progress) => void;
  /** Keeps the journal in memory for `onJournal`. Default false. */
  retain?: boolean;
  /** Gets the retained journal once the run is judged. */
  onJournal?: (journal: import('../journal/journal.ts').Journal) => void;
  /** Scenario file to name in the record; default the file that declared it. */
  file?: string | null;
  /** Makes the world; tests give their own. */
  createWorld?: WorldFactory;
}

/** Never throws for what a scenario or a world does: trouble is in the record. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioRecord> {
  const startedMs = performance.now();
  const file = options.file === undefined ? scenario.file : options.file;
  const make = (): Promise<ScenarioRecord> => once(scenario, options, file);
  let record = await make();
  const cannotTell = record.outcome === 'inconclusive' || record.outcome === 'not exercised';
  if (options.world === 'real' && cannotTell && options.signal?.aborted !== true) {
    record = { ...(await make()), tries: 2 };
  }
  return { ...record, wallMs: Math.round(performance.now() - startedMs) };
}

async function once(scenario: Scenario, options: RunOptions, file: string | null): Promise<ScenarioRecord> {
  const { world, seed, folder = null } = options;
  const base = blank(scenario, world, seed, file);
  let output: JournalOutput | null = null;
  try {
    if (!Number.isInteger(seed) || seed < 0 || seed > 4_294_967_295) {
      throw scenarioError(`the seed is ${show(seed)}`, base.name, 'give a whole number from 0 to 4294967295');
    }
    const plan = planScenario(scenario);
    const factory = options.createWorld ?? ((inner) => createWorld(world, inner));
    if (folder !== null) {
      output = openJournal(folder, { scenario: scenario.name, source: base.file, world, seed, plan });
    }
    const result = await attempt(scenario, plan, { ...options, factory, journalFile: output?.file ?? null });
    return { ...base, ...result, ...output?.inRecord() };
  } catch (error) {
    // What was recorded until then stays readable; without a footer it says that it is cut short.
    output?.file.close();
    return { ...base, ...failure(error, scenario), ...output?.inRecord() };
  }
}

function failure(error: unknown, scenario: Scenario): Pick<ScenarioRecord, 'outcome' | 'error'> {
  if (error instanceof MeshwrightError) {
    const outcome = error.code === 'MW_INTERRUPTED' ? 'interrupted' : 'error';
    return { outcome, error: { code: error.code, message: error.toString().replace(/^MW_\w+: /, '') } };
  }
  const code = scenario.body === null ? 'MW_BUG' : 'MW_SCENARIO';
  return { outcome: 'error', error: { code, message: inShort(error) } };
}

/** What an unexpected error says, and the file and line it comes from; the whole stack with MESHWRIGHT_DEBUG. */
function inShort(error: unknown): string {
  if (!(error instanceof Error)) return `something that is no Error was thrown: ${show(error)}`;
  const stack = error.stack ?? '';
  if ((process.env['MESHWRIGHT_DEBUG'] ?? '') !== '') return stack === '' ? error.message : stack;
  const [line = ''] = error.message.split('\n');
  const said = line.startsWith(error.name) ? line : `${error.name}: ${line}`;
  const frame = /^\s+at (?:.*\(|async )?((?!node:).+:\d+):\d+\)?$/m.exec(stack)?.[1];
  if (frame === undefined) return said;
  const path = frame.startsWith('file://') ? fileURLToPath(frame) : frame;
  return `${said} (at ${path}); MESHWRIGHT_DEBUG=1 shows the stack`;
}

function blank(scenario: Scenario, world: WorldName, seed: number, file: string | null): ScenarioRecord {
  const shown = file === null ? null : relative(process.cwd(), file);
  const none = { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
  return {
    name: scenario.name,
    shows: scenario.spec.shows ?? null,
    file: shown,
    world,
    seed,
    journalHash: '',
    journalEvents: 0,
    journalFile: null,
    outcome: 'error',
    verdicts: [],
    replay: `npx meshwright run ${quoted(shown ?? '<file>')} --world ${world} --seed ${seed}`,
    error: null,
    simulatedMs: 0,
    wallMs: 0,
    stats: {
      calls: 0,
      ok: 0,
      statuses: {},
      unanswered: 0,
      attempts: 0,
      retries: 0,
      latency: none,
      directLatency: null,
      sidecarCpuUsPerCall: null,
      instances: [],
    },
    timeline: { bucketMs: 100, lanes: [], faults: [], calls: [], failed: [], retries: [], p99Ms: [] },
  };
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./@:<>-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
