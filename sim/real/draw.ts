/**
 * Seeded draws without state: the same keys give the same number in whatever order and process they are asked for, so
 * that the timing of real sockets does not change what the seed decided.
 */
import type { Latency } from '../spec/scenario.ts';

/** A number in [0, 1) for these keys (whole numbers). */
export function draw(...keys: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const key of keys) {
    hash = mix(hash ^ mix((key | 0) + 0x7f4a7c15));
    hash = (Math.imul(hash, 5) + 0x6b43a9b5) | 0;
  }
  return (mix(hash) >>> 0) / 4_294_967_296;
}

/** A latency in ms for these keys. */
export function drawLatencyMs(latency: Latency, ...keys: readonly number[]): number {
  switch (latency.kind) {
    case 'constant':
      return latency.ms;
    case 'uniform':
      return latency.minMs + (latency.maxMs - latency.minMs) * draw(...keys);
    case 'lognormal': {
      // The 99th percentile of the normal distribution is at 2.3263 standard deviations.
      const sigma = Math.log(latency.p99Ms / latency.medianMs) / 2.3263;
      const radius = Math.sqrt(-2 * Math.log(1 - draw(...keys, 1)));
      const z = radius * Math.cos(2 * Math.PI * draw(...keys, 2));
      return latency.medianMs * Math.exp(sigma * Math.min(4, z));
    }
  }
}

/** The finalizer of MurmurHash3 (public domain, Austin Appleby). */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
