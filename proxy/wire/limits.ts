/** What one connection is held to: a value for each row of the table of limits, with the defaults of both roles. */
import { LIMITS, LIMIT_NAMES, type Limit, type LimitName } from './limits-table.ts';

/** By name; units and meaning are in the table. */
export type WireLimits = { readonly [Name in LimitName]: number };

/** The server role's: connections from callers. */
export const DEFAULT_WIRE_LIMITS: WireLimits = defaults((limit) => limit.byDefault);

/**
 * What differs where we are the client: one connection carries the calls of many callers, so a caller that does not read
 * may hold what its own streams' windows let in, but must not shut the connection's window for its neighbours.
 */
export const CLIENT_WIRE_LIMITS: WireLimits = defaults((limit) => limit.clientDefault ?? limit.byDefault);

function defaults(valueOf: (limit: Limit) => number): WireLimits {
  const all: Partial<Record<LimitName, number>> = {};
  for (const name of LIMIT_NAMES) all[name] = valueOf(LIMITS[name]);
  return all as WireLimits;
}
