/** One instance's side of its lease, without IO: what it asks of the registry next, and how long it waits before that. */
import { reconnectNs } from '../policy/reconnect.ts';
import type { Grant } from './leases.ts';

/** A lease is renewed this often in its time. */
const RENEWALS = 3;
/** A renewal comes sooner by up to this share, so that instances that started together do not go on in step. */
const JITTER = 0.1;

/** `register`: there is no lease, or none any more. */
export type Ask =
  | { kind: 'register'; incarnation: number }
  | { kind: 'heartbeat'; leaseId: string; sequence: number };

export class LeaseHolder {
  /** Null: it holds none. */
  leaseId: string | null = null;
  /** Asked in vain so often in a row. */
  failures = 0;
  readonly #ttlMs: number;
  readonly #random: () => number;
  #incarnation = 0;
  #sequence = 0;

  /** `random`: uniform in [0, 1). */
  constructor(ttlMs: number, random: () => number) {
    this.#ttlMs = ttlMs;
    this.#random = random;
  }

  /** `nowMs`: any clock that goes on while the process is not there; an incarnation is that or more. */
  ask(nowMs: number): Ask {
    const { leaseId } = this;
    if (leaseId !== null) return { kind: 'heartbeat', leaseId, sequence: ++this.#sequence };
    // Each one greater: the answer to the one before may have been lost.
    this.#incarnation = Math.max(nowMs, this.#incarnation + 1);
    return { kind: 'register', incarnation: this.#incarnation };
  }

  /** How long to wait before the next, in ms. */
  granted({ leaseId, ttlMs }: Grant): number {
    this.failures = 0;
    this.leaseId = leaseId;
    return (ttlMs / RENEWALS) * (1 - JITTER * this.#random());
  }

  /** The registry knows of no such lease: it registers at once. */
  lost(): void {
    this.leaseId = null;
  }

  /** It was refused, or nobody answered; how long to wait, in ms: a lease that may still be there is renewed in its time. */
  failed(): number {
    const waitMs = reconnectNs(++this.failures, this.#random()) / 1e6;
    return this.leaseId === null ? waitMs : Math.min(waitMs, this.#ttlMs / RENEWALS);
  }
}
