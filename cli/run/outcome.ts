/** From outcomes to one outcome and one exit code. */
import type { RunRecord, ScenarioRecord } from '../../sim/spec/run-record.ts';

type Overall = RunRecord['outcome'];

/** Worst first. A run that was cut short says so whatever else it found. */
const WORST_FIRST: readonly Overall[] = [
  'interrupted',
  'violated',
  'error',
  'inconclusive',
  'not exercised',
  'holds',
];

const EXIT_CODES: Readonly<Record<Overall, number>> = {
  holds: 0,
  violated: 1,
  error: 2,
  inconclusive: 2,
  'not exercised': 2,
  interrupted: 130,
};

/** Worst outcome over scenarios and errors. A run without any scenario is an error: nothing was judged. */
export function worstOutcome(
  scenarios: readonly Pick<ScenarioRecord, 'outcome'>[],
  errorCount: number,
  interrupted: boolean,
): Overall {
  const seen = new Set<Overall>(scenarios.map((scenario) => scenario.outcome));
  if (interrupted) seen.add('interrupted');
  if (errorCount > 0 || seen.size === 0) seen.add('error');
  return WORST_FIRST.find((outcome) => seen.has(outcome)) ?? 'error';
}

/** 0 holds · 1 violated · 2 cannot tell or could not run · 130 interrupted. */
export function exitCodeOf(outcome: Overall): number {
  return EXIT_CODES[outcome];
}
