/** Which of several targets takes a call: each by its weight, by one random number. */

export class Split {
  /** Where each target's part of [0, total) ends. */
  readonly #ends: readonly number[];
  readonly #total: number;

  /** Not all weights may be 0. */
  constructor(weights: readonly number[]) {
    let total = 0;
    this.#ends = weights.map((weight) => (total += weight));
    this.#total = total;
  }

  /** `random`: uniform in [0, 1). A target of weight 0 is never picked. */
  pick(random: number): number {
    const at = random * this.#total;
    return this.#ends.findIndex((end) => at < end);
  }
}
