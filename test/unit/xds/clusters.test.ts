/** Clusters of a control plane: what each field becomes of the sidecar's policies, and which is named when it cannot. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_BALANCER, DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { DEFAULT_BREAKER, DEFAULT_HEDGING, DEFAULT_OUTLIER } from '../../../proxy/policy/failover-config.ts';
import { clusterPolicies } from '../../../proxy/policy/routes/config.ts';
import { CLUSTER, PLAIN_CODEC } from '../../../proxy/xds/messages.ts';
import { policiesOf } from '../../../proxy/xds/policies.ts';
import type { ClusterResource } from '../../../proxy/xds/read-cluster.ts';
import { readResource } from '../../../proxy/xds/read-resource.ts';

const read = (message: object): ClusterResource =>
  readResource(
    CLUSTER,
    { name: 'a', type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } }, ...message },
    PLAIN_CODEC,
  ) as ClusterResource;
const sections = (message: object) => read(message).sections;
const uint = (value?: number) => (value === undefined ? {} : { value });
const s = (seconds: number, nanos = 0) => ({ seconds, nanos });

describe('a balancer', () => {
  it.each<[object, object | undefined]>([
    [{}, undefined],
    // Who says nothing says this, too: so it leaves the sidecar's own.
    [{ lb_policy: 'ROUND_ROBIN' }, undefined],
    [{ lb_policy: 'RANDOM' }, { name: 'random' }],
    [{ lb_policy: 'LEAST_REQUEST' }, { name: 'least_request', choices: 2 }],
    [
      { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: uint(20) } },
      { name: 'least_request', choices: 10 },
    ],
    [{ lb_policy: 'RING_HASH' }, { name: 'ring_hash', ringSizeMax: DEFAULT_BALANCER.ringSizeMax }],
    [
      { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: uint(500_000) } },
      { name: 'ring_hash', ringSizeMax: 500_000 },
    ],
    [
      {
        lb_policy: 'RING_HASH',
        ring_hash_lb_config: {
          minimum_ring_size: uint(1),
          maximum_ring_size: uint(5),
          hash_function: 'XX_HASH',
        },
      },
      { name: 'ring_hash', ringSizeMax: 1_024 },
    ],
    [{ lb_policy: 'MAGLEV' }, { name: 'maglev', tableSize: 65_537 }],
    [
      { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: uint(251) } },
      { name: 'maglev', tableSize: 251 },
    ],
    [
      { lb_policy: 'RANDOM', common_lb_config: { locality_weighted_lb_config: {} } },
      { name: 'random', localities: 'weighted' },
    ],
    [{ common_lb_config: { locality_weighted_lb_config: {} } }, { localities: 'weighted' }],
    [{ common_lb_config: {} }, undefined],
  ])('%j', (message, becomes) => {
    expect(sections(message).balancer).toEqual(becomes);
  });
});

describe('bounds', () => {
  it.each<[object[], object | undefined, object | undefined]>([
    [[], undefined, undefined],
    [[{ priority: 'HIGH', max_requests: uint(1) }], undefined, undefined],
    [[{}], DEFAULT_BREAKER, undefined],
    [
      [
        {
          priority: 'DEFAULT',
          max_connections: uint(1),
          max_pending_requests: uint(2),
          max_requests: uint(3),
        },
        { max_requests: uint(9) },
      ],
      { ...DEFAULT_BREAKER, maxConnections: 1, maxPending: 2, maxRequests: 3 },
      undefined,
    ],
    [
      [{ max_retries: uint(4), retry_budget: {} }],
      { ...DEFAULT_BREAKER, maxRetries: 4 },
      { budget: 0.2, budgetMinConcurrent: 3 },
    ],
    [
      [{ retry_budget: { budget_percent: {}, min_retry_concurrency: uint(7) } }],
      DEFAULT_BREAKER,
      { budget: 0, budgetMinConcurrent: 7 },
    ],
    [
      [{ retry_budget: { budget_percent: { value: 50 }, min_retry_concurrency: uint() } }],
      DEFAULT_BREAKER,
      { budget: 0.5, budgetMinConcurrent: 0 },
    ],
  ])('%j', (thresholds, circuitBreaker, retry) => {
    const said = sections({ circuit_breakers: { thresholds } });
    expect([said.circuitBreaker, said.retry]).toEqual([circuitBreaker, retry]);
  });

  it('of each endpoint, and of the time to connect', () => {
    const circuit_breakers = { per_host_thresholds: [{ max_connections: uint(2) }] };
    expect(sections({ circuit_breakers }).circuitBreaker).toEqual({
      ...DEFAULT_BREAKER,
      endpointMaxConnections: 2,
    });
    expect(sections({ connect_timeout: s(0, 25e7) }).timeout).toEqual({ connectMs: 250 });
    expect(sections({})).toEqual({});
  });
});

describe('outlier detection', () => {
  const { cap: _cap, ...base } = DEFAULT_OUTLIER;
  const whole = {
    ...base,
    healthyCheckUnejects: true,
    successRate: { stdevFactor: 1_900, minHosts: 5, minRequests: 100, enforcePercent: 100 },
    failurePercent: null,
  };

  it.each<[object, object]>([
    [{}, {}],
    [{ enforcing_success_rate: uint(0) }, { successRate: null }],
    [
      {
        success_rate_minimum_hosts: uint(3),
        success_rate_request_volume: uint(4),
        success_rate_stdev_factor: uint(5),
        enforcing_success_rate: uint(60),
      },
      { successRate: { minHosts: 3, minRequests: 4, stdevFactor: 5, enforcePercent: 60 } },
    ],
    [
      { enforcing_failure_percentage: uint(70) },
      { failurePercent: { thresholdPercent: 85, minHosts: 5, minRequests: 50, enforcePercent: 70 } },
    ],
    [
      {
        enforcing_failure_percentage: uint(100),
        failure_percentage_threshold: uint(50),
        failure_percentage_minimum_hosts: uint(2),
        failure_percentage_request_volume: uint(8),
      },
      { failurePercent: { thresholdPercent: 50, minHosts: 2, minRequests: 8, enforcePercent: 100 } },
    ],
    [{ consecutive_5xx: uint(2) }, { consecutiveErrors: 2 }],
    [{ enforcing_consecutive_5xx: uint(0) }, { consecutiveErrors: 0 }],
    [{ consecutive_gateway_failure: uint(2) }, {}],
    [{ enforcing_consecutive_gateway_failure: uint(100) }, { consecutiveGatewayErrors: 5 }],
    [
      {
        interval: s(1),
        base_ejection_time: s(400),
        max_ejection_time_jitter: s(2),
        max_ejection_percent: uint(30),
      },
      {
        intervalMs: 1_000,
        baseEjectionMs: 400_000,
        maxEjectionMs: 400_000,
        jitterMs: 2_000,
        maxEjectionPercent: 30,
      },
    ],
    [{ max_ejection_time: s(60) }, { maxEjectionMs: 60_000 }],
    [{ always_eject_one_host: { value: true } }, { cap: 'envoy_at_least_one' }],
  ])('%j', (outlier_detection, becomes) => {
    expect(sections({ outlier_detection }).outlier).toEqual({ ...whole, ...becomes });
  });

  it('a good health check ends an ejection, unless it is said that it does not', () => {
    const of = (value?: object) =>
      sections({
        outlier_detection: value === undefined ? {} : { successful_active_health_check_uneject_host: value },
      }).outlier?.healthyCheckUnejects;
    expect([of(), of({ value: true }), of({ value: false }), of({})]).toEqual([true, true, false, false]);
  });
});

const LB = 'lb_policy';
const breakers = (one: object) => ({ circuit_breakers: { thresholds: [{ priority: 'HIGH' }, one] } });
const T = 'circuit_breakers.thresholds[1]';
const O = 'outlier_detection';
const REFUSED: [object, string][] = [
  [
    { [LB]: 'LOAD_BALANCING_POLICY_CONFIG' },
    'lb_policy: LOAD_BALANCING_POLICY_CONFIG is none of ROUND_ROBIN',
  ],
  [{ load_balancing_policy: {} }, 'load_balancing_policy: only lb_policy is understood'],
  [{ lb_subset_config: {} }, 'lb_subset_config: endpoints are not chosen by metadata here'],
  [{ cluster_type: {} }, 'cluster_type: only type EDS and STATIC are understood'],
  [{ transport_socket: { name: 'tls' } }, "transport_socket: the sidecar's own upstream TLS is all there is"],
  [{ transport_socket: { typed_config: { type_url: 'tls', value: {} } } }, 'transport_socket: '],
  [{ transport_socket_matches: [{}] }, "transport_socket_matches: the sidecar's own upstream TLS"],
  [{ connect_timeout: s(0) }, 'connect_timeout: it is 0'],
  [{ connect_timeout: s(-1) }, 'connect_timeout: it is negative'],
  [
    { [LB]: 'LEAST_REQUEST', least_request_lb_config: { choice_count: uint(1) } },
    'least_request_lb_config.choice_count: 1 is less than 2',
  ],
  [
    { [LB]: 'RING_HASH', ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } },
    'ring_hash_lb_config.hash_function: only XX_HASH',
  ],
  [
    { [LB]: 'RING_HASH', ring_hash_lb_config: { maximum_ring_size: uint(8_388_609) } },
    'ring_hash_lb_config.maximum_ring_size: 8388609 is more than 8388608',
  ],
  [
    { [LB]: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: uint(9), maximum_ring_size: uint(8) } },
    'ring_hash_lb_config.minimum_ring_size: 9 is more than 8',
  ],
  [
    { [LB]: 'MAGLEV', maglev_lb_config: { table_size: uint(4) } },
    'maglev_lb_config.table_size: 4 is no prime up to 5000011',
  ],
  [
    { [LB]: 'MAGLEV', maglev_lb_config: { table_size: uint(5_000_077) } },
    'maglev_lb_config.table_size: 5000077 is no prime up to 5000011',
  ],
  [
    { [LB]: 'MAGLEV', maglev_lb_config: { table_size: uint(1) } },
    'maglev_lb_config.table_size: 1 is no prime',
  ],
  [breakers({ max_requests: uint() }), `${T}.max_requests: it is 0, which would be no bound here`],
  [breakers({ max_connections: uint(0) }), `${T}.max_connections: it is 0`],
  [breakers({ max_pending_requests: uint(0) }), `${T}.max_pending_requests: it is 0`],
  [breakers({ max_retries: uint(0) }), `${T}.max_retries: it is 0`],
  [
    breakers({ retry_budget: { budget_percent: { value: 101 } } }),
    `${T}.retry_budget.budget_percent: 101 is not 0 to 100`,
  ],
  [
    breakers({ retry_budget: { budget_percent: { value: Number.NaN } } }),
    `${T}.retry_budget.budget_percent: NaN is not 0 to 100`,
  ],
  [
    { circuit_breakers: { per_host_thresholds: [{ max_connections: uint(0) }] } },
    'circuit_breakers.per_host_thresholds[0].max_connections: it is 0',
  ],
  [{ [O]: { interval: s(0) } }, `${O}.interval: it is 0`],
  [{ [O]: { base_ejection_time: s(0) } }, `${O}.base_ejection_time: it is 0`],
  [{ [O]: { max_ejection_time: s(0) } }, `${O}.max_ejection_time: it is 0`],
  [{ [O]: { max_ejection_time_jitter: s(-1) } }, `${O}.max_ejection_time_jitter: it is negative`],
  ...[
    'max_ejection_percent',
    'enforcing_success_rate',
    'enforcing_failure_percentage',
    'failure_percentage_threshold',
    'enforcing_consecutive_5xx',
    'enforcing_consecutive_gateway_failure',
  ].map((field): [object, string] => [
    { [O]: { [field]: uint(101) } },
    `${O}.${field}: 101 is more than 100`,
  ]),
  [
    { [O]: { enforcing_consecutive_5xx: uint(50) } },
    `${O}.enforcing_consecutive_5xx: 50 is neither 0 nor 100`,
  ],
  [
    { [O]: { enforcing_consecutive_gateway_failure: uint(1) } },
    `${O}.enforcing_consecutive_gateway_failure: 1 is neither 0 nor 100`,
  ],
];

describe('what cannot be carried out is refused with the path of its field', () => {
  it.each(REFUSED)('%j', (message, said) => {
    expect(() => read(message)).toThrow(said);
  });

  it('a socket in the clear is none', () => {
    const type_url = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
    expect(read({ transport_socket: { typed_config: { type_url, value: {} } } }).name).toBe('a');
  });
});

describe('policies', () => {
  const own = clusterPolicies(DEFAULT_SIDECAR_CONFIG);

  it('are the sidecar’s own, but for what the cluster says, and then the route', () => {
    expect(policiesOf(own, {}, null)).toEqual(own);
    const cluster = { retry: { budget: 0.9 }, timeout: { connectMs: 7 }, circuitBreaker: DEFAULT_BREAKER };
    const route = { retry: { attempts: 2 }, timeout: { callMs: 8 } };
    expect(policiesOf(own, cluster, route)).toEqual({
      ...own,
      retry: { ...own.retry, budget: 0.9, attempts: 2 },
      timeout: { ...own.timeout, connectMs: 7, callMs: 8 },
      circuitBreaker: DEFAULT_BREAKER,
    });
  });

  it('a hash header is a route’s to say, of a cluster that hashes; that of another balancer is not taken for it', () => {
    const ring = { balancer: { name: 'ring_hash' as const } };
    const hash = { hashHeader: 'x' };
    const mine = { ...own, balancer: { ...own.balancer, name: 'maglev' as const, hashHeader: 'mine' } };
    const header = (...given: Parameters<typeof policiesOf>) => policiesOf(...given).balancer.hashHeader;
    expect(header(own, ring, hash)).toBe('x');
    expect(header(own, {}, hash)).toBe('');
    expect(header(mine, {}, null)).toBe('mine');
    expect(header(mine, ring, null)).toBe('');
    expect(header(mine, { balancer: { name: 'maglev' } }, null)).toBe('mine');
  });

  it('who speaks of retries wants no hedges; the cap on ejections stays the sidecar’s', () => {
    const hedged = {
      ...own,
      hedging: DEFAULT_HEDGING,
      outlier: { ...DEFAULT_OUTLIER, cap: 'envoy' as const },
    };
    expect(policiesOf(hedged, {}, null).hedging).toEqual(DEFAULT_HEDGING);
    expect(policiesOf(hedged, {}, { retry: { attempts: 2 } }).hedging).toBeNull();
    const { cap: _cap, ...said } = DEFAULT_OUTLIER;
    const capOf = (...given: Parameters<typeof policiesOf>) => policiesOf(...given).outlier?.cap;
    expect(capOf(hedged, { outlier: said }, null)).toBe('envoy');
    expect(capOf(own, { outlier: said }, null)).toBe('a50');
    expect(capOf(hedged, { outlier: { ...said, cap: 'envoy_at_least_one' } }, null)).toBe(
      'envoy_at_least_one',
    );
  });
});
