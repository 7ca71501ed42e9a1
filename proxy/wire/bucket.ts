/** A token bucket on a clock that is passed in: allows a burst, then a steady rate. */

export class TokenBucket {
  readonly burst: number;
  readonly perSecond: number;
  #tokens: number;
  #atNs: number;

  constructor(burst: number, perSecond: number) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.#tokens = burst;
    this.#atNs = -1;
  }

  /** Takes one token; false when there is none. */
  take(nowNs: number): boolean {
    if (this.#atNs < 0) this.#atNs = nowNs;
    if (this.#tokens < this.burst && nowNs > this.#atNs) {
      this.#tokens = Math.min(this.burst, this.#tokens + ((nowNs - this.#atNs) / 1e9) * this.perSecond);
    }
    this.#atNs = nowNs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Tokens left at the last `take`. */
  get left(): number {
    return this.#tokens;
  }
}
