/** From a cluster, as people describe it, to the message that tells of it. What xDS has no word for is refused. */
import { DEFAULT_BREAKER, DEFAULT_OUTLIER } from '../policy/failover-config.ts';
import { BY_ADS, durationOf } from './build-fields.ts';
import type { Codec } from './messages.ts';
import { type ClusterPlan, tellable } from './plan.ts';
import { ResourceError } from './resource-error.ts';
import type { ClusterShape, OutlierShape, UintShape } from './shapes.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const LB_NAMES = ['round_robin', 'least_request', 'ring_hash', 'random', 'maglev'];
const BALANCER = ['name', 'hashHeader', 'choices', 'ringSizeMax', 'tableSize', 'localities'];
const BREAKER = ['maxRequests', 'maxPending', 'maxRetries', 'maxConnections', 'endpointMaxConnections'];
const NO_BOUND = 4_294_967_295;
const RING_MIN = 1_024;

export function clusterMessage(name: string, plan: ClusterPlan, codec: Codec): ClusterShape {
  const { timeout, circuitBreaker, outlier } = plan;
  const path = `clusters.${name}`;
  if (timeout !== undefined) tellable(timeout, ['connectMs'], `${path}.timeout`);
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: BY_ADS },
    ...(timeout?.connectMs === undefined ? {} : { connect_timeout: durationOf(timeout.connectMs) }),
    ...balancerFields(plan.balancer, `${path}.balancer`),
    ...(circuitBreaker === undefined ? {} : breakerFields(circuitBreaker, `${path}.circuitBreaker`)),
    ...(outlier === undefined ? {} : { outlier_detection: outlierMessage(outlier, `${path}.outlier`) }),
    // Who left is gone: no call to it because it still answers health checks.
    ignore_health_on_host_removal: true,
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: codec.pack(`type.googleapis.com/${HTTP_OPTIONS}`, {
        explicit_http_config: { http2_protocol_options: {} },
      }),
    },
  };
}

/** The header that calls to the cluster are spread by; null: none. */
export function hashHeaderOf({ balancer }: ClusterPlan): string | null {
  return typeof balancer === 'object' ? (balancer.hashHeader ?? null) : null;
}

function balancerFields(said: ClusterPlan['balancer'], path: string): Partial<ClusterShape> {
  const balancer = typeof said === 'object' ? said : { name: said ?? 'round_robin' };
  const { name, choices, ringSizeMax, tableSize, localities } = balancer;
  tellable(balancer, BALANCER, path);
  if (!LB_NAMES.includes(name))
    throw new ResourceError(`${path}.name`, `${name} cannot be told over xDS: ${LB_NAMES.join(', ')} can`);
  if (localities !== undefined && localities !== 'weighted' && localities !== 'ignore')
    throw new ResourceError(`${path}.localities`, `${localities} cannot be told over xDS`);
  return {
    lb_policy: name.toUpperCase(),
    ...(choices === undefined ? {} : { least_request_lb_config: { choice_count: { value: choices } } }),
    ...(ringSizeMax === undefined
      ? {}
      : {
          ring_hash_lb_config: {
            minimum_ring_size: { value: Math.min(RING_MIN, ringSizeMax) },
            maximum_ring_size: { value: ringSizeMax },
          },
        }),
    ...(tableSize === undefined ? {} : { maglev_lb_config: { table_size: { value: tableSize } } }),
    ...(localities === 'weighted' ? { common_lb_config: { locality_weighted_lb_config: {} } } : {}),
  };
}

/** Bounds that are not given are the sidecar's defaults, and not Envoy's. */
function breakerFields(
  said: NonNullable<ClusterPlan['circuitBreaker']>,
  path: string,
): Pick<ClusterShape, 'circuit_breakers'> {
  tellable(said, BREAKER, path);
  const base = DEFAULT_BREAKER;
  const bound = (given: number | undefined, fallback: number): UintShape => ({
    value: (given ?? fallback) || NO_BOUND,
  });
  const each = said.endpointMaxConnections;
  return {
    circuit_breakers: {
      thresholds: [
        {
          max_connections: bound(said.maxConnections, base.maxConnections),
          max_pending_requests: bound(said.maxPending, base.maxPending),
          max_requests: bound(said.maxRequests, base.maxRequests),
          max_retries: bound(said.maxRetries, base.maxRetries),
        },
      ],
      ...(each === undefined ? {} : { per_host_thresholds: [{ max_connections: bound(each, each) }] }),
    },
  };
}

const OUTLIER = [
  'intervalMs',
  'baseEjectionMs',
  'maxEjectionMs',
  'jitterMs',
  'maxEjectionPercent',
  'cap',
  'consecutiveErrors',
  'consecutiveGatewayErrors',
  'healthyCheckUnejects',
  'successRate',
  'failurePercent',
];

/** Whatever the defaults of others are, all of it is said. */
function outlierMessage(said: NonNullable<ClusterPlan['outlier']>, path: string): OutlierShape {
  tellable(said, OUTLIER, path);
  const base = DEFAULT_OUTLIER;
  const { cap = base.cap, successRate: rate, failurePercent: share } = said;
  const errors = said.consecutiveErrors ?? base.consecutiveErrors;
  const gateway = said.consecutiveGatewayErrors ?? base.consecutiveGatewayErrors;
  const count = (value: number | undefined): UintShape | undefined =>
    value === undefined ? undefined : { value };
  const message: Partial<Record<keyof OutlierShape, OutlierShape[keyof OutlierShape] | undefined>> = {
    interval: durationOf(said.intervalMs ?? base.intervalMs),
    base_ejection_time: durationOf(said.baseEjectionMs ?? base.baseEjectionMs),
    max_ejection_time: durationOf(said.maxEjectionMs ?? base.maxEjectionMs),
    max_ejection_time_jitter: durationOf(said.jitterMs ?? base.jitterMs),
    max_ejection_percent: count(said.maxEjectionPercent ?? base.maxEjectionPercent),
    always_eject_one_host: { value: cap === 'envoy_at_least_one' },
    ...(errors === 0 ? {} : { consecutive_5xx: count(errors) }),
    enforcing_consecutive_5xx: count(errors === 0 ? 0 : 100),
    ...(gateway === 0 ? {} : { consecutive_gateway_failure: count(gateway) }),
    enforcing_consecutive_gateway_failure: count(gateway === 0 ? 0 : 100),
    successful_active_health_check_uneject_host: { value: said.healthyCheckUnejects ?? false },
    enforcing_success_rate: count(rate ? (rate.enforcePercent ?? 100) : 0),
    success_rate_minimum_hosts: count(rate?.minHosts),
    success_rate_request_volume: count(rate?.minRequests),
    success_rate_stdev_factor: count(rate?.stdevFactor),
    enforcing_failure_percentage: count(share ? (share.enforcePercent ?? 100) : 0),
    failure_percentage_threshold: count(share?.thresholdPercent),
    failure_percentage_minimum_hosts: count(share?.minHosts),
    failure_percentage_request_volume: count(share?.minRequests),
  };
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
}
