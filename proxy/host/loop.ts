/** The turn of the real driver: one clock reading per event, one write per connection and turn, one armed timer for all. */
import type { Sidecar } from '../core/sidecar.ts';
import type { Carrier } from './carrier.ts';
import { type CarrierStats, statsOfCarriers } from './carrier-stats.ts';

/** Acknowledgements wait this long for something to ride along with. */
const LAZY_MS = 8;
/** With so few calls alive an answer is written at once; with more, the turn's writes are put together. */
const CALLS_AT_ONCE_MAX = 2;
/**
 * What the clock shows when the process begins. V8 holds integers below 2^31 otherwise than those above: were it 0, every object that notes a time would
 * change its shape 2.1 s later, and all that was compiled for the old shapes would be thrown away.
 */
const BEGIN_NS = 2 ** 32;

export class Loop {
  readonly carriers = new Set<Carrier>();
  /** When the event at hand began. */
  nowNs = 0;
  /** Called after each turn. */
  onTurn: (() => void) | null = null;
  readonly #goneErrors = { server: 0, client: 0 };
  #sidecar: Sidecar | null = null;
  #dirty: Carrier[] = [];
  #lazy: Carrier[] = [];
  #borrowers: Carrier[] = [];
  #lazyTimer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** What the timer is armed for; Infinity: nothing. */
  #wakeNs = Infinity;
  #stopped = false;

  /** Monotonic nanoseconds; the process began at `BEGIN_NS`. */
  now(): number {
    return BEGIN_NS + Math.floor(performance.now() * 1e6);
  }

  drive(sidecar: Sidecar): void {
    this.#sidecar = sidecar;
  }

  add(carrier: Carrier): void {
    this.carriers.add(carrier);
    carrier.nowNs = this.now();
    this.mark(carrier);
  }

  remove(carrier: Carrier): void {
    if (this.carriers.delete(carrier)) this.#goneErrors[carrier.role] += carrier.peerErrors;
  }

  carrierStats(): CarrierStats {
    return statsOfCarriers(this.carriers, this.#goneErrors);
  }

  /** The connection may have something to write. */
  mark(carrier: Carrier): void {
    if (carrier.dirty) return;
    carrier.dirty = true;
    this.#dirty.push(carrier);
  }

  /** The connection holds octets of a read buffer. */
  markBorrower(carrier: Carrier): void {
    carrier.borrowing = true;
    this.#borrowers.push(carrier);
  }

  /** Writes what is on loan. True: all of it is with the system, so the read buffer is free again. */
  settleLoans(): boolean {
    const borrowers = this.#borrowers;
    if (borrowers.length === 0) return true;
    this.#borrowers = [];
    let free = true;
    for (const carrier of borrowers) {
      carrier.borrowing = false;
      carrier.nowNs = this.nowNs;
      carrier.flush(false);
      free = free && carrier.flushed;
    }
    return free;
  }

  /** Tells the machine the time before an event. */
  begin(): number {
    this.nowNs = this.now();
    (this.#sidecar as Sidecar).advance(this.nowNs);
    return this.nowNs;
  }

  /** After an event: sees to it that what is to be written is written, and the timer armed. */
  turn(): void {
    if (this.#dirty.length === 0) {
      this.#arm();
      this.onTurn?.();
    } else if ((this.#sidecar as Sidecar).callsAlive <= CALLS_AT_ONCE_MAX) this.#flush();
    else this.#immediate ??= setImmediate(() => this.#flush());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#lazyTimer !== null) clearTimeout(this.#lazyTimer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
  }

  #flush(): void {
    if (this.#immediate !== null) {
      clearImmediate(this.#immediate);
      this.#immediate = null;
    }
    // Writing may mark further connections; the list is bounded by one entry per connection and round.
    for (let rounds = 0; rounds < 8 && this.#dirty.length > 0; rounds++) {
      const dirty = this.#dirty;
      this.#dirty = [];
      for (const carrier of dirty) {
        carrier.dirty = false;
        carrier.nowNs = this.nowNs;
        carrier.flush(false);
        if (carrier.hasOutput && !carrier.lazy) {
          carrier.lazy = true;
          this.#lazy.push(carrier);
        }
        if (carrier.nextTimeoutNs < this.#wakeNs) this.#armFor(carrier.nextTimeoutNs);
      }
    }
    if (this.#lazy.length > 0) this.#lazyTimer ??= setTimeout(() => this.#flushLazy(), LAZY_MS);
    this.#arm();
    this.onTurn?.();
  }

  #flushLazy(): void {
    this.#lazyTimer = null;
    const lazy = this.#lazy;
    this.#lazy = [];
    for (const carrier of lazy) {
      carrier.lazy = false;
      carrier.flush(true);
    }
    this.onTurn?.();
  }

  #arm(): void {
    const nextNs = (this.#sidecar as Sidecar).nextTimeoutNs;
    if (nextNs < this.#wakeNs) this.#armFor(nextNs);
  }

  #armFor(wakeNs: number): void {
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#wakeNs = wakeNs;
    const waitMs = Math.ceil((wakeNs - this.now()) / 1e6);
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(waitMs, 0), 0x7fffffff));
  }

  #wake(): void {
    this.#timer = null;
    this.#wakeNs = Infinity;
    const nowNs = this.begin();
    const sidecar = this.#sidecar as Sidecar;
    if (sidecar.nextTimeoutNs <= nowNs) sidecar.handleTimeout();
    let nextNs = Infinity;
    for (const carrier of this.carriers) {
      carrier.nowNs = nowNs;
      if (carrier.nextTimeoutNs <= nowNs) {
        carrier.handleTimeout();
        this.mark(carrier);
      }
      nextNs = Math.min(nextNs, carrier.nextTimeoutNs);
    }
    if (nextNs !== Infinity) this.#armFor(nextNs);
    this.turn();
  }
}
