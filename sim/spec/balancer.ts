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
}

/** The header that callers put their key into, where a load has keys. */
export const KEY_HEADER = 'x-key';
