/** Tables of routes over queues: when one takes over from another, what is told of it, and that any order of arrival ends alike. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RoutingConfig } from '../../../proxy/policy/routes/config.ts';
import { CLUSTER, ENDPOINTS, LISTENER, ROUTES, type TypeUrl } from '../../../proxy/xds/messages.ts';
import type { MeshPlan, RoutePlan } from '../../../proxy/xds/plan.ts';
import type { Messages } from '../../../proxy/xds/snapshot.ts';
import { at, messagesOf, Rig } from './rig.ts';

const VARIANTS = ['sotw', 'delta'] as const;
const NAMES = ['a', 'b', 'c', 'd'];

/** Each cluster named has endpoints by these numbers. */
const plan = (clusters: Record<string, number[]>, ...routes: RoutePlan[]): MeshPlan => ({
  clusters: Object.fromEntries(
    Object.entries(clusters).map(([name, numbers]) => [name, { endpoints: numbers.map((n) => at(n)) }]),
  ),
  listeners: { front: { routes } },
});
const without = (messages: MeshPlan | Messages, type: TypeUrl, name: string): Messages => {
  const all = messagesOf(messages);
  const left = (all[type] ?? []).filter((one: any) => (one.cluster_name ?? one.name) !== name);
  return { ...all, [type]: left };
};
const split = (weights: Record<string, number>): RoutePlan => ({ split: weights });
/** `cluster:weight` of each target, for each route. */
const shares = (routing: RoutingConfig | null) =>
  routing === null
    ? null
    : routing.routes.map(({ targets }) =>
        targets.map(({ cluster, weight }) => `${cluster}:${weight}`).join(),
      );
const sets = (rig: Rig) =>
  Object.fromEntries(
    [...rig.byCluster].map(([name, set]) => [name, set.map(({ address }) => address).join()]),
  );
const address = (n: number) => at(n).address;

