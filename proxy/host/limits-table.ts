/** Bounds of the sockets around the engine: the same kind of rows as the engine's table, set in the same way. */
import type { Limit } from '../wire/limits-table.ts';

export const HOST_LIMITS = {
  connectionsMax: {
    unit: 'connections',
    byDefault: 10_000,
    least: 1,
    most: 1_000_000,
    roles: 'server',
    bounds:
      'connections from callers at a time, of all workers together; one more is closed at once and counted',
    attack: '34 slowloris',
    source: 'own choice; Envoy, nginx and HAProxy have a number of the kind',
  },
  unwrittenBytesMax: {
    unit: 'octets',
    byDefault: 262_144,
    least: 16_384,
    most: 1_073_741_824,
    roles: 'both',
    bounds: 'octets that the system has not taken yet, above which a connection neither writes nor reads on',
    attack: '3 slow read, 6 PING flood',
    source: 'own choice; Envoy edge 32 KiB',
  },
  lingerMs: {
    unit: 'ms',
    byDefault: 1_000,
    least: 0,
    most: 600_000,
    roles: 'both',
    bounds: 'time for a peer to close after us; then it is cut off',
    attack: '34 slowloris',
    source: 'own choice; Envoy 1 s',
  },
} as const satisfies Record<string, Limit>;

export type HostLimitName = keyof typeof HOST_LIMITS;
export type HostLimits = { readonly [Name in HostLimitName]: number };
