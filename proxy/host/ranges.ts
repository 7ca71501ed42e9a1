/** Which numbers each setting may have, by its key in the configuration file: one table for the file's schema, the flags, and a scenario's sidecar. */

export interface Range {
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
}

const DAY = 86_400_000;
const HOUR = 3_600_000;
const BILLION = 1_000_000_000;
/** What the four octets of a gRPC message's length can say. */
const MESSAGE_BYTES_MAX = 2 ** 32 - 1;

const whole = (least: number, most: number): Range => ({ least, most, isWhole: true });
const between = (least: number, most: number): Range => ({ least, most, isWhole: false });
const judged = { minHosts: whole(0, 1_000_000), minRequests: whole(0, BILLION) };

export const RANGES = {
  workers: whole(1, 256),
  drainMs: whole(0, HOUR),
  drainDelayMs: whole(0, HOUR),
  'trace-fd': whole(1, 65_535),
  'balancer.panicThreshold': between(0, 1),
  'balancer.slowStartMs': between(0, DAY),
  'balancer.slowStartFloor': between(0.125, 1),
  'balancer.choices': whole(2, 10),
  'balancer.decayMs': between(1, HOUR),
  'balancer.failurePenaltyMs': between(0, HOUR),
  'balancer.pointsPerWeight': whole(1, 100_000),
  'balancer.ringSizeMax': whole(1_024, 8_388_608),
  'balancer.tableSize': whole(2, 5_000_011),
  'balancer.overprovisioning': between(1, 100),
  'balancer.subsetSize': whole(0, 100_000),
  'balancer.blackoutMs': between(0, HOUR),
  'balancer.expirationMs': between(1, DAY),
  // gRFC A58: not below 100 ms.
  'balancer.weightUpdateMs': between(100, HOUR),
  'balancer.errorPenalty': between(0, 1_000),
  'health.intervalMs': between(0, DAY),
  'health.timeoutMs': between(1, DAY),
  'health.unhealthyThreshold': whole(1, 1_000),
  'health.healthyThreshold': whole(1, 1_000),
  'health.jitter': between(0, 1),
  'retry.attempts': whole(1, 5),
  'retry.budget': between(0, 100),
  'retry.budgetMinConcurrent': whole(0, 1_000_000),
  'retry.backoffBaseMs': between(0, HOUR),
  'retry.backoffMaxMs': between(0, HOUR),
  'retry.perTryTimeoutMs': between(0, DAY),
  'retry.bufferBytesMax': whole(0, 1 << 28),
  'timeout.callMs': between(0, DAY),
  'timeout.callMaxMs': between(0, DAY),
  'timeout.connectMs': between(1, 600_000),
  'outlier.intervalMs': between(1, DAY),
  'outlier.baseEjectionMs': between(0, DAY),
  'outlier.maxEjectionMs': between(0, DAY),
  'outlier.jitterMs': between(0, DAY),
  'outlier.maxEjectionPercent': whole(0, 100),
  'outlier.consecutiveErrors': whole(0, 1_000_000),
  'outlier.consecutiveGatewayErrors': whole(0, 1_000_000),
  'outlier.successRate.stdevFactor': whole(0, 1_000_000),
  'outlier.successRate.minHosts': judged.minHosts,
  'outlier.successRate.minRequests': judged.minRequests,
  'outlier.successRate.enforcePercent': whole(0, 100),
  'outlier.failurePercent.thresholdPercent': whole(0, 100),
  'outlier.failurePercent.minHosts': judged.minHosts,
  'outlier.failurePercent.minRequests': judged.minRequests,
  'outlier.failurePercent.enforcePercent': whole(0, 100),
  'retryThrottling.maxTokens': between(1, 1_000),
  'retryThrottling.tokenRatio': between(0.001, 1_000),
  'hedging.attempts': whole(2, 5),
  'hedging.delayMs': between(0, DAY),
  'rateLimit.perSecond': between(0.001, BILLION),
  'rateLimit.burst': whole(1, BILLION),
  'rateLimit.status': whole(1, 16),
  'waitForReady.maxMs': between(1, HOUR),
  'waitForReady.maxPending': whole(1, BILLION),
  'messageLimit.requestBytesMax': whole(0, MESSAGE_BYTES_MAX),
  'messageLimit.responseBytesMax': whole(0, MESSAGE_BYTES_MAX),
  'concurrency.initial': whole(1, BILLION),
  'concurrency.min': whole(1, BILLION),
  'concurrency.max': whole(1, BILLION),
  'concurrency.windowMs': between(1, DAY),
  'concurrency.minSamples': whole(1, BILLION),
  'concurrency.tolerance': between(0, 100),
  'concurrency.baselineMs': between(1, DAY),
  'loadShed.retriesAt': between(0, 1),
  'loadShed.lowPriorityAt': between(0, 1),
  'circuitBreaker.maxRequests': whole(0, BILLION),
  'circuitBreaker.maxPending': whole(0, BILLION),
  'circuitBreaker.maxRetries': whole(0, BILLION),
  'circuitBreaker.maxConnections': whole(0, BILLION),
  'circuitBreaker.endpointMaxRequests': whole(0, BILLION),
  'circuitBreaker.endpointMaxPending': whole(0, BILLION),
  'circuitBreaker.endpointMaxConnections': whole(0, BILLION),
  'discovery.minRefreshMs': between(10, HOUR),
  'discovery.maxRefreshMs': between(10, HOUR),
  'discovery.absentMs': between(1, HOUR),
  'discovery.backoffBaseMs': between(1, HOUR),
  'discovery.backoffMaxMs': between(1, HOUR),
} as const satisfies Record<string, Range>;

export type RangeName = keyof typeof RANGES;

/** For people: what would be right. */
export function rangeText({ least, most, isWhole }: Range): string {
  return `a ${isWhole ? 'whole number' : 'number'} from ${least} to ${most}`;
}
