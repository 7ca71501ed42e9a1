/** `fault.arbitrary` draws plans that can be run, of the kinds asked for, and shrinks to a single fault. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noLostRequests } from '../../../sim/checks/no-lost-requests.ts';
import { fault } from '../../../sim/engine/fault.ts';
import { load } from '../../../sim/engine/load.ts';
import { planScenario } from '../../../sim/engine/plan.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';
import type { FaultSpec } from '../../../sim/spec/scenario.ts';

const planOf = (instances: number, forMs: number, faults: readonly FaultSpec[]) =>
  planScenario(
    defineScenario('drawn', {
      mesh: { services: { greeter: { instances } } },
      load: load.open({ ratePerSecond: 10, forMs }),
      faults: () => faults,
      checks: [noLostRequests()],
    }),
  );

test('every plan can be run, strikes an instance once, leaves one alone, and is over by three quarters', () => {
  const sizes = fc.record({
    instances: fc.integer({ min: 1, max: 8 }),
    forMs: fc.integer({ min: 100, max: 9_000 }),
  });
  const cases = sizes.chain((size) =>
    fault
      .arbitrary({ service: 'greeter', ...size, kinds: fault.kinds, faultsMax: 6 })
      .map((faults) => ({ ...size, faults })),
  );
  fc.assert(
    fc.property(cases, ({ instances, forMs, faults }) => {
      const plan = planOf(instances, forMs, faults);
      const struck = new Set(faults.filter(({ kind }) => kind !== 'add').map(({ target }) => target));
      expect(struck.size).toBeLessThan(Math.max(2, instances));
      expect(struck.size === 0 || struck.size < instances).toBe(true);
      for (const one of faults) {
        expect(one.atMs).toBeGreaterThan(0);
        const lastsMs = (one.params as { for?: number }).for ?? 0;
        expect(one.atMs + lastsMs).toBeLessThanOrEqual(Math.max(20, 0.75 * forMs));
      }
      expect(plan.faults.length).toBe(faults.length);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('draws every kind; swarm: most plans lack some', () => {
  const drawn = fc.sample(fault.arbitrary({ service: 'greeter', instances: 9, forMs: 4_000, faultsMax: 8 }), {
    seed: 1,
    numRuns: 300,
  });
  const kinds = new Set(drawn.flat().map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(
    fault.kinds.filter((kind) => kind !== 'bandwidth' && !/^(sidecar|xds|registry)\./.test(kind)).toSorted(),
  );
  const uniform = drawn.filter((plan) => plan.length >= 4 && new Set(plan.map(({ kind }) => kind)).size <= 2);
  expect(uniform.length).toBeGreaterThan(5);
  const healed = drawn.flat().filter(({ kind }, at) => kind === 'restart' && at > 0);
  expect(healed.length).toBeGreaterThan(10);
});

test('only the kinds asked for; shrinks to the one fault that matters', () => {
  const arbitrary = fault.arbitrary({ service: 'greeter', instances: 6, forMs: 4_000, faultsMax: 5 });
  const found = fc.check(
    fc.property(arbitrary, (plan) => !plan.some(({ kind }) => kind === 'pause')),
    { seed: 3, numRuns: 1_000 },
  );
  expect(found.failed).toBe(true);
  expect(found.counterexample?.[0].map(({ kind }) => kind)).toEqual(['pause']);
  const only = fault.arbitrary({ service: 'greeter', instances: 6, forMs: 4_000, kinds: ['latency'] });
  const pair = fault.arbitrary({
    service: 'greeter',
    instances: 3,
    forMs: 4_000,
    kinds: ['pause'],
    faultsMin: 2,
  });
  for (const plan of fc.sample(pair, { seed: 1, numRuns: 50 })) expect(plan.length).toBe(2);
  for (const plan of fc.sample(only, { seed: 1, numRuns: 50 })) {
    for (const { kind } of plan) expect(kind).toBe('latency');
  }
});
