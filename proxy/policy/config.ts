/** The sidecar's configuration as its machine reads it: complete, validated, durations in milliseconds. */

import type {
  BreakerConfig,
  ConcurrencyConfig,
  HedgingConfig,
  LoadShedConfig,
  MessageLimitConfig,
  OutlierConfig,
  RateLimitConfig,
  ThrottleConfig,
  WaitForReadyConfig,
} from './failover-config.ts';
import type { RoutingConfig } from './routes/config.ts';

/** Names of balancers. */
export const BALANCER_NAMES = [
  'round_robin',
  'weighted_round_robin',
  'least_request',
  'p2c_ewma',
  'ring_hash',
  'maglev',
  'pick_first',
  'random',
] as const;
export type BalancerName = (typeof BALANCER_NAMES)[number];

/**
 * What an endpoint's priority means. `envoy`: a priority bears its share of healthy ones × `overprovisioning` of all calls, the rest goes on to the
 * next; `a56`: all calls go to the first priority in which anyone is ready (gRFC A56; its timer is not waited for: one that hangs in connect
 * delays no call); `ignore`: nothing.
 */
export const PRIORITY_DIALECTS = ['envoy', 'a56', 'ignore'] as const;
export type PriorityDialect = (typeof PRIORITY_DIALECTS)[number];

/** What an endpoint's locality means: nothing; its weight counts beside the others'; those of the sidecar's own come first. */
export const LOCALITY_MODES = ['ignore', 'weighted', 'nearest'] as const;
export type LocalityMode = (typeof LOCALITY_MODES)[number];

/** How calls are spread; what another balancer would read means nothing to this one. */
export interface BalancerConfig {
  name: BalancerName;
  /** ring_hash and maglev: the request header whose value decides, in lower case; '': chance does. */
  hashHeader: string;
  /** Below this share of healthy ones among those that were checked, unhealthy ones are picked, too (Envoy's panic); 0: never. */
  panicThreshold: number;
  /** weighted_round_robin, least_request: an endpoint has its whole weight only so long after it became pickable; 0: at once. */
  slowStartMs: number;
  /** The share of it that it has at first. */
  slowStartFloor: number;
  /** least_request: how many endpoints are looked at for each pick (gRFC A48: 2 to 10). */
  choices: number;
  /** p2c_ewma: after so long without a call, 1/e of a latency is still remembered. */
  decayMs: number;
  /** p2c_ewma: an attempt that failed counts as one that took at least so long, so that fast failure attracts nobody. */
  failurePenaltyMs: number;
  /** ring_hash: points on the ring for each unit of weight, and the most points of all (then each gets half, and so on, but one at least). */
  pointsPerWeight: number;
  ringSizeMax: number;
  /** maglev: slots of the table, a prime. */
  tableSize: number;
  priorities: PriorityDialect;
  /** A priority or locality bears all its calls until its share of healthy ones is below 1 ÷ this. */
  overprovisioning: number;
  localities: LocalityMode;
  /** The sidecar's own locality, for `nearest`: `region/zone`, or less or more of it. */
  ownLocality: string;
  /** So many endpoints of each priority are all that this sidecar uses; 0: all. */
  subsetSize: number;
  /** By what it draws them: its own name, the same after a restart. */
  subsetKey: string;
  /** weighted_round_robin: weights are learned from load reports (gRFC A58), and discovery's mean nothing. */
  loadReports: boolean;
  /** Of them: a weight counts so long after the first report, until so long after the last; how often weights are looked at. */
  blackoutMs: number;
  expirationMs: number;
  weightUpdateMs: number;
  /** What a share of errors of 1 counts for beside a utilization of 1. */
  errorPenalty: number;
}

export const DEFAULT_BALANCER: BalancerConfig = {
  name: 'round_robin',
  hashHeader: '',
  panicThreshold: 0,
  slowStartMs: 0,
  slowStartFloor: 0.125,
  choices: 2,
  decayMs: 10_000,
  failurePenaltyMs: 1_000,
  pointsPerWeight: 100,
  ringSizeMax: 262_144,
  tableSize: 65_537,
  priorities: 'envoy',
  overprovisioning: 1.4,
  localities: 'ignore',
  ownLocality: '',
  subsetSize: 0,
  subsetKey: '',
  loadReports: false,
  blackoutMs: 10_000,
  expirationMs: 180_000,
  weightUpdateMs: 1_000,
  errorPenalty: 1,
};

