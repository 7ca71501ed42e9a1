/** A histogram of durations: 64 buckets per octave, so a quantile is exact to 1.6 %; constant memory, nothing allocated per value. */

const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
const OCTAVES = 42; // up to 2^47 ns, 39 hours

export class Histogram {
  readonly #counts = new Uint32Array((OCTAVES + 1) * SUB);
  #count = 0;
  #maxNs = 0;

  get count(): number {
    return this.#count;
  }

  get maxNs(): number {
    return this.#maxNs;
  }

  /** `valueNs` below zero counts as zero. */
  record(valueNs: number): void {
    const index = bucketOf(valueNs);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count += 1;
    if (valueNs > this.#maxNs) this.#maxNs = valueNs;
  }

  /** The value that `share` (0 to 1) of all values do not exceed, in ns; 0 when empty. */
  quantileNs(share: number): number {
    return this.rankNs(Math.ceil(share * this.#count));
  }

  /** The value at a rank, 1 being the smallest; ranks outside are clamped. */
  rankNs(rank: number): number {
    if (this.#count === 0) return 0;
    let left = Math.min(this.#count, Math.max(1, rank));
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index] as number;
      if (left <= 0) return Math.min(this.#maxNs, valueOf(index));
    }
    return this.#maxNs;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxNs = 0;
  }
}

function bucketOf(valueNs: number): number {
  if (valueNs < SUB) return valueNs > 0 ? Math.floor(valueNs) : 0;
  const high = Math.floor(valueNs / 4_294_967_296);
  const exponent = high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(valueNs);
  const octave = exponent - SUB_BITS; // 0 for [64, 128)
  if (octave >= OCTAVES) return (OCTAVES + 1) * SUB - 1;
  return SUB + octave * SUB + (Math.floor(valueNs / (SCALE[octave] as number)) - SUB);
}

/** Middle of a bucket. */
function valueOf(index: number): number {
  if (index < SUB) return index;
  const octave = Math.floor(index / SUB) - 1;
  const scale = SCALE[octave] as number;
  return Math.floor((SUB + (index % SUB) + 0.5) * scale);
}

/** Width of a bucket by octave: powers of two by doubling. */
const SCALE: readonly number[] = (() => {
  const scale: number[] = [];
  for (let octave = 0, width = 1; octave < OCTAVES; octave++, width *= 2) scale.push(width);
  return scale;
})();
