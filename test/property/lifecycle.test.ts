/** Whatever is done to sidecars politely, and whenever: no call is lost, and who leaves is gone in time. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { runScenario } from '../../sim/engine/run.ts';
import { defineScenario } from '../../sim/engine/scenario.ts';
import { toSource } from '../../sim/engine/to-source.ts';
import type { FaultSpec, Scenario } from '../../sim/spec/scenario.ts';

const FOR_MS = 3_000;
const RUNS = 60;

const change = fc.record({
  atMs: fc.integer({ min: 1, max: FOR_MS - 1 }),
  kind: fc.constantFrom('sidecar.reload', 'sidecar.hotRestart'),
  target: fc.constantFrom('sidecar/0', 'sidecar/1', 'sidecar/*'),
});

test('reloads and hot restarts in any order and at any time, and a drain among them [LC-01, LC-04, LC-07]', async () => {
  const cases = fc.record({
    changes: fc.array(change, { maxLength: 8 }),
    drainMs: fc.integer({ min: 1, max: FOR_MS - 1 }),
    latencyMs: fc.integer({ min: 1, max: 900 }),
    health: fc.boolean(),
    seed: fc.integer({ min: 1, max: 1_000_000 }),
  });
  let crossed = 0;
  await fc.assert(
    fc.asyncProperty(cases, async ({ changes, drainMs, latencyMs, health, seed }) => {
      // After its drain nothing can be done to sidecar 1 any more.
      const polite: FaultSpec[] = changes
        .filter(({ atMs, target }) => target === 'sidecar/0' || atMs < drainMs)
        .map((one) => ({ ...one, params: {} }));
      const drain: FaultSpec = { atMs: drainMs, kind: 'sidecar.drain', target: 'sidecar/1', params: {} };
      const scenario = defineScenario('lifecycle', {
        mesh: {
          services: { greeter: { instances: 3, latency: load.uniform({ minMs: 1, maxMs: latencyMs }) } },
          sidecar: {
            replicas: 2,
            drainDelayMs: 100,
            drainMs: 5_000,
            health: health ? { intervalMs: 100 } : null,
          },
        },
        load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: FOR_MS, deadlineMs: 10_000 }),
        faults: () => [...polite, drain],
        checks: [check.cutOver({ goneWithinMs: 1_500 }), check.noLostRequests()],
      });
      const { verdicts, error } = await runScenario(scenario as Scenario, { world: 'virtual', seed });
      expect(error).toBeNull();
      for (const { outcome, explanation, exercised, check: name } of verdicts) {
        if (name === 'cutOver') crossed += exercised;
        if (outcome === 'violated')
          throw new Error(`${explanation}\n${toSource(scenario as Scenario, seed)}`);
      }
    }),
    { numRuns: RUNS, seed: 7 },
  );
  expect(crossed).toBeGreaterThan(RUNS);
}, 60_000);
