/** What a control plane's file says: each word becomes what a sidecar reads as the same, or is refused where xDS has no word. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { DEFAULT_BREAKER, DEFAULT_OUTLIER } from '../../../proxy/policy/failover-config.ts';
import { PROTO_CODEC } from '../../../proxy/discovery/xds-protos.ts';
import { buildMessages } from '../../../proxy/xds/build.ts';
import { CLUSTER, ENDPOINTS, PLAIN_CODEC, ROUTES, TYPES } from '../../../proxy/xds/messages.ts';
import type { ClusterPlan, RoutePlan } from '../../../proxy/xds/plan.ts';
import { readResource } from '../../../proxy/xds/read-resource.ts';

const clusterOf = (plan: Partial<ClusterPlan>): any =>
  buildMessages({ clusters: { a: { endpoints: [], ...plan } } }, PLAIN_CODEC)[CLUSTER]?.[0];
const sectionsOf = (plan: Partial<ClusterPlan>): any =>
  (readResource(CLUSTER, clusterOf(plan), PLAIN_CODEC) as any).sections;
const tableOf = (
  routes: RoutePlan[],
  clusters: Record<string, ClusterPlan> = { a: { endpoints: [] } },
): any => buildMessages({ clusters, listeners: { f: { routes } } }, PLAIN_CODEC)[ROUTES]?.[0];
const routesOf = (...given: Parameters<typeof tableOf>): any[] =>
  (readResource(ROUTES, tableOf(...given), PLAIN_CODEC) as any).routes;
const only = (plan: Partial<RoutePlan>): any => routesOf([{ cluster: 'a', ...plan }])[0];

describe('a cluster reads as it was written', () => {
  it.each<[Partial<ClusterPlan>, object]>([
    [{}, {}],
    [{ timeout: { connectMs: 1_250 } }, { timeout: { connectMs: 1_250 } }],
    [{ balancer: 'random' }, { balancer: { name: 'random' } }],
    [
      { balancer: { name: 'least_request', choices: 4 } },
      { balancer: { name: 'least_request', choices: 4 } },
    ],
    [{ balancer: { name: 'maglev', tableSize: 251 } }, { balancer: { name: 'maglev', tableSize: 251 } }],
    [
      { balancer: { name: 'ring_hash', ringSizeMax: 2_048 } },
      { balancer: { name: 'ring_hash', ringSizeMax: 2_048 } },
    ],
    [{ balancer: { name: 'round_robin', localities: 'weighted' } }, { balancer: { localities: 'weighted' } }],
    [{ balancer: { name: 'round_robin', localities: 'ignore' } }, {}],
  ])('%j', (plan, sections) => {
    expect(sectionsOf(plan)).toEqual(sections);
  });

  it('bounds, completed as in a sidecar’s file: 0 is none, and so is what nobody can reach', () => {
    const none = 4_294_967_295;
    expect(sectionsOf({ circuitBreaker: {} }).circuitBreaker).toEqual({
      ...DEFAULT_BREAKER,
      maxRetries: none,
    });
    const all = {
      maxRequests: 1,
      maxPending: 2,
      maxRetries: 3,
      maxConnections: 0,
      endpointMaxConnections: 5,
    };
    expect(sectionsOf({ circuitBreaker: all }).circuitBreaker).toEqual({
      ...DEFAULT_BREAKER,
      ...all,
      maxConnections: none,
    });
    expect(
      sectionsOf({ circuitBreaker: { endpointMaxConnections: 0 } }).circuitBreaker.endpointMaxConnections,
    ).toBe(none);
  });

  it('outlier detection, whatever Envoy’s defaults are', () => {
    const { cap: _cap, ...base } = DEFAULT_OUTLIER;
    expect(sectionsOf({ outlier: {} }).outlier).toEqual(base);
    const judged = { minHosts: 2, minRequests: 3, enforcePercent: 90 };
    const all = {
      intervalMs: 1_500,
      baseEjectionMs: 20,
      maxEjectionMs: 40,
      jitterMs: 5,
      maxEjectionPercent: 50,
      cap: 'envoy_at_least_one' as const,
      consecutiveErrors: 0,
      consecutiveGatewayErrors: 4,
      healthyCheckUnejects: true,
      successRate: { stdevFactor: 1_000, ...judged },
      failurePercent: { thresholdPercent: 70, ...judged },
    };
    expect(sectionsOf({ outlier: all }).outlier).toEqual({ ...base, ...all });
    const bare = sectionsOf({ outlier: { successRate: {}, failurePercent: {} } }).outlier;
    expect([bare.successRate.enforcePercent, bare.failurePercent.enforcePercent]).toEqual([100, 100]);
    expect(sectionsOf({ outlier: { successRate: undefined } }).outlier.successRate).toBeNull();
  });

  it.each<[Partial<ClusterPlan>, string]>([
    [{ balancer: 'p2c_ewma' }, 'clusters.a.balancer.name: p2c_ewma cannot be told over xDS: round_robin'],
    [{ balancer: { name: 'random', slowStartMs: 5 } }, 'clusters.a.balancer.slowStartMs: it cannot be told'],
    [
      { balancer: { name: 'random', localities: 'nearest' } },
      'clusters.a.balancer.localities: nearest cannot be',
    ],
    [{ timeout: { callMs: 5 } }, 'clusters.a.timeout.callMs: it cannot be told'],
    [
      { circuitBreaker: { endpointMaxPending: 5 } },
      'clusters.a.circuitBreaker.endpointMaxPending: it cannot',
    ],
    [{ outlier: { errorStatuses: [1] } as never }, 'clusters.a.outlier.errorStatuses: it cannot'],
  ])('%j is refused', (plan, said) => {
    expect(() => clusterOf(plan)).toThrow(said);
  });
});

describe('a route reads as it was written', () => {
  const { retry } = DEFAULT_SIDECAR_CONFIG;

  it.each<[NonNullable<RoutePlan['match']>, object]>([
    [{}, {}],
    [{ service: '*' }, {}],
    [{ service: 'a.B' }, { service: 'a.B' }],
    [{ service: 'a.B', method: '*' }, { service: 'a.B' }],
    [{ service: 'a.*' }, { service: 'a.*' }],
    [
      { service: 'a.B', method: 'C' },
      { service: 'a.B', method: 'C' },
    ],
    [
      { service: 'a.B', method: 'C*' },
      { service: 'a.B', method: 'C*' },
    ],
    [{ headers: { a: 'x', b: 'x*', c: '*x', d: '*' } }, { headers: { a: 'x', b: 'x*', c: '*x', d: '*' } }],
  ])('match %j', (match, becomes) => {
    expect(only({ match }).match).toEqual(becomes);
  });

  it('copies, rewrites, retries, timeouts, hash headers', () => {
    expect(only({ mirror: { cluster: 'a' } }).mirror).toEqual({ cluster: 'a', share: 1 });
    expect(only({ mirror: { cluster: 'a', share: 0.123456 } }).mirror.share).toBe(0.123456);
    const change = { set: { a: '1' }, add: { b: '2' }, remove: ['c'], authority: 'h' };
    expect(only({ rewrite: change }).rewrite).toEqual(change);
    expect(only({ match: { service: 'a.B' }, rewrite: { service: 'c.D' } }).rewrite).toEqual({
      service: 'c.D',
    });
    const whole = { service: 'a.B', method: 'C' };
    expect(only({ match: whole, rewrite: { method: 'D' } }).rewrite).toEqual({ service: 'a.B', method: 'D' });
    expect(only({ match: whole, rewrite: { service: 'd.E' } }).rewrite).toEqual({
      service: 'd.E',
      method: 'C',
    });
    const { attempts, retryableStatuses, perTryTimeoutMs, backoffBaseMs, backoffMaxMs } = retry;
    expect(only({ retry: {} }).own.retry).toEqual({
      attempts,
      retryableStatuses,
      perTryTimeoutMs,
      backoffBaseMs,
      backoffMaxMs,
    });
    const said = {
      attempts: 5,
      retryableStatuses: [1, 4, 8, 13],
      perTryTimeoutMs: 9,
      backoffBaseMs: 2,
      backoffMaxMs: 3,
    };
    expect(only({ retry: said }).own.retry).toEqual(said);
    expect(only({ retry: { attempts: 1 } }).own.retry.attempts).toBe(1);
    expect(only({ timeout: { callMs: 5 } }).own.timeout).toEqual({ callMs: 5, callMaxMs: 0 });
    expect(only({ timeout: { callMaxMs: 5 } }).own.timeout).toEqual({ callMaxMs: 5 });
    expect(only({ timeout: { callMs: 5, callMaxMs: 9 } }).own.timeout).toEqual({ callMs: 5, callMaxMs: 9 });
    expect(only({ timeout: {} }).own.timeout).toEqual({ callMaxMs: 0 });
    expect(only({}).own).toBeNull();
    expect(only({ hashHeader: 'x' }).own.hashHeader).toBe('x');
  });

  it('the hash header of a cluster goes with the routes that lead there, unless they have their own', () => {
    const ring = { balancer: { name: 'ring_hash', hashHeader: 'x-of-b' }, endpoints: [] };
    const clusters = { a: { endpoints: [] }, b: ring };
    const routes = routesOf(
      [
        { cluster: 'b', match: { service: 'one' } },
        { split: { a: 1, b: 1 }, hashHeader: 'y' },
        { cluster: 'a' },
      ],
      clusters,
    );
    expect(routes.map(({ own }) => own?.hashHeader)).toEqual(['x-of-b', 'y', undefined]);
  });

  it('authorities become hosts, each with all routes that may be for it, in order', () => {
    const at = (authority: string | undefined, service: string): RoutePlan => ({
      cluster: 'a',
      match: { service, ...(authority === undefined ? {} : { authority }) },
    });
    const message = tableOf([
      at('*.test', 'one'),
      at(undefined, 'two'),
      at('In.Test', 'three'),
      at('*.in.test', 'four'),
      at('*', 'five'),
    ]);
    const prefixes = (host: any) => host.routes.map((one: any) => one.match.prefix.slice(1, -1)).join();
    expect(message.virtual_hosts.map((host: any) => [host.domains[0], prefixes(host)])).toEqual([
      ['*.test', 'one,two,five'],
      ['in.test', 'one,two,three,five'],
      ['*.in.test', 'one,two,four,five'],
      ['*', 'two,five'],
    ]);
    expect(message.ignore_port_in_host_matching).toBe(true);
    expect(tableOf([at('x.*', 'a'), at('x.y.*', 'b'), at('x.y.z', 'c')]).virtual_hosts.map(prefixes)).toEqual(
      ['a', 'a,b', 'a,b,c'],
    );
    expect(tableOf([at(undefined, 'a')]).ignore_port_in_host_matching).toBeUndefined();
  });

  it.each<[RoutePlan[], string]>([
    [
      [{ cluster: 'a', match: { method: 'C' } }],
      'listeners.f.routes.0.match: service * with method C cannot be told',
    ],
    [[{ cluster: 'a', match: { service: '*B' } }], 'listeners.f.routes.0.match: service *B with method *'],
    [
      [{ cluster: 'a', match: { service: 'a.B', method: '*C' } }],
      'service a.B with method *C cannot be told',
    ],
    [
      [{ cluster: 'a', match: { authority: 'x:80' } }],
      'listeners.f.routes.0.match.authority: a port cannot be told',
    ],
    [
      [
        { cluster: 'a', match: { authority: '*.x' } },
        { cluster: 'a', match: { authority: 'y.*' } },
      ],
      'listeners.f.routes.1.match.authority: together with *.x it cannot be told',
    ],
    [
      [{ cluster: 'a', rewrite: { service: 'b' } }],
      'listeners.f.routes.0.rewrite: it cannot be told over xDS',
    ],
    [
      [{ cluster: 'a', match: { service: 'a.B' }, rewrite: { method: 'b' } }],
      'listeners.f.routes.0.rewrite: it cannot be told over xDS',
    ],
    [
      [{ cluster: 'a', mirror: { cluster: 'a', concurrentMax: 1 } }],
      'routes.0.mirror.concurrentMax: it cannot be told',
    ],
    [[{ cluster: 'a', retry: { budget: 1 } }], 'listeners.f.routes.0.retry.budget: it cannot be told'],
    [
      [{ cluster: 'a', retry: { retryableStatuses: [14, 2] } }],
      'retry.retryableStatuses: 2 cannot be told over xDS',
    ],
    [
      [{ cluster: 'a', timeout: { connectMs: 1 } }],
      'listeners.f.routes.0.timeout.connectMs: it cannot be told',
    ],
  ])('%j is refused', (routes, said) => {
    expect(() => tableOf(routes)).toThrow(said);
  });
});

it('a locality has a weight where weights count, for an Envoy sends nothing to one without', () => {
  const weightsOf = (plan: Partial<ClusterPlan>): unknown[] => {
    const endpoints = [
      { address: '1.1.1.1:1', locality: 'eu' },
      { address: '1.1.1.2:1', locality: 'us', localityWeight: 3 },
    ];
    const messages = buildMessages({ clusters: { a: { endpoints, ...plan } } }, PLAIN_CODEC);
    const [{ endpoints: groups }] = messages[ENDPOINTS] as [{ endpoints: any[] }];
    return groups.map((group) => group.load_balancing_weight?.value);
  };
  expect(weightsOf({})).toEqual([undefined, 3]);
  expect(weightsOf({ balancer: { name: 'random', localities: 'weighted' } })).toEqual([1, 3]);
});

it('what is said is the same on the wire as without one', () => {
  const judged = { minHosts: 2, minRequests: 3, enforcePercent: 90 };
  const outlier = { jitterMs: 5, consecutiveErrors: 0, successRate: judged, failurePercent: judged };
  const ring = {
    name: 'ring_hash',
    hashHeader: 'x-user',
    ringSizeMax: 4_096,
    localities: 'weighted' as const,
  };
  const plan = {
    clusters: {
      a: {
        balancer: ring,
        outlier,
        circuitBreaker: { maxPending: 0 },
        timeout: { connectMs: 5.5 },
        endpoints: [],
      },
      b: { balancer: { name: 'maglev', tableSize: 251 }, endpoints: [] },
      c: { balancer: { name: 'least_request', choices: 3 }, endpoints: [] },
    },
    listeners: {
      f: {
        routes: [
          {
            match: { service: 'a.B', headers: { a: 'x', b: 'x*', c: '*x', d: '*' }, authority: '*.x' },
            split: { a: 1, b: 0 },
            mirror: { cluster: 'c', share: 0.25 },
            rewrite: { service: 'c.D', authority: 'h', set: { a: '1' }, add: { b: '2' }, remove: ['c'] },
            retry: { attempts: 4, perTryTimeoutMs: 7 },
            timeout: { callMs: 100, callMaxMs: 0 },
          },
          { cluster: 'c', timeout: { callMaxMs: 9 }, retry: { attempts: 1 } },
        ],
      },
    },
  };
  const [bare, wired] = [PLAIN_CODEC, PROTO_CODEC].map((codec) => {
    const messages = buildMessages(plan, codec);
    return TYPES.map((type) =>
      (messages[type] ?? []).map((message) => {
        const { value } = codec.pack(type, message);
        return readResource(type, codec.unpack(type, value), codec);
      }),
    );
  });
  expect(wired).toEqual(bare);
  expect(bare?.flat()).toHaveLength(8);
});
