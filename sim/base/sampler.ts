/** Draws durations from a distribution through a table of its quantiles: some 20 ns a sample, the same on every machine. */
import { exp, ln, normalQuantile } from './logarithm.ts';
import type { Random } from './random.ts';

/** Table: 32 octaves of tail probability on each side of the median, each cut in 64 cells with straight lines between. */
const OCTAVES = 32;
const CELL_BITS = 6;
const CELLS = 1 << CELL_BITS;
const POINTS = CELLS + 1;
const Z_99 = 2.3263478740408408;

/** One distribution of durations in whole nanoseconds. Make it by one of the functions of this file. */
export class Sampler {
  readonly #lower: Float64Array | null;
  readonly #upper: Float64Array;
  readonly #constantNs: number;

  constructor(constantNs: number, lower: Float64Array | null, upper: Float64Array) {
    this.#constantNs = constantNs;
    this.#lower = lower;
    this.#upper = upper;
  }

  /** One draw. A constant takes no random number. */
  sampleNs(random: Random): number {
    const lower = this.#lower;
    if (lower === null) return this.#constantNs;
    const word = random.nextUint32();
    // The distance from the nearer end, 1 .. 2^31, says how far out in the tail this draw is.
    const isLower = word < 0x80000000;
    const distance = (isLower ? word + 1 : 4_294_967_296 - word) >>> 0;
    const octave = Math.clz32(distance);
    const shifted = (distance << octave) >>> 0;
    const within = (shifted & 0x7fffffff) >>> 0;
    const cell = within >>> (31 - CELL_BITS);
    const fraction = (within & ((1 << (31 - CELL_BITS)) - 1)) * (1 / (1 << (31 - CELL_BITS)));
    const table = isLower ? lower : this.#upper;
    const at = octave * POINTS + cell;
    const low = table[at] as number;
    return Math.floor(low + ((table[at + 1] as number) - low) * fraction);
  }
}

const EMPTY = new Float64Array(0);

/** Always the same. */
export function constantSampler(ns: number): Sampler {
  return new Sampler(Math.floor(ns), null, EMPTY);
}

/** Evenly between two durations. */
export function uniformSampler(minNs: number, maxNs: number): Sampler {
  return tabulate(
    (p) => minNs + (maxNs - minNs) * p,
    (q) => maxNs - (maxNs - minNs) * q,
  );
}

/** Lognormal, given by its median and its 99th percentile. */
export function lognormalSampler(medianNs: number, p99Ns: number): Sampler {
  if (medianNs <= 0) return constantSampler(0);
  const sigma = ln(p99Ns / medianNs) / Z_99;
  return tabulate(
    (p) => medianNs * exp(sigma * normalQuantile(p)),
    (q) => medianNs * exp(-sigma * normalQuantile(q)),
  );
}

/** Exponential with the given mean: the gaps of Poisson arrivals. */
export function exponentialSampler(meanNs: number): Sampler {
  return tabulate(
    (p) => -meanNs * lnOneLess(p),
    (q) => -meanNs * ln(q),
  );
}

/** `lower(p)`: the quantile of p <= 1/2; `upper(q)`: the quantile of 1 - q, q <= 1/2, without losing digits. */
function tabulate(lower: (p: number) => number, upper: (q: number) => number): Sampler {
  const low = new Float64Array(OCTAVES * POINTS);
  const high = new Float64Array(OCTAVES * POINTS);
  let top = 1;
  for (let octave = 0; octave < OCTAVES; octave++, top /= 2) {
    for (let cell = 0; cell < POINTS; cell++) {
      const probability = Math.min(0.5, (top / 2) * (1 + cell / CELLS));
      low[octave * POINTS + cell] = lower(probability);
      high[octave * POINTS + cell] = upper(probability);
    }
  }
  return new Sampler(0, low, high);
}

/** ln(1 - p), also for a tiny p, where 1 - p is 1. */
function lnOneLess(p: number): number {
  return p < 1e-5 ? -p * (1 + p / 2) : ln(1 - p);
}
