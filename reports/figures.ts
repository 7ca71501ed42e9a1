/** Numbers as people read them; every report formats through these, so that none disagrees with another. */
import type { InstanceStats, RunStats } from '../sim/spec/run-record.ts';

/** 12,345 */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** '0.84 ms', '12.3 ms', '1.20 s', or '–' for what was not measured. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms >= 10_000) return `${(ms / 1e3).toFixed(1)} s`;
  if (ms >= 1_000) return `${(ms / 1e3).toFixed(2)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

export interface ShareRow {
  instance: InstanceStats;
  /** Share of first picks, 0 to 1, and what round robin would have given. */
  actual: number;
  expected: number;
}

/** Each instance's share of first picks against the expected one. */
export function shareRows(instances: readonly InstanceStats[]): readonly ShareRow[] {
  const picks = sum(instances, (instance) => instance.picks);
  const expected = sum(instances, (instance) => instance.expectedPicks);
  return instances.map((instance) => ({
    instance,
    actual: picks > 0 ? instance.picks / picks : 0,
    expected: expected > 0 ? instance.expectedPicks / expected : 0,
  }));
}

/** Attempts per call through the sidecar: 1 means that nothing was sent twice. Direct calls have no attempts. */
export function amplification({ attempts, calls, directLatency }: RunStats): string {
  const proxied = calls - (directLatency?.count ?? 0);
  return proxied > 0 ? (attempts / proxied).toFixed(3) : '–';
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
