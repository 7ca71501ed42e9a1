/**
 * Members in an order, and which of them are pickable: one bit each, and over each 32 bits one more that says whether any is set, and so on. So the
 * next pickable one is found in a few steps however many are not, and one that changes costs as little.
 */
import type { BalancerMember } from './balancer.ts';

export class ReadyOrder<M extends BalancerMember> {
  /** In order; `standing.place` is the index. Read only. */
  items: readonly M[] = [];
  /** How many are pickable. */
  count = 0;
  /** Bits of the members, then of the words of bits. */
  #levels: Uint32Array[] = [];

  /** Another order. Those that are in it no more have no place from now on. */
  replace(items: readonly M[], removed: readonly M[]): void {
    for (const { standing } of removed) standing.place = -1;
    this.items = items;
    this.count = 0;
    const bits = new Uint32Array((items.length + 31) >>> 5);
    for (let place = 0; place < items.length; place++) {
      const member = items[place] as M;
      member.standing.place = place;
      if (!member.pickable) continue;
      this.count++;
      bits[place >>> 5] = (bits[place >>> 5] as number) | (1 << (place & 31));
    }
    this.#levels = [bits];
    for (let below = bits; below.length > 1; ) {
      const above = new Uint32Array((below.length + 31) >>> 5);
      below.forEach((word, at) => {
        if (word !== 0) above[at >>> 5] = (above[at >>> 5] as number) | (1 << (at & 31));
      });
      this.#levels.push(above);
      below = above;
    }
  }

  /** It may have become pickable or unpickable. One without a place is passed over. */
  review({ standing, pickable }: M): void {
    let at = standing.place;
    if (at < 0 || this.#isReady(at) === pickable) return;
    this.count += pickable ? 1 : -1;
    for (const words of this.#levels) {
      const before = words[at >>> 5] as number;
      const after = (before ^ (1 << (at & 31))) >>> 0;
      words[at >>> 5] = after;
      if (before !== 0 && after !== 0) return;
      at >>>= 5;
    }
  }

  /** It counts as pickable. */
  #isReady(place: number): boolean {
    const bits = this.#levels[0] as Uint32Array;
    return (((bits[place >>> 5] as number) >>> (place & 31)) & 1) === 1;
  }

  /** The place of the first pickable one from `place` on, and round to it again; -1: there is none. */
  next(place: number): number {
    const found = this.#from(place);
    return found < 0 && place > 0 ? this.#from(0) : found;
  }

  #from(place: number): number {
    let at = place;
    for (let level = 0; level < this.#levels.length; level++) {
      const word = at >>> 5;
      const rest = ((this.#levels[level] as Uint32Array)[word] as number) & (-1 << (at & 31));
      if (rest !== 0) return this.#down(level, word, rest);
      at = word + 1;
      if (at === (this.#levels[level] as Uint32Array).length) return -1;
    }
    return -1;
  }

  /** From a word's lowest bit that counts down to a member. */
  #down(level: number, word: number, bits: number): number {
    let at = (word << 5) + lowest(bits);
    for (let below = level - 1; below >= 0; below--) {
      at = (at << 5) + lowest((this.#levels[below] as Uint32Array)[at] as number);
    }
    return at;
  }
}

/** Index of the lowest bit that is set. */
function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
