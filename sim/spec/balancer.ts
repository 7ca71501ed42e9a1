/** The balancers that a scenario's sidecar may have, by name. They are the sidecar's own; a test compares the two lists. */

export const BALANCERS = [
  'round_robin',
  'weighted_round_robin',
  'least_request',
  'p2c_ewma',
  'ring_hash',
  'maglev',
  'pick_first',
  'random',
] as const;
export type BalancerName = (typeof BALANCERS)[number];

/** A balancer with its settings; what is not given keeps the sidecar's own default. */
export interface BalancerSpec {
  name: BalancerName;
  /** ring_hash and maglev: the request header whose value decides. */
  hashHeader?: string;
  /** Below this share of healthy instances unhealthy ones are picked, too; default 0: never. */
  panicThreshold?: number;
  /** weighted_round_robin, least_request: until a new instance has its whole weight; default 0. */
  slowStartMs?: number;
  /** The share of it that it has at first, 0.125 to 1. */
  slowStartFloor?: number;
  /** least_request: endpoints looked at for each pick, 2 to 10. */
  choices?: number;
  /** p2c_ewma. */
  decayMs?: number;
  failurePenaltyMs?: number;
  /** ring_hash. */
  pointsPerWeight?: number;
  ringSizeMax?: number;
  /** maglev: a prime. */
  tableSize?: number;
  /** What `priorities` of the service mean: Envoy's spill-over by share of health, gRPC's failover as a whole, or nothing. */
  priorities?: PriorityDialect;
  /** A priority or locality bears all its calls until its share of healthy ones is below 1 ÷ this. */
  overprovisioning?: number;
  /** What `localities` of the service mean. `nearest` also asks for the sidecar's own. */
  localities?: LocalityMode;
  /** So many endpoints of each priority are all that one sidecar uses; 0: all. */
  subsetSize?: number;
  /** weighted_round_robin: weights come from `loadReports` of the service. */
  loadReports?: boolean;
  /** Of them: a weight counts so long after the first report, until so long after the last, looked at so often. */
  blackoutMs?: number;
  expirationMs?: number;
  weightUpdateMs?: number;
  /** What a share of errors of 1 counts for beside a utilization of 1. */
  errorPenalty?: number;
}

export const PRIORITY_DIALECTS = ['envoy', 'a56', 'ignore'] as const;
export type PriorityDialect = (typeof PRIORITY_DIALECTS)[number];
export const LOCALITY_MODES = ['ignore', 'weighted', 'nearest'] as const;
export type LocalityMode = (typeof LOCALITY_MODES)[number];

/** What the checks assume where a scenario says nothing. */
export const GROUP_DEFAULTS = {
  priorities: 'envoy',
  overprovisioning: 1.4,
  localities: 'ignore',
  subsetSize: 0,
  loadReports: false,
  blackoutMs: 10_000,
  expirationMs: 180_000,
  weightUpdateMs: 1_000,
  errorPenalty: 1,
} as const satisfies Omit<BalancerSpec, 'name'>;

export type GroupSettings = { [K in keyof typeof GROUP_DEFAULTS]: NonNullable<BalancerSpec[K]> };

/** Of a sidecar's balancer, completed. */
export function groupSettings(balancer: BalancerName | BalancerSpec | undefined): GroupSettings {
  return { ...GROUP_DEFAULTS, ...(typeof balancer === 'object' ? balancer : {}) };
}

/** What the balancer of one sidecar knows of the sidecar itself; `localities` as a scenario has them. */
export function ownFacts(
  localities: readonly string[] | undefined,
  sidecar: number,
): { ownLocality: string; subsetKey: string } {
  const ownLocality = localities?.[sidecar] ?? localities?.at(-1) ?? '';
  return { ownLocality, subsetKey: `sidecar/${sidecar}` };
}

/** How many endpoints with these priorities one sidecar uses. */
export function usedCount(priorities: readonly number[], subsetSize: number): number {
  if (subsetSize === 0) return priorities.length;
  const counts = new Map<number, number>();
  for (const priority of priorities) counts.set(priority, (counts.get(priority) ?? 0) + 1);
  return [...counts.values()].reduce((all, count) => all + Math.min(count, subsetSize), 0);
}

/** The header that callers put their key into, where a load has keys. */
export const KEY_HEADER = 'x-key';

/** What discovery says of an instance beside its address and weight: the group of endpoints that it is in. */
export interface GroupFacts {
  priority?: number;
  locality?: string;
  localityWeight?: number;
}
