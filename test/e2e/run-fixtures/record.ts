/** For the run command's own tests: a vitest test that hands back a scenario record, without any engine behind it. */
import { test } from 'vitest';
import { sampleScenario } from '../../unit/reports/sample-record.ts';
import type { Outcome } from '../../../sim/spec/check.ts';

/** `changes` go over a record with that outcome. */
export function givesBack(name: string, outcome: Outcome, changes: Record<string, unknown> = {}): void {
  test(name, ({ task }) => {
    Reflect.set(task.meta, 'meshwright', { ...sampleScenario(name, 'virtual', 5, outcome), ...changes });
  });
}
