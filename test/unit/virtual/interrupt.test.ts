/** A virtual run makes way for timers and for Ctrl-C: an abort from a timer ends it in the midst of its load. */
import { expect, test } from 'vitest';
import { noLostRequests } from '../../../sim/checks/no-lost-requests.ts';
import { load } from '../../../sim/engine/load.ts';
import { runScenario } from '../../../sim/engine/run.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';

test('an abort from a timer interrupts a long run', async () => {
  const long = defineScenario('hours of load', {
    mesh: { services: { greeter: { instances: 2 } } },
    load: load.open({ ratePerSecond: 2_000, arrivals: 'constant', forMs: 1_000_000 }),
    checks: [noLostRequests()],
  });
  const abort = new AbortController();
  let calls = 0;
  const record = await runScenario(long, {
    world: 'virtual',
    seed: 1,
    signal: abort.signal,
    onProgress: (progress) => {
      if (calls === 0) setTimeout(() => abort.abort(), 1);
      calls = progress.calls;
    },
  });
  expect(record.outcome).toBe('interrupted');
  expect(calls).toBeLessThan(1_500_000);
});
