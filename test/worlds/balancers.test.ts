/** Balancers in both worlds: the same scenario, judged by the same check. */
import { describe, expect, test } from 'vitest';
import { hashAffinity } from '../../sim/checks/hash-affinity.ts';
import { leastRequest } from '../../sim/checks/least-request.ts';
import { noLostRequests } from '../../sim/checks/no-lost-requests.ts';
import { weightedShare } from '../../sim/checks/weighted-share.ts';
import { load } from '../../sim/engine/load.ts';
import type { ScenarioSpec } from '../../sim/spec/scenario.ts';
import { runIn } from './arms.ts';

const CASES: Record<string, ScenarioSpec<'greeter'>> = {
  weighted_round_robin: {
    mesh: {
      services: { greeter: { instances: 3, weights: [1, 2, 5] } },
      sidecar: { balancer: 'weighted_round_robin' },
    },
    load: load.open({ ratePerSecond: 200, forMs: 1_000 }),
    checks: [weightedShare({ errorMax: 1.01 }), noLostRequests()],
  },
  least_request: {
    mesh: {
      services: { greeter: { instances: 3, latency: load.constant(20) } },
      sidecar: { balancer: { name: 'least_request', choices: 3 } },
    },
    load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 1_000 }),
    checks: [leastRequest(), noLostRequests()],
  },
  ring_hash: {
    mesh: {
      services: { greeter: { instances: 4 } },
      sidecar: { balancer: { name: 'ring_hash', pointsPerWeight: 50 } },
    },
    load: load.open({ ratePerSecond: 200, keys: 30, forMs: 1_500 }),
    faults: (at) => [at(600).add('greeter')],
    checks: [hashAffinity(), noLostRequests()],
  },
  maglev: {
    mesh: {
      services: { greeter: { instances: 4 } },
      sidecar: { balancer: { name: 'maglev', tableSize: 1_009 } },
    },
    load: load.open({ ratePerSecond: 200, keys: 30, forMs: 1_500 }),
    faults: (at) => [at(600).remove('greeter/1')],
    checks: [hashAffinity({ strayShareMax: 0.05 }), noLostRequests()],
  },
};

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  test.each(Object.entries(CASES))('%s', async (name, spec) => {
    const seen = await runIn(world, name, spec);
    for (const { check, outcome, explanation } of seen.record.verdicts) {
      expect([check, outcome, explanation]).toEqual([check, 'holds', explanation]);
    }
  });
});
