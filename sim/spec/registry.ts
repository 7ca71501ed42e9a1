/** A registry of leases as a scenario's source of endpoints, and what it is when nothing is said. */

export interface RegistrySpec {
  kind: 'registry';
  /** Length of a lease, which an instance renews three times in it; default 2 s. */
  ttlMs?: number;
  /** After a restart nobody is told a set for so long; default 2 s. */
  settleMs?: number;
  /** Where more than this share of the leases would run out within one's time they are kept; default 1: never. */
  lapseShareMax?: number;
}

export const DEFAULT_REGISTRY = { ttlMs: 2_000, settleMs: 2_000, lapseShareMax: 1 } as const;
