/** What a scenario may say about its sidecar's failover policies. They are the sidecar's own; a test compares defaults and names. */

interface JudgedSpec {
  minHosts?: number;
  minRequests?: number;
  enforcePercent?: number;
}

/** Outlier detection; what is not given keeps the sidecar's own default. */
export interface OutlierSpec {
  intervalMs?: number;
  baseEjectionMs?: number;
  maxEjectionMs?: number;
  jitterMs?: number;
  maxEjectionPercent?: number;
  /** How that share is read: gRFC A50 may pass it by one, Envoy does not, or only for the first. */
  cap?: 'a50' | 'envoy' | 'envoy_at_least_one';
  /** 0: any number of errors in a row is borne. */
  consecutiveErrors?: number;
  consecutiveGatewayErrors?: number;
  errorStatuses?: readonly number[];
  gatewayStatuses?: readonly number[];
  healthyCheckUnejects?: boolean;
  successRate?: JudgedSpec & { stdevFactor?: number };
  failurePercent?: JudgedSpec & { thresholdPercent?: number };
}

/** Retry throttling (gRFC A6). */
export interface ThrottlingSpec {
  maxTokens?: number;
  tokenRatio?: number;
}

/** Bounds of what is under way; 0: none. */
export interface BreakerSpec {
  maxRequests?: number;
  maxPending?: number;
  maxRetries?: number;
  maxConnections?: number;
  endpointMaxRequests?: number;
  endpointMaxPending?: number;
  endpointMaxConnections?: number;
}

/** Attempts side by side (gRFC A6). */
export interface HedgingSpec {
  attempts?: number;
  delayMs?: number;
  nonFatalStatuses?: readonly number[];
}

/** A call for which no instance can be used waits for one: so long, and so many calls. */
export interface WaitForReadySpec {
  maxMs?: number;
  maxPending?: number;
}

/** A call with a longer gRPC message ends with RESOURCE_EXHAUSTED; 0: no bound. */
export interface MessageLimitSpec {
  requestBytesMax?: number;
  responseBytesMax?: number;
}

/** Calls beyond this rate are refused with this status. */
export interface RateLimitSpec {
  perSecond?: number;
  burst?: number;
  status?: number;
}

/** A limit of calls in flight that is learned. */
export interface ConcurrencySpec {
  initial?: number;
  min?: number;
  max?: number;
  windowMs?: number;
  minSamples?: number;
  tolerance?: number;
  baselineMs?: number;
}

/** Who is refused first as calls in flight come near their limit. */
export interface LoadShedSpec {
  retriesAt?: number;
  lowPriorityAt?: number;
  priorityHeader?: string;
  lowPriority?: string;
}

/** The policies of a sidecar, each off where it is not given. */
export interface FailoverSpec {
  outlier?: OutlierSpec;
  retryThrottling?: ThrottlingSpec;
  /** Instead of retries; the retry budget bounds it. */
  hedging?: HedgingSpec;
  circuitBreaker?: BreakerSpec;
  waitForReady?: WaitForReadySpec;
  messageLimit?: MessageLimitSpec;
  rateLimit?: RateLimitSpec;
  concurrency?: ConcurrencySpec;
  loadShed?: LoadShedSpec;
}

/** What the checks assume where a scenario says nothing. */
export const THROTTLING_DEFAULTS: Required<ThrottlingSpec> = { maxTokens: 10, tokenRatio: 0.1 };
export const RATE_LIMIT_DEFAULTS: Required<RateLimitSpec> = { perSecond: 1_000, burst: 100, status: 8 };
export const HEDGING_DEFAULTS: Required<HedgingSpec> = { attempts: 2, delayMs: 100, nonFatalStatuses: [14] };
export const BREAKER_DEFAULTS: Required<BreakerSpec> = {
  maxRequests: 1_024,
  maxPending: 1_024,
  maxRetries: 0,
  maxConnections: 1_024,
  endpointMaxRequests: 0,
  endpointMaxPending: 0,
  endpointMaxConnections: 8,
};

/** What the check of ejections assumes where a scenario says nothing. */
export const OUTLIER_DEFAULTS: Required<Omit<OutlierSpec, 'successRate' | 'failurePercent'>> = {
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  jitterMs: 0,
  maxEjectionPercent: 10,
  cap: 'a50',
  consecutiveErrors: 5,
  consecutiveGatewayErrors: 0,
  errorStatuses: [2, 4, 12, 13, 14, 15],
  gatewayStatuses: [4, 14],
  healthyCheckUnejects: false,
};
