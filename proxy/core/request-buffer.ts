/**
 * Request octets kept for a replay. A few lie in a slot of slabs that all calls share, for an array of its own costs a call
 * more than what is in it; more lie in an array that grows by doubling.
 */

/** Below this a loop is cheaper than `set`. */
const LOOP_BYTES_MAX = 48;
const SLAB_BYTES = 16_384;
const NOTHING = new Uint8Array(0);

export class RequestBuffer {
  /** -1: they were let go. */
  #length = 0;
  /** The slab, or an array of its own. */
  #octets: Uint8Array = NOTHING;
  /** Its slot, doubled, one more for a large one; -1: none. */
  #slot = -1;

  get length(): number {
    return this.#length < 0 ? 0 : this.#length;
  }

  /** False once octets were let go: a replay is no longer possible. */
  get kept(): boolean {
    return this.#length >= 0;
  }

  /** Keeps a copy. Never called after `drop`. */
  append(bytes: Uint8Array): void {
    const from = this.#length;
    const count = bytes.length;
    if (from + count > this.#room()) this.#grow(from + count);
    const octets = this.#octets;
    const at = this.#start() + from;
    if (count <= LOOP_BYTES_MAX) {
      for (let index = 0; index < count; index++) octets[at + index] = bytes[index] as number;
    } else octets.set(bytes, at);
    this.#length = from + count;
  }

  /** What is kept; valid until the next change. */
  bytes(): Uint8Array {
    const start = this.#start();
    return this.#octets.subarray(start, start + this.length);
  }

  /** Lets go of everything: the request cannot be replayed any more. */
  drop(): void {
    this.#free();
    this.#length = -1;
  }

  clear(): void {
    this.#free();
    this.#length = 0;
  }

  #room(): number {
    return this.#slot < 0 ? this.#octets.length : slotsOf(this.#slot).bytes;
  }

  #start(): number {
    return this.#slot < 0 ? 0 : slotsOf(this.#slot).start(this.#slot >>> 1);
  }

  #grow(needed: number): void {
    const old = this.bytes();
    const room = this.#room();
    this.#free();
    if (needed <= LARGE.bytes) {
      const large = needed > SMALL.bytes;
      const slots = large ? LARGE : SMALL;
      const slot = slots.take();
      this.#slot = slot * 2 + (large ? 1 : 0);
      this.#octets = slots.slab(slot);
    } else this.#octets = new Uint8Array(Math.max(2 * room, needed));
    this.#octets.set(old, this.#start());
  }

  #free(): void {
    if (this.#slot >= 0) slotsOf(this.#slot).free.push(this.#slot >>> 1);
    this.#slot = -1;
    this.#octets = NOTHING;
  }
}

/** Slots of one size, numbered through their slabs. */
class Slots {
  readonly bytes: number;
  readonly free: number[] = [];
  readonly #slabs: Uint8Array[] = [];
  readonly #perSlab: number;

  constructor(bytes: number) {
    this.bytes = bytes;
    this.#perSlab = SLAB_BYTES / bytes;
  }

  get used(): number {
    return this.#slabs.length * this.#perSlab - this.free.length;
  }

  take(): number {
    const slot = this.free.pop();
    if (slot !== undefined) return slot;
    const first = this.#slabs.length * this.#perSlab;
    this.#slabs.push(new Uint8Array(SLAB_BYTES));
    for (let other = first + this.#perSlab - 1; other > first; other--) this.free.push(other);
    return first;
  }

  slab(slot: number): Uint8Array {
    return this.#slabs[(slot / this.#perSlab) | 0] as Uint8Array;
  }

  start(slot: number): number {
    return (slot % this.#perSlab) * this.bytes;
  }
}

const SMALL = new Slots(32);
const LARGE = new Slots(128);

/** Slots that hold octets, of all machines in this process. For tests. */
export function slotsUsed(): number {
  return SMALL.used + LARGE.used;
}

function slotsOf(slot: number): Slots {
  return (slot & 1) === 0 ? SMALL : LARGE;
}
