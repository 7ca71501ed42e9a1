/** What a scenario may say of groups of endpoints and of what a balancer makes of them, what is refused, and what discovery is told. */
import { describe, expect, test } from 'vitest';
import { noLostRequests } from '../../../sim/checks/no-lost-requests.ts';
import { load } from '../../../sim/engine/load.ts';
import { planScenario } from '../../../sim/engine/plan.ts';
import { runScenario } from '../../../sim/engine/run.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';
import { ownFacts, usedCount } from '../../../sim/spec/balancer.ts';
import type { ServiceSpec, SidecarSpec } from '../../../sim/spec/scenario.ts';

function plan(service: object, sidecar: object = {}) {
  const greeter = { instances: 3, ...service } as ServiceSpec;
  return planScenario(
    defineScenario('groups', {
      mesh: { services: { greeter }, sidecar: sidecar as SidecarSpec },
      load: load.open({ ratePerSecond: 100, forMs: 1_000 }),
      faults: (at) => [at(1).add('greeter')],
      checks: [noLostRequests()],
    }),
  );
}

test('instances have what the lists say of them; nothing is said where nothing differs', () => {
  const { mesh } = plan({
    priorities: [0, 1, 0, 2],
    localities: ['eu/a', 'eu/b', ''],
    localityWeights: { 'eu/b': 3 },
  });
  expect(mesh.groups).toEqual([
    { locality: 'eu/a' },
    { priority: 1, locality: 'eu/b', localityWeight: 3 },
    {},
    { priority: 2 },
  ]);
});

test('instances say what the lists say, and behind their end what the last does', () => {
  expect(plan({ loadReports: { capacity: [200, 100] } }).mesh.loads).toEqual([
    { capacity: 200 },
    { capacity: 100 },
    { capacity: 100 },
    { capacity: 100 },
  ]);
  const said = { utilization: [0.2, 0.8], errorsPerSecond: [0, 0, 5] };
  expect(plan({ loadReports: said }).mesh.loads?.slice(1)).toEqual([
    { utilization: 0.8, callsPerSecond: 100, errorsPerSecond: 0 },
    { utilization: 0.8, callsPerSecond: 100, errorsPerSecond: 5 },
    { utilization: 0.8, callsPerSecond: 100, errorsPerSecond: 5 },
  ]);
  expect(plan({}).mesh.loads).toEqual([]);
});

test('what is expected of an instance goes by the group that was chosen', async () => {
  const scenario = defineScenario('expected', {
    mesh: {
      services: { greeter: { instances: 4, priorities: [0, 0, 1, 1], weights: [1, 3] } },
      sidecar: { balancer: 'weighted_round_robin' },
    },
    load: load.open({ ratePerSecond: 100, forMs: 1_000 }),
    checks: [noLostRequests()],
  });
  const { stats } = await runScenario(scenario, { world: 'virtual', seed: 1 });
  expect(stats.instances.map(({ expectedPicks }) => expectedPicks)).toEqual([25, 75, 0, 0]);
  expect(stats.instances.map(({ picks }) => picks)).toEqual([25, 75, 0, 0]);
});

test('a sidecar is where its number says, or where the last one is; it uses so many of each priority', () => {
  expect(ownFacts(['a', 'b'], 0)).toEqual({ ownLocality: 'a', subsetKey: 'sidecar/0' });
  expect(ownFacts(['a', 'b'], 5)).toEqual({ ownLocality: 'b', subsetKey: 'sidecar/5' });
  expect(ownFacts(undefined, 0).ownLocality).toBe('');
  expect(usedCount([0, 0, 1, 0], 0)).toBe(4);
  expect(usedCount([0, 0, 1, 0], 2)).toBe(3);
});

const balancer = (settings: object, name = 'round_robin'): object => ({ balancer: { name, ...settings } });

