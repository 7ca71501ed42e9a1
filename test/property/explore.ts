/**
 * Runs drawn scenarios until one is violated; the failing one is shrunk to the fewest faults (in the real world, where a run
 * takes seconds, it is not) and thrown as a scenario to paste, with its seed. MESHWRIGHT_PROPERTY_SEED and MESHWRIGHT_PROPERTY_RUNS change what is drawn.
 */
import fc from 'fast-check';
import { type RunOptions, runScenario } from '../../sim/engine/run.ts';
import { toSource } from '../../sim/engine/to-source.ts';
import type { ScenarioRecord } from '../../sim/spec/run-record.ts';
import type { Scenario } from '../../sim/spec/scenario.ts';

export interface Case {
  scenario: Scenario;
  seed: number;
}

export interface Explored {
  runs: number;
  calls: number;
  /** Runs by outcome, and how often each check's trigger occurred in all. */
  outcomes: Record<string, number>;
  exercised: Record<string, number>;
  faults: Record<string, number>;
  last: ScenarioRecord | null;
  /** Inconclusive verdicts, in words. */
  doubts: string[];
}

/** Throws the smallest case found whose checks are violated or that cannot be run at all. */
export async function explore(
  cases: fc.Arbitrary<Case>,
  runs: number,
  options: Omit<RunOptions, 'seed'>,
): Promise<Explored> {
  const real = options.world === 'real';
  const total: Explored = {
    runs: 0,
    calls: 0,
    outcomes: {},
    exercised: {},
    faults: {},
    last: null,
    doubts: [],
  };
  const property = fc.asyncProperty(cases, async ({ scenario, seed }) => {
    const record = await runScenario(scenario, { ...options, seed });
    add(total, record);
    return complaints(record).length === 0;
  });
  const seed = Number(process.env['MESHWRIGHT_PROPERTY_SEED'] ?? 1);
  const numRuns = Math.ceil(runs * Number(process.env['MESHWRIGHT_PROPERTY_RUNS'] ?? 1));
  const found = await fc.check(property, { seed, numRuns, endOnFailure: real });
  if (!found.failed) return total;
  const [smallest] = found.counterexample as [Case];
  const record = real
    ? (total.last as ScenarioRecord)
    : await runScenario(smallest.scenario, { ...options, seed: smallest.seed });
  throw new Error(
    [
      `run ${found.numRuns} of ${numRuns} broke it (fast-check seed ${found.seed}, shrunk ${found.numShrinks} times)`,
      ...complaints(record),
      '',
      toSource(smallest.scenario, smallest.seed),
    ].join('\n'),
  );
}

function complaints(record: ScenarioRecord): string[] {
  if (record.error !== null) return [`${record.error.code}: ${record.error.message}`];
  return record.verdicts
    .filter(({ outcome }) => outcome === 'violated')
    .map(({ check, explanation }) => `${check}: ${explanation}`);
}

function add(total: Explored, record: ScenarioRecord): void {
  total.runs += 1;
  total.calls += record.stats.calls;
  total.last = record;
  for (const { outcome, check, explanation } of record.verdicts) {
    if (outcome === 'inconclusive') total.doubts.push(`${check}: ${explanation}`);
  }
  count(total.outcomes, record.outcome, 1);
  for (const { check, exercised } of record.verdicts) count(total.exercised, check, exercised);
  for (const { kind } of record.timeline.faults) count(total.faults, kind, 1);
}

function count(counts: Record<string, number>, key: string, by: number): void {
  counts[key] = (counts[key] ?? 0) + by;
}
