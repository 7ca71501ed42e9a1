/** When an open loop's calls are due: from the seed alone, so that a slow answer never moves the next call. */
import { draw } from '../draw.ts';

export interface ArrivalSpec {
  ratePerSecond: number;
  arrivals: 'constant' | 'poisson';
  forMs: number;
  seed: number;
}

/** Due times in ms since the load began, ascending, each below `forMs`. */
export function* arrivalTimes(spec: ArrivalSpec): Generator<number> {
  const gapMs = 1_000 / spec.ratePerSecond;
  let dueMs = 0;
  for (let index = 0; dueMs < spec.forMs; index++) {
    yield dueMs;
    // Constant times are products, not sums, so that they do not drift.
    if (spec.arrivals === 'constant') dueMs = (index + 1) * gapMs;
    else dueMs += -Math.log(1 - draw(spec.seed, index)) * gapMs;
  }
}