describe('refused', () => {
  test.each<[string, object, object, RegExp]>([
    ['a priority', { priorities: [0, 128] }, {}, /'priorities' has 128.*services\.greeter.*from 0 to 127/],
    ['half a priority', { priorities: [0.5] }, {}, /'priorities' has 0\.5/],
    ['no list', { priorities: 1 }, {}, /'priorities' is 1/],
    ['a locality', { localities: ['eu//a'] }, {}, /'localities' has "eu\/\/a".*such as 'eu\/a'/],
    [
      'a weight of nowhere',
      { localities: ['a'], localityWeights: { b: 1 } },
      {},
      /'localityWeights' names 'b', where no instance is.*localities are 'a'/,
    ],
    ['weights alone', { localityWeights: { b: 1 } }, {}, /add localities/],
    ['a weight', { localities: ['a'], localityWeights: { a: -1 } }, {}, /weight of locality 'a' is -1/],
    ['an own locality', {}, { localities: 'a' }, /'localities' is "a".*mesh\.sidecar/],
    [
      'nearest to nowhere',
      {},
      balancer({ localities: 'nearest' }),
      /where the sidecar itself is.*localities: \['eu\/a'\]/,
    ],
    [
      'priorities that nobody tells',
      { priorities: [1] },
      { discovery: { kind: 'registry' } },
      /the service has priorities, and a registry/,
    ],
    [
      'a dialect',
      {},
      balancer({ priorities: 'grpc' }),
      /balancer\.priorities: "grpc" is none of envoy, a56, ignore/,
    ],
    ['a mode', {}, balancer({ localities: 'zone' }), /balancer\.localities: "zone" is none of/],
    [
      'less than all',
      {},
      balancer({ overprovisioning: 0.9 }),
      /balancer\.overprovisioning: 0\.9 is not a number from 1/,
    ],
    [
      'half an endpoint',
      {},
      balancer({ subsetSize: 2.5 }),
      /balancer\.subsetSize: 2\.5 is not a whole number/,
    ],
    [
      'learning in turn',
      {},
      balancer({ loadReports: true }),
      /round_robin has no use for balancer\.loadReports/,
    ],
    [
      'a blackout of nothing',
      {},
      balancer({ blackoutMs: 5 }, 'weighted_round_robin'),
      /blackoutMs is of weights learned.*add loadReports/,
    ],
    ['a floor of nothing', {}, balancer({ slowStartFloor: 0.5 }, 'least_request'), /there is no slow start/],
    [
      'a subset of what is ignored',
      {},
      balancer({ priorities: 'ignore', subsetSize: 2 }),
      /a subset is drawn of each priority, and priorities are ignored/,
    ],
    [
      'more than a whole',
      {},
      balancer({ priorities: 'a56', overprovisioning: 2 }),
      /priorities: a56 knows no overprovisioning/,
    ],
    ['no load', { loadReports: {} }, {}, /greeter\.loadReports.*give either capacity/],
    [
      'capacity and more',
      { loadReports: { capacity: [1], errorsPerSecond: [1] } },
      {},
      /there is no 'errorsPerSecond' there.*capacity alone/,
    ],
    ['two ways', { loadReports: { capacity: [1], utilization: [1] } }, {}, /give either capacity/],
    ['no capacity', { loadReports: { capacity: [0] } }, {}, /'capacity' is \[0\].*from 0\.1 to 100000/],
    ['an empty list', { loadReports: { utilization: [] } }, {}, /'utilization' is \[\]/],
    [
      'both slow start and blackout',
      {},
      balancer({ slowStartMs: 5, loadReports: true }, 'weighted_round_robin'),
      /have a blackout instead of slow start/,
    ],
  ])('%s', (_what, service, sidecar, words) => {
    expect(() => plan(service, sidecar)).toThrow(expect.objectContaining({ code: 'MW_SCENARIO' }) as Error);
    try {
      plan(service, sidecar);
    } catch (error) {
      expect(String(error)).toMatch(words);
    }
  });

  test('what may be said passes', () => {
    plan({}, balancer({ priorities: 'a56', overprovisioning: 2, localities: 'weighted', subsetSize: 2 }));
    plan({}, { ...balancer({ localities: 'nearest' }), localities: ['eu/a/r1'] });
    plan(
      {},
      balancer(
        { loadReports: true, blackoutMs: 0, expirationMs: 9, weightUpdateMs: 100, errorPenalty: 2 },
        'weighted_round_robin',
      ),
    );
    plan({}, balancer({ slowStartMs: 5 }, 'weighted_round_robin'));
  });
});