describe.each(VARIANTS)('%s', (variant) => {
  it('a table comes with all of its clusters, and says what each field says', () => {
    const rig = new Rig(
      plan(
        { a: [1], b: [2, 3], m: [4] },
        {
          name: 'users',
          match: { service: 'users.*', headers: { 'x-canary': '*' }, authority: '*.internal' },
          cluster: 'b',
          mirror: { cluster: 'm', share: 0.25 },
          retry: { attempts: 4, retryableStatuses: [14, 4], backoffBaseMs: 5, backoffMaxMs: 50 },
          timeout: { callMs: 300, callMaxMs: 900 },
        },
        {
          match: { service: 'a.B', method: 'Get' },
          cluster: 'b',
          rewrite: { method: 'Got', set: { x: '1' }, add: { y: '2' }, remove: ['z'], authority: 'other' },
        },
        split({ a: 9, b: 1 }),
      ),
      { variant },
    ).start();
    expect(rig.routing?.clusters.map(({ name }) => name)).toEqual(['a', 'b', 'm']);
    expect(sets(rig)).toEqual({ a: address(1), b: `${address(2)},${address(3)}`, m: address(4) });
    const [users, hostGet, hostRest, get, rest] = rig.routing?.routes ?? [];
    expect(users).toMatchObject({
      name: '*.internal/users',
      match: { service: 'users.*', headers: { 'x-canary': '*' }, authority: '*.internal' },
      mirror: { cluster: 'm', share: 0.25, concurrentMax: 100 },
      targets: [
        {
          cluster: 'b',
          policies: {
            retry: { attempts: 4, retryableStatuses: [14, 4], backoffBaseMs: 5, backoffMaxMs: 50 },
            timeout: { callMs: 300, callMaxMs: 900 },
          },
        },
      ],
    });
    const rewrite = {
      service: 'a.B',
      method: 'Got',
      set: { x: '1' },
      add: { y: '2' },
      remove: ['z'],
      authority: 'other',
    };
    expect(hostGet).toMatchObject({
      match: { service: 'a.B', method: 'Get', authority: '*.internal' },
      rewrite,
    });
    expect(get).toMatchObject({ match: { service: 'a.B', method: 'Get' }, rewrite, mirror: null });
    expect(shares({ clusters: [], routes: [hostRest, rest] as never })).toEqual(['a:9,b:1', 'a:9,b:1']);
    expect(rig.routing?.routes).toHaveLength(5);
  });

  it('DC-13: a cluster of a table that never comes is absent after its time, and the table goes on without it', () => {
    const rig = new Rig(plan({ a: [1] }, { cluster: 'a' }), { variant }).start();
    const both = plan({ a: [1], b: [2] }, split({ a: 1, b: 1 }));
    rig.update(without(without(both, CLUSTER, 'b'), ENDPOINTS, 'b'));
    rig.flush();
    if (variant === 'sotw') {
      expect(shares(rig.routing)).toEqual(['a:1']);
      rig.pass(14_999);
      expect(shares(rig.routing)).toEqual(['a:1']);
    }
    rig.pass(15_000);
    expect([shares(rig.routing), sets(rig)]).toEqual([['a:1,b:1'], { a: address(1), b: '' }]);
    expect(rig.troubles.at(-1)).toBe('the control plane has no Cluster "b"');
    rig.update(both);
    rig.flush();
    expect([sets(rig), rig.troubles.at(-1)]).toEqual([{ a: address(1), b: address(2) }, null]);
  });

  it('what is taken away of a table in use is empty, and nothing else changes', () => {
    const both = plan({ a: [1], b: [2] }, split({ a: 1, b: 1 }));
    const rig = new Rig(both, { variant }).start();
    rig.update(without(without(both, CLUSTER, 'b'), ENDPOINTS, 'b'));
    rig.pass(20_000);
    expect([shares(rig.routing), sets(rig)]).toEqual([['a:1,b:1'], { a: address(1), b: '' }]);
  });

  it('DC-07: a table that cannot be carried out changes nothing, and its field is named', () => {
    const rig = new Rig(plan({ a: [1] }, { cluster: 'a' }), { variant }).start();
    const reasons: (string | null)[] = [];
    rig.server.onAnswer = ({ reason }) => reasons.push(reason);
    const bad = { prefix: '/', safe_regex: {} };
    const route = {
      name: 'front',
      virtual_hosts: [{ domains: ['*'], routes: [{ match: bad, route: { cluster: 'b' } }] }],
    };
    rig.update({ ...messagesOf(plan({ a: [1], b: [2] }, { cluster: 'a' })), [ROUTES]: [route] });
    rig.flush();
    expect(reasons.at(-1)).toBe(
      'front: virtual_hosts[0].routes[0].match.safe_regex: only prefix and path are understood',
    );
    expect([shares(rig.routing), rig.tables.length]).toEqual([['a:1'], 1]);
  });

  it('a cluster that says something else is told with its endpoints; the same again is told to nobody', () => {
    const both = plan({ a: [1], b: [2] }, split({ a: 1, b: 1 }));
    const rig = new Rig(both, { variant }).start();
    const told = rig.sets.length;
    rig.update({ ...both, clusters: { ...both.clusters, c: { endpoints: [at(9)] } } });
    rig.flush();
    expect([rig.tables.length, rig.sets.length]).toEqual([1, told]);
    const { a, b } = both.clusters as any;
    rig.update({
      ...both,
      clusters: { a, b: { ...b, balancer: 'least_request', outlier: { intervalMs: 50 } } },
    });
    rig.flush();
    expect([rig.tables.length, rig.sets.length]).toEqual([2, told + 2]);
    const [of, other] = rig.routing?.clusters ?? [];
    expect(of?.policies).toMatchObject({ balancer: { name: 'round_robin' }, outlier: null });
    expect(other?.policies).toMatchObject({
      balancer: { name: 'least_request' },
      outlier: { intervalMs: 50, consecutiveErrors: 5, successRate: null },
    });
  });

  it('a listener that goes takes the routes along; one that comes back brings them', () => {
    const one = plan({ a: [1] }, { cluster: 'a' });
    const rig = new Rig(one, { variant }).start();
    rig.update({ ...messagesOf(one), [LISTENER]: [], [ROUTES]: [] });
    rig.pass(20_000);
    expect([rig.routing, rig.sets.at(-1), sets(rig)['default']]).toEqual([null, [], '']);
    rig.update(one);
    rig.pass(2_000);
    expect([shares(rig.routing), rig.set]).toEqual([['a:1'], [address(1)]]);
  });

  it('a bound in the listener holds for routes that say nothing of it', () => {
    const all = messagesOf(plan({ a: [1] }, { cluster: 'a' }, { timeout: { callMaxMs: 70 }, cluster: 'a' }));
    const listener = structuredClone(all[LISTENER]?.[0]) as any;
    listener.api_listener.api_listener.value.common_http_protocol_options = {
      max_stream_duration: { seconds: 3 },
    };
    const rig = new Rig({ ...all, [LISTENER]: [listener] }, { variant }).start();
    expect(rig.routing?.clusters[0]?.policies.timeout.callMaxMs).toBe(3_000);
    const [, second] = rig.routing?.routes ?? [];
    expect(second?.targets[0]?.policies?.timeout.callMaxMs).toBe(70);
    rig.update(all);
    rig.flush();
    expect(rig.routing?.clusters[0]?.policies.timeout.callMaxMs).toBe(0);
  });
});