/** Calls go where their key says. */
export function hashes({ name }: BalancerConfig): boolean {
  return name === 'ring_hash' || name === 'maglev';
}

/** An endpoint's weight is a whole number from 1 to this. */
export const WEIGHT_MAX = 10_000;

/** How an endpoint's health is found out: `Check` or `Watch` of grpc.health.v1, or by connecting only. */
export const HEALTH_MODES = ['check', 'watch', 'tcp'] as const;
export type HealthMode = (typeof HEALTH_MODES)[number];

/** Active health checking. */
export interface HealthConfig {
  mode: HealthMode;
  /** From the beginning of one check to that of the next, at most. */
  intervalMs: number;
  timeoutMs: number;
  /** An interval is shorter by up to this share of it, at random. */
  jitter: number;
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
  /** The longest deadline of any call, whatever its caller says; 0: no bound. */
  callMaxMs: number;
  connectMs: number;
}

export interface SidecarConfig {
  balancer: BalancerConfig;
  health: HealthConfig | null;
  retry: RetryConfig;
  timeout: TimeoutConfig;
  /** Null: nobody is ejected. */
  outlier: OutlierConfig | null;
  /** Null: failures alone keep nobody from retrying. */
  retryThrottling: ThrottleConfig | null;
  /** Null: a call has one attempt at a time. */
  hedging: HedgingConfig | null;
  /** Null: nothing is bounded but connections per endpoint. */
  circuitBreaker: BreakerConfig | null;
  /** Null: calls may come as fast as they will. */
  rateLimit: RateLimitConfig | null;
  /** Null: nothing is learned of what an upstream bears. */
  concurrency: ConcurrencyConfig | null;
  /** Null: all are equal at a limit. */
  loadShed: LoadShedConfig | null;
  /** Null: a call for which no endpoint can be used fails at once. */
  waitForReady: WaitForReadyConfig | null;
  /** Null: messages may be of any length. */
  messageLimit: MessageLimitConfig | null;
  /** Null: every call goes to the one cluster there is. */
  routing: RoutingConfig | null;
  /** Put in front of a reply's first string field: the visible proof of passing through. Null: replies untouched. */
  tag: string | null;
  /** Time given to calls in flight at shutdown. */
  drainMs: number;
}

/** Used for what is left open where health checks are on. */
export const DEFAULT_HEALTH: HealthConfig = {
  mode: 'check',
  intervalMs: 1_000,
  timeoutMs: 500,
  jitter: 0.2,
  unhealthyThreshold: 2,
  healthyThreshold: 1,
  service: '',
};

/** Defaults; each may be overridden by flag or file. */
export const DEFAULT_SIDECAR_CONFIG: SidecarConfig = {
  balancer: DEFAULT_BALANCER,
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
  timeout: { callMs: 0, callMaxMs: 0, connectMs: 1_000 },
  outlier: null,
  retryThrottling: null,
  hedging: null,
  circuitBreaker: null,
  rateLimit: null,
  concurrency: null,
  loadShed: null,
  waitForReady: null,
  messageLimit: null,
  routing: null,
  tag: null,
  drainMs: 5_000,
};

/** One place a call can go to, as discovery tells it. */
export interface Endpoint {
  /** HOST:PORT; identifies the endpoint. */
  address: string;
  /** HOST:PORT that new connections go to, where that is not the address itself; those there are stay when it changes (logical DNS). */
  dialAddress?: string;
  /** Name for people and journals; the address where discovery gives none. */
  id: string;
  /** Draining endpoints finish their calls and get no new one. */
  draining: boolean;
  /** Its share beside the others, 1 to WEIGHT_MAX; 1 where none is given. */
  weight?: number;
  /** 0, where none is given, is the best. */
  priority?: number;
  /** `region/zone/subzone`, or less of it; '' where none is given. */
  locality?: string;
  /** Of its locality beside the others, 1 where none is given; where members say different things, the greatest. */
  localityWeight?: number;
  metadata?: Readonly<Record<string, string>>;
}
