/**
 * When an endpoint is checked next. Intervals run from the beginning of one check to that of the next, and jitter only shortens
 * them; after a failed check that decides nothing yet the next one comes sooner, so that `unhealthyThreshold` checks in a row
 * have failed by hanging no later than `unhealthyThreshold` × `intervalMs` after the endpoint's death (FO-34), as long as
 * `timeoutMs` leaves room for it: threshold × timeout ≤ (threshold - 1) × interval.
 */
import type { HealthConfig } from './config.ts';

/**
 * Nanoseconds from now. `checks`: made so far, the one that began at `startedNs` included; the second comes at any part of the
 * interval, so that sidecars started together part ways (FO-32). `onEdge`: the last one failed, and one more may decide. `random` in [0, 1).
 */
export function nextCheckNs(
  config: HealthConfig,
  startedNs: number,
  nowNs: number,
  checks: number,
  onEdge: boolean,
  random: number,
): number {
  const { intervalMs, timeoutMs, unhealthyThreshold, jitter } = config;
  let gapMs = intervalMs * (checks === 1 ? random : 1 - jitter * random);
  if (onEdge) gapMs = Math.min(gapMs, intervalMs - timeoutMs / (unhealthyThreshold - 1));
  return Math.max(1e6, Math.floor(startedNs + gapMs * 1e6 - nowNs));
}
