/** The queue of a discrete-event simulation: what happens next, by time, and in the order of pushing where times are equal. */

const TIME_MAX_NS = Number.MAX_SAFE_INTEGER;
const FIRST_CAPACITY = 1_024;

/**
 * A 4-ary heap in typed arrays, keyed (time, sequence). An event is one 32-bit payload; what it means is its owner's affair.
 * Times are whole nanoseconds below 2^53 (104 days).
 */
export class EventQueue {
  /** Events waiting. */
  length = 0;
  #times = new Float64Array(FIRST_CAPACITY);
  #sequences = new Float64Array(FIRST_CAPACITY);
  #payloads = new Int32Array(FIRST_CAPACITY);
  #sequence = 0;

  /** When the next event is due; Infinity when there is none. */
  get nextNs(): number {
    return this.length === 0 ? Infinity : (this.#times[0] as number);
  }

  /** Adds an event. An impossible time is a bug of the caller: RangeError. */
  push(tNs: number, payload: number): void {
    if (!(tNs >= 0 && tNs <= TIME_MAX_NS)) throw new RangeError(`virtual time out of range: ${tNs} ns`);
    let at = this.length++;
    if (at === this.#times.length) this.#grow();
    const times = this.#times;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    while (at > 0) {
      const above = (at - 1) >> 2;
      const aboveNs = times[above] as number;
      if (aboveNs <= tNs) break; // the newer sequence is always the larger
      times[at] = aboveNs;
      sequences[at] = sequences[above] as number;
      payloads[at] = payloads[above] as number;
      at = above;
    }
    times[at] = tNs;
    sequences[at] = this.#sequence++;
    payloads[at] = payload;
  }

  /** Takes the next event out and returns its payload; read `nextNs` before. The queue must not be empty. */
  pop(): number {
    const payload = this.#payloads[0] as number;
    const last = --this.length;
    if (last > 0) this.#sink(last);
    return payload;
  }

  /** Puts the entry at `last` where the root was and lets it sink to its place. */
  #sink(last: number): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    const tNs = times[last] as number;
    const sequence = sequences[last] as number;
    let at = 0;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= last) break;
      const end = first + 4 < last ? first + 4 : last;
      let least = first;
      let leastNs = times[first] as number;
      for (let below = first + 1; below < end; below++) {
        const belowNs = times[below] as number;
        if (
          belowNs < leastNs ||
          (belowNs === leastNs && (sequences[below] as number) < (sequences[least] as number))
        ) {
          least = below;
          leastNs = belowNs;
        }
      }
      if (leastNs > tNs || (leastNs === tNs && (sequences[least] as number) > sequence)) break;
      times[at] = leastNs;
      sequences[at] = sequences[least] as number;
      payloads[at] = payloads[least] as number;
      at = least;
    }
    times[at] = tNs;
    sequences[at] = sequence;
    payloads[at] = payloads[last] as number;
  }

  #grow(): void {
    const capacity = 2 * this.#times.length;
    this.#times = enlarge(this.#times, new Float64Array(capacity));
    this.#sequences = enlarge(this.#sequences, new Float64Array(capacity));
    const payloads = new Int32Array(capacity);
    payloads.set(this.#payloads);
    this.#payloads = payloads;
  }
}

function enlarge(from: Float64Array, to: Float64Array): Float64Array<ArrayBuffer> {
  to.set(from);
  return to as Float64Array<ArrayBuffer>;
}
