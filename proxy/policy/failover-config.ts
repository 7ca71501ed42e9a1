/** Configuration of the policies by which a sidecar gets past what fails: outlier detection and its company. Complete and validated. */

/**
 * How the cap on ejections is read. `a50`: no more once the ejected share has reached it, so it may be passed by one (gRFC A50);
 * `envoy`: none that would take the share beyond it; `envoy_at_least_one`: as `envoy`, but one may always be ejected.
 */
export const EJECTION_CAPS = ['a50', 'envoy', 'envoy_at_least_one'] as const;
export type EjectionCap = (typeof EJECTION_CAPS)[number];

/** Whoever's success rate lies below mean − stdev × stdevFactor / 1000 is ejected (gRFC A50). */
export interface SuccessRateConfig {
  stdevFactor: number;
  /** Endpoints with `minRequests` in the interval that there must be for a comparison. */
  minHosts: number;
  minRequests: number;
  /** How many of 100 that are found are ejected. */
  enforcePercent: number;
}

/** Whoever fails more than this share of its calls is ejected (gRFC A50). */
export interface FailurePercentConfig {
  thresholdPercent: number;
  minHosts: number;
  minRequests: number;
  enforcePercent: number;
}

export interface OutlierConfig {
  /** Between two sweeps, which judge statistics and end ejections. */
  intervalMs: number;
  /** The n-th ejection lasts min(base × n, max(base, max)) and up to `jitterMs` more, and then until the next sweep. */
  baseEjectionMs: number;
  maxEjectionMs: number;
  jitterMs: number;
  maxEjectionPercent: number;
  cap: EjectionCap;
  /** Errors in a row that eject at once; 0: any number is borne. */
  consecutiveErrors: number;
  consecutiveGatewayErrors: number;
  /** grpc-status numbers that are errors: by default those that Envoy maps to HTTP 5xx, and to 502, 503 or 504. */
  errorStatuses: readonly number[];
  gatewayStatuses: readonly number[];
  /** A good health check ends an ejection early (Envoy; not in gRPC). */
  healthyCheckUnejects: boolean;
  successRate: SuccessRateConfig | null;
  failurePercent: FailurePercentConfig | null;
}

/** Used for what is left open where outlier detection is on: Envoy's and gRFC A50's numbers. */
export const DEFAULT_OUTLIER: OutlierConfig = {
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
  successRate: null,
  failurePercent: null,
};

export const DEFAULT_SUCCESS_RATE: SuccessRateConfig = {
  stdevFactor: 1_900,
  minHosts: 5,
  minRequests: 100,
  enforcePercent: 100,
};

export const DEFAULT_FAILURE_PERCENT: FailurePercentConfig = {
  thresholdPercent: 85,
  minHosts: 5,
  minRequests: 50,
  enforcePercent: 100,
};

/** Retry throttling (gRFC A6): a bucket that failures empty and successes fill; at half of it or below nothing is retried. */
export interface ThrottleConfig {
  maxTokens: number;
  /** What a success gives back of a token; counted in thousandths. */
  tokenRatio: number;
}

export const DEFAULT_THROTTLE: ThrottleConfig = { maxTokens: 10, tokenRatio: 0.1 };

/** Circuit breaking (Envoy): bounds beyond which calls are refused at once. 0: no bound. */
export interface BreakerConfig {
  /** Attempts in flight and calls that wait for one. */
  maxRequests: number;
  /** Calls that wait for an endpoint, or for room on one. */
  maxPending: number;
  /** Retries alive, those in backoff included. */
  maxRetries: number;
  /** Connections to endpoints; the first one to each endpoint is always allowed. */
  maxConnections: number;
  endpointMaxRequests: number;
  endpointMaxPending: number;
  endpointMaxConnections: number;
}

/** Used for what is left open where circuit breaking is on. */
export const DEFAULT_BREAKER: BreakerConfig = {
  maxRequests: 1_024,
  maxPending: 1_024,
  maxRetries: 0,
  maxConnections: 1_024,
  endpointMaxRequests: 0,
  endpointMaxPending: 0,
  endpointMaxConnections: 8,
};

/** gRPC's wait-for-ready: a call for which no endpoint can be used waits for one, instead of failing at once. */
export interface WaitForReadyConfig {
  /** Since it first had to wait; its deadline may come sooner. */
  maxMs: number;
  /** Calls that may wait so; one more fails at once. */
  maxPending: number;
}

/** Used for what is left open where calls wait. */
export const DEFAULT_WAIT_FOR_READY: WaitForReadyConfig = { maxMs: 5_000, maxPending: 1_000 };

/** The longest gRPC messages, without their prefix and as compressed as they come; 0: no bound. */
export interface MessageLimitConfig {
  requestBytesMax: number;
  responseBytesMax: number;
}

/** Used for what is left open where messages are bounded: what gRPC libraries take by default. */
export const DEFAULT_MESSAGE_LIMIT: MessageLimitConfig = {
  requestBytesMax: 4 << 20,
  responseBytesMax: 4 << 20,
};

/** Hedging (gRFC A6) instead of retries: attempts side by side, of which the first good answer counts. */
export interface HedgingConfig {
  /** Attempts per call, the first included. */
  attempts: number;
  /** From one attempt to the next; one that failed is followed at once. */
  delayMs: number;
  /** grpc-status numbers after which the others go on; any other failure ends the call. */
  nonFatalStatuses: readonly number[];
}

/** Used for what is left open where hedging is on. */
export const DEFAULT_HEDGING: HedgingConfig = { attempts: 2, delayMs: 100, nonFatalStatuses: [14] };

/** Calls beyond this rate are refused. */
export interface RateLimitConfig {
  perSecond: number;
  /** Calls that may come at once. */
  burst: number;
  /** grpc-status of a refusal. */
  status: number;
}

export const DEFAULT_RATE_LIMIT: RateLimitConfig = { perSecond: 1_000, burst: 100, status: 8 };

/** A limit of calls in flight that is learned. */
export interface ConcurrencyConfig {
  initial: number;
  min: number;
  max: number;
  /** It learns once in so long, from `minSamples` or more. */
  windowMs: number;
  minSamples: number;
  /** By which share calls may take longer than at best without being taken for a queue. */
  tolerance: number;
  /** For how long the best is remembered. */
  baselineMs: number;
}

export const DEFAULT_CONCURRENCY: ConcurrencyConfig = {
  initial: 50,
  min: 4,
  max: 1_000,
  windowMs: 100,
  minSamples: 10,
  tolerance: 0.5,
  baselineMs: 30_000,
};

/**
 * Who is refused first as calls in flight come near their limit (the learned one, else the circuit breaker's): from the first
 * share on retries and hedges, from the second on calls that say that they matter little, or that are their caller's retry; at
 * the limit all others. What is under way goes on.
 */
export interface LoadShedConfig {
  retriesAt: number;
  lowPriorityAt: number;
  /** Request header and the value of it that says so. */
  priorityHeader: string;
  lowPriority: string;
}

export const DEFAULT_LOAD_SHED: LoadShedConfig = {
  retriesAt: 0.8,
  lowPriorityAt: 0.9,
  priorityHeader: 'x-priority',
  lowPriority: 'low',
};