describe('state of the world, where nothing is said of what is not there yet', () => {
  const variant = 'sotw';

  it('DC-12: a table waits until each of its clusters is there with endpoints; the one before goes on, and follows its own', () => {
    const before = plan({ a: [1] }, { cluster: 'a' });
    const rig = new Rig(before, { variant }).start();
    const both = plan({ a: [1], b: [2] }, split({ a: 1, b: 1 }));
    rig.update(without(both, ENDPOINTS, 'b'));
    rig.flush();
    expect(shares(rig.routing)).toEqual(['a:1']);
    rig.update(without(plan({ a: [5], b: [2] }, split({ a: 1, b: 1 })), ENDPOINTS, 'b'));
    rig.flush();
    expect([shares(rig.routing), sets(rig)]).toEqual([['a:1'], { a: address(5) }]);
    rig.update(plan({ a: [5], b: [2] }, split({ a: 1, b: 1 })));
    rig.flush();
    expect([shares(rig.routing), sets(rig)]).toEqual([['a:1,b:1'], { a: address(5), b: address(2) }]);
    expect(rig.tables).toHaveLength(2);
  });

  it('endpoints under another name: the last ones have to do until those are there', () => {
    const rig = new Rig(plan({ a: [1] }, { cluster: 'a' }), { variant }).start();
    const all = messagesOf(plan({ a: [1] }, { cluster: 'a' }));
    const [cluster] = (all[CLUSTER] ?? []) as any[];
    const renamed = { ...cluster, eds_cluster_config: { ...cluster.eds_cluster_config, service_name: 'z' } };
    rig.update({ ...all, [CLUSTER]: [renamed], [ENDPOINTS]: [] });
    rig.flush();
    expect(sets(rig)).toEqual({ a: address(1) });
    const [assignment] = messagesOf(plan({ z: [7] }))[ENDPOINTS] ?? [];
    rig.update({ ...all, [CLUSTER]: [renamed], [ENDPOINTS]: [assignment as object] });
    rig.flush();
    expect(sets(rig)).toEqual({ a: address(7) });
  });
});

/** What can happen between two looks. */
type Act =
  | { kind: 'change'; mesh: MeshPlan }
  | { kind: 'server' | 'client' | 'cut' | 'connect' }
  | { kind: 'pass'; ms: number };

