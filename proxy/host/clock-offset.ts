/** How far two clocks of one machine stand apart, though the process may lose the processor between reading one and the other. */

const SAMPLES = 32;

/**
 * What is to be added to `own` to get `other`; both in ns. Of several readings the one counts in which least time passed
 * around the other clock's: a single pair can be milliseconds apart, and events would then seem older than their cause.
 */
export function clockOffsetNs(own: () => number, other: () => number): number {
  let offsetNs = 0;
  let leastNs = Infinity;
  for (let sample = 0; sample < SAMPLES && leastNs > 0; sample++) {
    const beforeNs = own();
    const otherNs = other();
    const aroundNs = own() - beforeNs;
    if (aroundNs >= leastNs) continue;
    leastNs = aroundNs;
    offsetNs = Math.round(otherNs - beforeNs - aroundNs / 2);
  }
  return offsetNs;
}
