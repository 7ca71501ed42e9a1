/** Waits for its abort signal, then says how it ended; for Ctrl-C. */
import { test } from 'vitest';
import { sampleScenario } from '../../unit/reports/sample-record.ts';

test('waits for ever', { timeout: 600_000 }, async ({ task, signal }) => {
  console.log('waiting now');
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  const record = sampleScenario('waits for ever', 'virtual', 2, 'inconclusive');
  Reflect.set(task.meta, 'meshwright', { ...record, outcome: 'interrupted', verdicts: [] });
});
