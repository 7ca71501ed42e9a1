/**
 * Request octets kept for a replay. A few lie in a slot of a slab that all calls share, for an array of its own costs a call
 * more than what is in it; more lie in an array that grows by doubling.
 */

const SLOT_BYTES = 128;
const SLAB_SLOTS = 512;
/** Below this a loop is cheaper than `set`. */
const LOOP_BYTES_MAX = 48;
const NOTHING = new Uint8Array(0);

const slabs: Uint8Array[] = [];
const freeSlots: number[] = [];

export class RequestBuffer {
  length = 0;
  /** False once octets were let go: a replay is no longer possible. */
  kept = true;
  /** The slab, or an array of its own. */
  #octets: Uint8Array = NOTHING;
  #start = 0;
  /** -1: none. */
  #slot = -1;

  append(bytes: Uint8Array): void {
    const from = this.length;
    const count = bytes.length;
    if (from + count > this.#room()) this.#grow(from + count);
    const octets = this.#octets;
    const at = this.#start + from;
    if (count <= LOOP_BYTES_MAX) {
      for (let index = 0; index < count; index++) octets[at + index] = bytes[index] as number;
    } else octets.set(bytes, at);
    this.length = from + count;
  }

  /** What is kept; valid until the next change. */
  bytes(): Uint8Array {
    return this.#octets.subarray(this.#start, this.#start + this.length);
  }

  /** Lets go of everything: the request cannot be replayed any more. */
  drop(): void {
    this.#free();
    this.kept = false;
  }

  clear(): void {
    this.#free();
    this.kept = true;
  }

  #room(): number {
    return this.#slot < 0 ? this.#octets.length : SLOT_BYTES;
  }

  #grow(needed: number): void {
    if (this.#octets === NOTHING && needed <= SLOT_BYTES) return this.#takeSlot();
    const grown = new Uint8Array(Math.max(2 * this.#room(), needed));
    const { length } = this;
    grown.set(this.bytes());
    this.#free();
    this.#octets = grown;
    this.length = length;
  }

  #takeSlot(): void {
    const slot = freeSlots.pop() ?? addSlab();
    this.#slot = slot;
    this.#octets = slabs[(slot / SLAB_SLOTS) | 0] as Uint8Array;
    this.#start = (slot % SLAB_SLOTS) * SLOT_BYTES;
  }

  #free(): void {
    if (this.#slot >= 0) freeSlots.push(this.#slot);
    this.#slot = -1;
    this.#octets = NOTHING;
    this.#start = 0;
    this.length = 0;
  }
}

/** One of a new slab's slots; the others wait for their turn. */
function addSlab(): number {
  const first = slabs.length * SLAB_SLOTS;
  slabs.push(new Uint8Array(SLAB_SLOTS * SLOT_BYTES));
  for (let slot = first + SLAB_SLOTS - 1; slot > first; slot--) freeSlots.push(slot);
  return first;
}
