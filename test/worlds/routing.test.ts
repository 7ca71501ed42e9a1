/** Routes in both worlds: the same scenario, judged by the same checks. */
import { describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import type { ScenarioSpec } from '../../sim/spec/scenario.ts';
import { runIn } from './arms.ts';

const greeter = { instances: 4 };

const CASES: Record<string, ScenarioSpec<'greeter'>> = {
  'a split, and a header before it': {
    mesh: {
      services: { greeter },
      sidecar: {
        clusters: { next: { instances: [2], balancer: 'least_request' }, fixed: { instances: [3] } },
        routes: [
          { match: { headers: { 'x-key': '0' } }, cluster: 'fixed', rewrite: { remove: ['x-key'] } },
          { split: { default: 2, next: 1 } },
        ],
      },
    },
    load: load.open({ ratePerSecond: 200, keys: 4, forMs: 2_000 }),
    checks: [check.split({ shares: { fixed: 3, default: 6, next: 3 } }), check.noLostRequests()],
  },
  'copies to a cluster that dies': {
    mesh: {
      services: { greeter },
      sidecar: {
        clusters: { shadow: { instances: [3] } },
        routes: [{ cluster: 'default', mirror: { cluster: 'shadow', concurrentMax: 1_000 } }],
      },
    },
    load: load.open({ ratePerSecond: 100, forMs: 2_000 }),
    faults: (at) => [at(1_000).kill('greeter/3')],
    checks: [
      check.mirrored({ cluster: 'shadow', missingMax: 0.6 }),
      check.replies({ message: 'Hello, World' }),
      check.noLostRequests(),
    ],
  },
};

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  test.each(Object.entries(CASES))('%s', async (name, spec) => {
    const seen = await runIn(world, name, spec);
    for (const { check: named, outcome, explanation } of seen.record.verdicts) {
      expect([named, outcome, explanation]).toEqual([named, 'holds', explanation]);
    }
  });
});
