/** A rate that must not be exceeded but for a burst: tokens come at the rate, up to the burst, and each call takes one. */
import type { RateLimitConfig } from './failover-config.ts';

export class TokenBucket {
  readonly #perNs: number;
  readonly #burst: number;
  #tokens: number;
  #filledNs = -1;

  constructor({ perSecond, burst }: RateLimitConfig) {
    this.#perNs = perSecond / 1e9;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** True when there was a token, which is gone now. */
  take(nowNs: number): boolean {
    if (this.#filledNs >= 0) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowNs - this.#filledNs) * this.#perNs);
    }
    this.#filledNs = nowNs;
    // What adds up to a whole token may fall short of it by rounding.
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }
}
