/** How long to wait before connecting to an endpoint again: exponential with jitter (gRPC connection-backoff, shorter bounds). */

export const RECONNECT = { baseMs: 100, factor: 1.6, maxMs: 2_000, jitter: 0.2 } as const;

/** A connection that lived so long is no sign of an endpoint that closes what it accepts. */
const LASTED_NS = 1e9;

/** Wait in ns after `failures` failed dials in a row (at least 1). `random` in [0, 1). */
export function reconnectNs(failures: number, random: number): number {
  let waitMs: number = RECONNECT.baseMs;
  for (let step = 1; step < failures && waitMs < RECONNECT.maxMs; step++) waitMs *= RECONNECT.factor;
  const jitter = 1 - RECONNECT.jitter + 2 * RECONNECT.jitter * random;
  return Math.floor(Math.min(waitMs, RECONNECT.maxMs) * 1e6 * jitter);
}

/** How connections to an address went, as far as the next one has to wait for it. */
export class DialRecord {
  #failures = 0;
  #shortLived = 0;

  connected(): void {
    this.#failures = 0;
  }

  /** Dials that failed in a row, with this one. */
  failed(): number {
    return ++this.#failures;
  }

  /** A connection ended: how many in a row, with this one, had neither served nor lasted. */
  ended({ served, connectedNs }: { served: boolean; connectedNs: number }, nowNs: number): number {
    const lasted = served || nowNs - connectedNs >= LASTED_NS;
    this.#shortLived = lasted ? 0 : this.#shortLived + 1;
    return this.#shortLived;
  }
}
