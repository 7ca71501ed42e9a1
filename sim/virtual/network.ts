/** The network between the sidecars and one instance: a base delay, and the sum of the effects that faults put on it. */
import type { NetworkEffect } from '../faults/controls.ts';

/** One way, sidecar to instance or back: two hops in one data centre. */
export const HOP_NS = 100_000;
/** Nothing is on its way for longer than a day. */
const TRANSIT_MAX_NS = 86_400e9;

export class NetworkState {
  /** Added to what the instance answers. */
  addedNs = 0;
  /** Octets per second, each direction of each connection; Infinity: no limit. */
  bytesPerSecond = Infinity;
  /** Requests do not arrive, no connection comes up. */
  partitioned = false;
  /** Answers vanish, no connection comes up. */
  muted = false;
  readonly #effects = new Map<number, NetworkEffect>();

  /** Sets or lifts (null) one fault's effect. Returns the effect that was lifted, if any. */
  set(fault: number, effect: NetworkEffect | null): NetworkEffect | null {
    const before = this.#effects.get(fault) ?? null;
    if (effect === null) this.#effects.delete(fault);
    else this.#effects.set(fault, effect);
    this.addedNs = 0;
    this.bytesPerSecond = Infinity;
    this.partitioned = false;
    this.muted = false;
    for (const one of this.#effects.values()) {
      if (one.kind === 'latency') this.addedNs += Math.round(one.latencyMs * 1e6);
      else if (one.kind === 'bandwidth')
        this.bytesPerSecond = Math.min(this.bytesPerSecond, one.bytesPerSecond);
      else {
        this.muted = true;
        if (one.kind === 'partition') this.partitioned = true;
      }
    }
    return before;
  }
}

/** One direction of one connection: first in, first out, and no faster than the bandwidth. */
export class Lane {
  #freeNs = 0;
  #lastNs = 0;

  /** When `byteCount` octets sent now arrive. */
  arrivalNs(nowNs: number, delayNs: number, byteCount: number, bytesPerSecond: number): number {
    let sentNs = nowNs;
    if (bytesPerSecond !== Infinity) {
      if (this.#freeNs > sentNs) sentNs = this.#freeNs;
      sentNs = Math.min(sentNs + Math.ceil((byteCount * 1e9) / bytesPerSecond), nowNs + TRANSIT_MAX_NS);
      this.#freeNs = sentNs;
    }
    const arrivesNs = sentNs + delayNs;
    if (arrivesNs > this.#lastNs) this.#lastNs = arrivesNs;
    return this.#lastNs;
  }

  /** Forgets the queue: whoever waits in it is sent anew. */
  clear(): void {
    this.#freeNs = 0;
    this.#lastNs = 0;
  }
}
