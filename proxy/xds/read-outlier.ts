/** From an OutlierDetection to ours. What both gRPC (A50) and Envoy know is read, with their defaults. */
import {
  DEFAULT_FAILURE_PERCENT,
  DEFAULT_OUTLIER,
  DEFAULT_SUCCESS_RATE,
  type FailurePercentConfig,
  type SuccessRateConfig,
} from '../policy/failover-config.ts';
import type { ClusterSections } from './policies.ts';
import { durationMs, isThere, positiveMs, uint } from './read-fields.ts';
import { ResourceError } from './resource-error.ts';
import type { OutlierShape, UintShape } from './shapes.ts';

const PLACE = 'outlier_detection';
/** Envoy's. */
const GATEWAY_FAILURES = 5;

export function readOutlier(shape: OutlierShape): NonNullable<ClusterSections['outlier']> {
  const base = DEFAULT_OUTLIER;
  const { successful_active_health_check_uneject_host: uneject } = shape;
  const baseEjectionMs =
    positiveMs(shape.base_ejection_time, `${PLACE}.base_ejection_time`) ?? base.baseEjectionMs;
  const most = positiveMs(shape.max_ejection_time, `${PLACE}.max_ejection_time`);
  return {
    intervalMs: positiveMs(shape.interval, `${PLACE}.interval`) ?? base.intervalMs,
    baseEjectionMs,
    maxEjectionMs: most ?? Math.max(base.maxEjectionMs, baseEjectionMs),
    jitterMs: durationMs(shape.max_ejection_time_jitter, `${PLACE}.max_ejection_time_jitter`) ?? 0,
    maxEjectionPercent: percentOf(shape, 'max_ejection_percent', base.maxEjectionPercent),
    ...(shape.always_eject_one_host?.value === true ? { cap: 'envoy_at_least_one' as const } : {}),
    consecutiveErrors: inARow(shape, 'consecutive_5xx', base.consecutiveErrors, 100),
    consecutiveGatewayErrors: inARow(shape, 'consecutive_gateway_failure', GATEWAY_FAILURES, 0),
    errorStatuses: base.errorStatuses,
    gatewayStatuses: base.gatewayStatuses,
    healthyCheckUnejects: !isThere(uneject) || uneject.value === true,
    successRate: readSuccessRate(shape),
    failurePercent: readFailurePercent(shape),
  };
}

/** So many errors in a row eject, always or never: chance is not asked here. */
function inARow(
  shape: OutlierShape,
  field: 'consecutive_5xx' | 'consecutive_gateway_failure',
  count: number,
  enforced: number,
): number {
  const enforcing = `enforcing_${field}` as const;
  const share = percentOf(shape, enforcing, enforced);
  if (share !== 0 && share !== 100)
    throw new ResourceError(`${PLACE}.${enforcing}`, `${share} is neither 0 nor 100`);
  return share === 0 ? 0 : uint(shape[field], count);
}

function readSuccessRate(shape: OutlierShape): SuccessRateConfig | null {
  const base = DEFAULT_SUCCESS_RATE;
  const enforcePercent = percentOf(shape, 'enforcing_success_rate', base.enforcePercent);
  if (enforcePercent === 0) return null;
  return {
    stdevFactor: uint(shape.success_rate_stdev_factor, base.stdevFactor),
    minHosts: uint(shape.success_rate_minimum_hosts, base.minHosts),
    minRequests: uint(shape.success_rate_request_volume, base.minRequests),
    enforcePercent,
  };
}

/** Off unless it is asked for. */
function readFailurePercent(shape: OutlierShape): FailurePercentConfig | null {
  const base = DEFAULT_FAILURE_PERCENT;
  const enforcePercent = percentOf(shape, 'enforcing_failure_percentage', 0);
  const thresholdPercent = percentOf(shape, 'failure_percentage_threshold', base.thresholdPercent);
  if (enforcePercent === 0) return null;
  return {
    thresholdPercent,
    minHosts: uint(shape.failure_percentage_minimum_hosts, base.minHosts),
    minRequests: uint(shape.failure_percentage_request_volume, base.minRequests),
    enforcePercent,
  };
}

function percentOf(shape: OutlierShape, field: keyof OutlierShape, fallback: number): number {
  const value = uint(shape[field] as UintShape | undefined, fallback);
  if (value <= 100) return value;
  throw new ResourceError(`${PLACE}.${field}`, `${value} is more than 100`);
}
