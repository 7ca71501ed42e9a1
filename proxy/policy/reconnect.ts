/** How long to wait before connecting to an endpoint again: exponential with jitter (gRPC connection-backoff, shorter bounds). */

export const RECONNECT = { baseMs: 100, factor: 1.6, maxMs: 2_000, jitter: 0.2 } as const;

/** Wait in ns after `failures` failed dials in a row (at least 1). `random` in [0, 1). */
export function reconnectNs(failures: number, random: number): number {
  let waitMs: number = RECONNECT.baseMs;
  for (let step = 1; step < failures && waitMs < RECONNECT.maxMs; step++) waitMs *= RECONNECT.factor;
  const jitter = 1 - RECONNECT.jitter + 2 * RECONNECT.jitter * random;
  return Math.floor(Math.min(waitMs, RECONNECT.maxMs) * 1e6 * jitter);
}
