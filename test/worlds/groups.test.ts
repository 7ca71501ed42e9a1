/** Groups of endpoints in both worlds: what a scenario says of them reaches the sidecars, whatever tells them. */
import { describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { Kind } from '../../sim/journal/events.ts';
import type { CheckSpec } from '../../sim/spec/check.ts';
import type { ServiceSpec, SidecarSpec } from '../../sim/spec/scenario.ts';
import { runIn } from './arms.ts';

interface Case {
  service: ServiceSpec;
  sidecar: SidecarSpec;
  check: CheckSpec;
}

const CASES: Record<string, Case> = {
  '[LB-20] priorities by health': {
    service: { instances: 5, priorities: [0, 0, 0, 1, 1] },
    sidecar: { balancer: 'round_robin' },
    check: check.priorityFailover(),
  },
  '[LB-21] weights of localities, over xDS': {
    service: { instances: 4, localities: ['eu/a', 'eu/b', 'eu/b', 'eu/b'], localityWeights: { 'eu/a': 3 } },
    sidecar: {
      discovery: { kind: 'xds' },
      balancer: { name: 'least_request', localities: 'weighted' },
    },
    check: check.localityShare(),
  },
  '[LB-21] each sidecar has a locality of its own': {
    service: { instances: 4, localities: ['eu/a', 'eu/a', 'eu/b', 'eu/b'] },
    sidecar: {
      replicas: 2,
      localities: ['eu/a', 'eu/b'],
      balancer: { name: 'round_robin', localities: 'nearest' },
    },
    check: check.localityShare(),
  },
  '[LB-22, LB-23] each sidecar has a subset of its own': {
    service: { instances: 6 },
    sidecar: { replicas: 3, balancer: { name: 'round_robin', subsetSize: 5 } },
    check: check.subset(),
  },
  '[LB-26] weights from what instances say of their load': {
    service: {
      instances: 4,
      loadReports: { utilization: [0.2, 0.2, 0.2, 0.6], errorsPerSecond: [0, 0, 20, 0] },
    },
    sidecar: {
      balancer: { name: 'weighted_round_robin', loadReports: true, blackoutMs: 300, weightUpdateMs: 100 },
    },
    check: check.learnedWeights(),
  },
};

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  test.each(Object.entries(CASES))('%s', async (_name, { service, sidecar, check: judged }) => {
    const seen = await runIn(world, 'groups', {
      mesh: { services: { greeter: service }, sidecar: { health: { intervalMs: 100 }, ...sidecar } },
      load: load.open({ ratePerSecond: 200, forMs: 2_500 }),
      faults: (at) => [at(500).kill('greeter/0'), at(600).kill('greeter/1')],
      checks: [judged],
    });
    for (const { check: name, outcome, explanation } of seen.record.verdicts)
      expect([name, outcome, explanation]).toEqual([name, 'holds', explanation]);
  });

  test('[LB-10] errors count against an instance, whether they come with response headers or after them', async () => {
    const seen = await runIn(world, 'errors', {
      mesh: {
        services: { greeter: { instances: 4, loadReports: { capacity: [100] } } },
        sidecar: {
          balancer: { name: 'weighted_round_robin', loadReports: true, blackoutMs: 300, weightUpdateMs: 100 },
          retry: { budget: 1, backoffBaseMs: 5 },
        },
      },
      load: load.open({ ratePerSecond: 150, forMs: 2_500 }),
      faults: (at) => [
        at(0).failStatus('greeter/0', { status: 14, afterHeaders: true }),
        at(0).failStatus('greeter/1', { status: 14 }),
      ],
      checks: [check.learnedWeights()],
    });
    expect(seen.outcomes).toEqual({ learnedWeights: 'holds' });
    const arrivedAt = (instance: number): number => seen.on(Kind.attemptSent, instance, 1_000).length;
    for (const failing of [0, 1]) expect(arrivedAt(failing)).toBeLessThan(arrivedAt(2) / 2);
  });
});
