/** Time of a run: CLOCK_MONOTONIC, which all processes of a machine share, counted from the run's epoch. */

/** Returns a clock of ns since `epochNs`. */
export function runClock(epochNs: bigint): () => number {
  return () => Number(process.hrtime.bigint() - epochNs);
}