const name = fc.constantFrom(...NAMES);
const ROUTE: fc.Arbitrary<RoutePlan> = fc
  .record({
    match: fc.record(
      {
        service: fc.constantFrom('s.A', 's.B', 's.*'),
        authority: fc.constantFrom('x.test', '*.test', '*.x.test'),
        headers: fc.constantFrom({ 'x-a': '1' }, { 'x-a': 'v*', 'x-b': '*' }, { 'x-b': '*z' }),
      },
      { requiredKeys: [] },
    ),
    split: fc.dictionary(name, fc.integer({ min: 1, max: 9 }), { minKeys: 1, maxKeys: 3 }),
    more: fc.record(
      {
        mirror: fc.record({ cluster: name }),
        retry: fc.record({ attempts: fc.integer({ min: 1, max: 5 }) }),
        timeout: fc.record({ callMs: fc.integer({ min: 1, max: 5_000 }) }),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ match, split: weights, more }) => ({ match, split: weights, ...more }));
const MESH: fc.Arbitrary<MeshPlan> = fc
  .record({
    routes: fc.array(ROUTE, { minLength: 1, maxLength: 4 }),
    spread: fc.constantFrom('round_robin', 'least_request', 'random'),
    first: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ routes, spread, first }) => {
    const named = new Set(
      routes.flatMap((one) => [...Object.keys(one.split ?? {}), one.mirror?.cluster ?? 'a']),
    );
    const clusters = [...named].sort().map((one, index) => {
      const endpoints = [at(first + index), at(100 + first + index)];
      return [one, { endpoints, ...(one === 'b' ? { balancer: spread } : {}) }] as const;
    });
    return { clusters: Object.fromEntries(clusters), listeners: { front: { routes } } };
  });
const ACT: fc.Arbitrary<Act> = fc.oneof(
  { weight: 2, arbitrary: MESH.map((mesh): Act => ({ kind: 'change', mesh })) },
  { weight: 6, arbitrary: fc.constant<Act>({ kind: 'server' }) },
  { weight: 6, arbitrary: fc.constant<Act>({ kind: 'client' }) },
  { weight: 1, arbitrary: fc.constant<Act>({ kind: 'cut' }) },
  { weight: 2, arbitrary: fc.constant<Act>({ kind: 'connect' }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_000 }).map((ms): Act => ({ kind: 'pass', ms })) },
);

/** What a fresh client makes of a mesh, told in peace. */
function truthOf(mesh: MeshPlan, variant: 'sotw' | 'delta') {
  const rig = new Rig(mesh, { variant }).start();
  rig.pass(3_000);
  return { routing: rig.routing, sets: sets(rig) };
}

function play(
  variant: 'sotw' | 'delta',
  begin: MeshPlan,
  acts: readonly Act[],
): { rig: Rig; truth: MeshPlan; holes: string[] } {
  const rig = new Rig(begin, { variant });
  const holes: string[] = [];
  const look = (): void => {
    for (const cluster of rig.routing?.clusters ?? [])
      if ((rig.byCluster.get(cluster.name)?.length ?? 0) === 0) holes.push(cluster.name);
  };
  rig.client.start();
  let truth = begin;
  for (const each of acts) {
    if (each.kind === 'change') {
      truth = each.mesh;
      rig.update(truth);
    } else if (each.kind === 'server') rig.stepServer();
    else if (each.kind === 'client') rig.stepClient();
    else if (each.kind === 'cut') rig.cut();
    else if (each.kind === 'connect') rig.connect();
    else if ('ms' in each) rig.pass(each.ms);
    look();
  }
  rig.pass(5_000);
  look();
  return { rig, truth, holes };
}

describe('random tables, in whatever order of arrival', () => {
  it('[DC-11, DC-12, DC-20] end as the truth in both variants; no cluster of a table in use is ever without endpoints', () => {
    fc.assert(
      fc.property(MESH, fc.array(ACT, { maxLength: 50 }), (begin, acts) => {
        for (const variant of VARIANTS) {
          const { rig, truth, holes } = play(variant, begin, acts);
          expect(rig.client.nacks).toBe(0);
          expect(holes).toEqual([]);
          const wanted = truthOf(truth, variant === 'sotw' ? 'delta' : 'sotw');
          expect(rig.routing).toEqual(wanted.routing);
          const current = sets(rig);
          for (const [cluster, set] of Object.entries(wanted.sets)) expect(current[cluster]).toBe(set);
          const said = rig.requests.length + rig.responses.length;
          rig.pass(60_000);
          expect(rig.requests.length + rig.responses.length).toBe(said);
        }
      }),
      { numRuns: 300 },
    );
  });
});
