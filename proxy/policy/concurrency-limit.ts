/**
 * How many calls in flight an upstream bears, learned from how long they take (a gradient, as Envoy's adaptive concurrency and
 * Netflix's concurrency-limits have it): while calls take about as long as at best, the limit grows by its square root; when
 * they take longer they queue somewhere, and the limit shrinks in proportion.
 */
import type { ConcurrencyConfig } from './failover-config.ts';

const GRADIENT_MIN = 0.5;
const GRADIENT_MAX = 2;

export class ConcurrencyLimit {
  readonly #config: ConcurrencyConfig;
  #limit: number;
  /** The window that is being filled, and when its last sample came. */
  #windowEndsNs = -1;
  #sampledNs = -Infinity;
  #samples = 0;
  #sumNs = 0;
  #inFlightMax = 0;
  /** The best window's average, in this part of the baseline's time and in the last one. */
  #bestNs = Infinity;
  #bestBeforeNs = Infinity;
  #partEndsNs = -Infinity;

  constructor(config: ConcurrencyConfig) {
    this.#config = config;
    this.#limit = config.initial;
  }

  /** A whole number, at least `min`. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** An attempt began to be answered, or ended, after so long, with so many in flight. */
  sampled(nowNs: number, elapsedNs: number, inFlight: number): void {
    const { minSamples, baselineMs } = this.#config;
    // What was sampled before a time without calls says nothing of now.
    if (nowNs - this.#sampledNs > baselineMs * 5e5) this.#begin(nowNs);
    this.#sampledNs = nowNs;
    this.#samples++;
    this.#sumNs += elapsedNs;
    if (inFlight > this.#inFlightMax) this.#inFlightMax = inFlight;
    if (nowNs < this.#windowEndsNs || this.#samples < minSamples) return;
    this.#learn(nowNs, this.#sumNs / this.#samples);
    this.#begin(nowNs);
  }

  #begin(nowNs: number): void {
    this.#windowEndsNs = nowNs + this.#config.windowMs * 1e6;
    this.#samples = 0;
    this.#sumNs = 0;
    this.#inFlightMax = 0;
  }

  #learn(nowNs: number, averageNs: number): void {
    const { min, max, tolerance, baselineMs } = this.#config;
    const partNs = baselineMs * 5e5;
    if (nowNs >= this.#partEndsNs) {
      // After a time without calls that part is no longer the last one.
      this.#bestBeforeNs = nowNs < this.#partEndsNs + partNs ? this.#bestNs : Infinity;
      this.#bestNs = Infinity;
      this.#partEndsNs = nowNs + partNs;
    }
    this.#bestNs = Math.min(this.#bestNs, averageNs);
    const bestNs = Math.min(this.#bestNs, this.#bestBeforeNs);
    const ratio = ((1 + tolerance) * bestNs) / Math.max(1, averageNs);
    const gradient = Math.max(GRADIENT_MIN, Math.min(GRADIENT_MAX, ratio));
    // Who does not use what there is learns nothing about more.
    if (gradient >= 1 && 2 * this.#inFlightMax < this.#limit) return;
    const wanted = gradient >= 1 ? this.#limit + Math.sqrt(this.#limit) : this.#limit * gradient;
    this.#limit = Math.max(min, Math.min(max, wanted));
  }
}
