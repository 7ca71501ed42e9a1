/** The latest moments of something, with their events: as many as make one too many. */
import type { EventView } from '../journal/events.ts';

export class Recent {
  readonly #timesNs: number[] = [];
  readonly #seqs: number[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Notes one more; the events, if there are more than allowed in so long a time up to now. */
  add({ tNs, seq }: EventView, spanNs: number): { fromNs: number; seqs: readonly number[] } | null {
    this.#timesNs.push(tNs);
    this.#seqs.push(seq);
    if (this.#timesNs.length <= this.#most) return null;
    if (this.#timesNs.length > this.#most + 1) {
      this.#timesNs.shift();
      this.#seqs.shift();
    }
    const fromNs = this.#timesNs[0] as number;
    return tNs - fromNs < spanNs || spanNs === 0 ? { fromNs, seqs: [...this.#seqs] } : null;
  }
}
