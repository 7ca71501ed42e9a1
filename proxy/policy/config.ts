/** The sidecar's configuration as its machine reads it: complete, validated, durations in milliseconds. */

/** Names of balancers. */
export type BalancerName = 'round_robin';

/** Active health checking by grpc.health.v1 `Check`. */
export interface HealthConfig {
  intervalMs: number;
  timeoutMs: number;
  /** Failures in a row that take an endpoint out. */
  unhealthyThreshold: number;
  /** Successes in a row that bring it back; the first check of a new endpoint counts alone. */
  healthyThreshold: number;
  /** Name asked for; '' is the whole server. */
  service: string;
}

export interface RetryConfig {
  /** Attempts per call, the first included (gRFC A6 caps at 5). 1 switches retries off. */
  attempts: number;
  /** grpc-status numbers that may be retried. */
  retryableStatuses: readonly number[];
  /** Retries alive may be at most this share of calls alive (Envoy retry_budget), but at least `budgetMinConcurrent`. */
  budget: number;
  budgetMinConcurrent: number;
  /** Wait before retry n is uniform in [0.8, 1.2] × min(backoffBaseMs × 2^(n-1), backoffMaxMs) (gRFC A6). */
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** One attempt may take this long; 0: no limit. */
  perTryTimeoutMs: number;
  /** Request octets kept for a replay; a larger request is sent once. */
  bufferBytesMax: number;
}

export interface TimeoutConfig {
  /** Used when the caller sets no deadline; 0: none. */
  callMs: number;
  connectMs: number;
}

export interface SidecarConfig {
  balancer: BalancerName;
  health: HealthConfig | null;
  retry: RetryConfig;
  timeout: TimeoutConfig;
  /** Put in front of a reply's first string field: the visible proof of passing through. Null: replies untouched. */
  tag: string | null;
  /** Time given to calls in flight at shutdown. */
  drainMs: number;
}

/** Used for what is left open where health checks are on. */
export const DEFAULT_HEALTH: HealthConfig = {
  intervalMs: 1_000,
  timeoutMs: 500,
  unhealthyThreshold: 2,
  healthyThreshold: 1,
  service: '',
};

/** Defaults; each may be overridden by flag or file. */
export const DEFAULT_SIDECAR_CONFIG: SidecarConfig = {
  balancer: 'round_robin',
  health: null,
  retry: {
    attempts: 3,
    retryableStatuses: [14],
    budget: 0.2,
    budgetMinConcurrent: 3,
    backoffBaseMs: 25,
    backoffMaxMs: 250,
    perTryTimeoutMs: 0,
    bufferBytesMax: 65_536,
  },
  timeout: { callMs: 0, connectMs: 1_000 },
  tag: null,
  drainMs: 5_000,
};

/** One place a call can go to, as discovery tells it. */
export interface Endpoint {
  /** HOST:PORT; identifies the endpoint. */
  address: string;
  /** Name for people and journals; the address where discovery gives none. */
  id: string;
  /** Draining endpoints finish their calls and get no new one. */
  draining: boolean;
}
