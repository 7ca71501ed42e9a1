/** Retry throttling (gRFC A6; FO-10): how full the bucket is decides whether anything may be retried. Counted in thousandths of a token. */
import type { ThrottleConfig } from './failover-config.ts';

export class RetryThrottle {
  readonly #max: number;
  readonly #gain: number;
  #thousandths: number;

  constructor({ maxTokens, tokenRatio }: ThrottleConfig) {
    this.#max = 1_000 * maxTokens;
    this.#gain = Math.floor(1_000 * tokenRatio + 1e-6);
    this.#thousandths = this.#max;
  }

  /** For people. */
  get tokens(): number {
    return this.#thousandths / 1_000;
  }

  /** A retry, or a hedge, may be sent. */
  get allows(): boolean {
    return 2 * this.#thousandths > this.#max;
  }

  /** An attempt failed with a status that may be retried, or the server asked not to retry. */
  failed(): void {
    this.#thousandths = Math.max(0, this.#thousandths - 1_000);
  }

  succeeded(): void {
    this.#thousandths = Math.min(this.#max, this.#thousandths + this.#gain);
  }
}
