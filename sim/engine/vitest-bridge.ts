/**
 * A scenario file is a vitest test file: here `scenario()` becomes one test per world. vitest is imported only where it
 * already runs; the import is awaited when this module loads, because a test must be registered in the same turn.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { scenarioError } from '../faults/params.ts';
import type { ScenarioRecord } from '../spec/run-record.ts';
import type { Scenario } from '../spec/scenario.ts';
import type { Progress } from './attempt.ts';
import { runScenario } from './run.ts';
import type { WorldName } from './worlds.ts';

/** What `meshwright run` tells its workers in MESHWRIGHT_RUN. */
interface Orders {
  worlds: readonly WorldName[];
  seed: number;
  folder: string | null;
  /** What one scenario in one world may take, ms of the wall clock. */
  timeoutMs: number;
}

export const PROGRESS_CHANNEL = 'meshwright.progress';
/** 'stop' from the command: end in order and hand the record back. 'stopping' from here: that is being done. */
const INTERRUPT_CHANNEL = 'meshwright.interrupt';
const PROGRESS_EVERY_MS = 200;
const TIMEOUT_MS = 600_000;

const inVitest = process.env['VITEST'] !== undefined || '__vitest_worker__' in globalThis;
const vitest = inVitest ? await import('vitest') : null;
/** Names seen per collected file: two of one name could not be told apart in reports. */
const names = new WeakMap<object, Set<string>>();

/** Registers the scenario's tests when vitest is collecting a file; does nothing inside a running test or elsewhere. */
export function registerWithVitest(scenario: Scenario): void {
  if (vitest === null || vitest.TestRunner.getCurrentTest() !== undefined) return;
  const suite = vitest.TestRunner.getCurrentSuite();
  const seen = names.get(suite) ?? new Set<string>();
  names.set(suite, seen);
  if (seen.has(scenario.name)) {
    const place = scenario.file ?? 'the scenario file';
    throw scenarioError(`two scenarios are named '${scenario.name}'`, place, 'rename one of them');
  }
  seen.add(scenario.name);
  const orders = readOrders();
  for (const world of orders.worlds) {
    if (scenario.spec.worlds !== undefined && !scenario.spec.worlds.includes(world)) continue;
    const title = orders.worlds.length > 1 ? `${scenario.name} (${world})` : scenario.name;
    vitest.test(title, { timeout: orders.timeoutMs }, async ({ task, signal }) => {
      const record = await runHere(scenario, world, orders, task.file.filepath, signal);
      (task.meta as { meshwright?: ScenarioRecord }).meshwright = record;
      if (record.outcome !== 'holds') throw plainError(record);
    });
  }
}

async function runHere(
  scenario: Scenario,
  world: WorldName,
  { seed, folder }: Orders,
  file: string,
  signal: AbortSignal,
): Promise<ScenarioRecord> {
  const channel = new BroadcastChannel(PROGRESS_CHANNEL);
  const interrupt = listenForStop(signal);
  let lastMs = Number.NEGATIVE_INFINITY;
  const onProgress = (progress: Progress): void => {
    if (performance.now() - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = performance.now();
    channel.postMessage(progress);
  };
  try {
    return await runScenario(scenario, { world, seed, folder, file, signal: interrupt.signal, onProgress });
  } finally {
    channel.close();
    interrupt.close();
  }
}

/**
 * A signal that the command's 'stop' aborts, and vitest's own signal too. vitest gives a cancelled test up at once, and
 * with it the record of what was found until then; so the command asks first and cancels when the test has ended.
 */
function listenForStop(cancelled: AbortSignal): { signal: AbortSignal; close: () => void } {
  const abort = new AbortController();
  const channel = new BroadcastChannel(INTERRUPT_CHANNEL);
  channel.onmessage = (message) => {
    if ((message as { data: unknown }).data !== 'stop') return;
    channel.postMessage('stopping');
    abort.abort();
  };
  const onCancel = (): void => abort.abort();
  if (cancelled.aborted) onCancel();
  else cancelled.addEventListener('abort', onCancel, { once: true });
  return {
    signal: abort.signal,
    close: () => {
      channel.close();
      cancelled.removeEventListener('abort', onCancel);
    },
  };
}

/** MESHWRIGHT_RUN, or the virtual world with seed 1. */
function readOrders(): Orders {
  const text = process.env['MESHWRIGHT_RUN'];
  const orders: Orders = { worlds: ['virtual'], seed: 1, folder: null, timeoutMs: TIMEOUT_MS };
  if (text === undefined || text === '') return orders;
  const given = JSON.parse(text) as Partial<Orders>;
  return { ...orders, ...given };
}

/** What the run found, in words; without a stack, which would show the engine and not the scenario. */
function plainError(record: ScenarioRecord): Error {
  const error = new Error(explain(record));
  error.name = record.outcome;
  error.stack = '';
  return error;
}

/** The verdicts that did not hold, one per line, and the command that runs it again. */
export function explain(record: ScenarioRecord): string {
  const lines = record.verdicts
    .filter((verdict) => verdict.outcome !== 'holds')
    .map(({ check, outcome, explanation }) => `${check}: ${outcome}. ${explanation}`);
  if (record.error !== null) lines.unshift(`${record.error.code}: ${record.error.message}`);
  lines.push(`Again: ${record.replay}`);
  return lines.join('\n');
}
