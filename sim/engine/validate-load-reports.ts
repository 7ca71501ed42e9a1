/** Reads what a scenario says about the load that instances report. */
import type { LoadFacts } from '../base/load-meter.ts';
import { scenarioError, show } from '../faults/params.ts';
import type { LoadReportSpec } from '../spec/scenario.ts';

const DEFAULT_CALLS_PER_SECOND = 100;
/** What each list may hold. */
const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  capacity: [0.1, 100_000],
  utilization: [0, 100],
  callsPerSecond: [0, 100_000],
  errorsPerSecond: [0, 100_000],
};

/** `place` is the service's. */
export function readLoadReports(spec: LoadReportSpec | undefined, place: string): void {
  if (spec === undefined) return;
  const at = `${place}.loadReports`;
  const keys = typeof spec === 'object' && spec !== null ? Object.keys(spec) : [];
  if (keys.includes('capacity') === keys.includes('utilization')) {
    throw scenarioError(
      `it is ${show(spec)}`,
      at,
      'give either capacity: [200, 100] or utilization: [0.2, 0.8]',
    );
  }
  for (const [key, list] of Object.entries(spec)) {
    const range = key === 'capacity' || !keys.includes('capacity') ? RANGES[key] : undefined;
    if (range === undefined) {
      const known = keys.includes('capacity')
        ? 'capacity alone'
        : 'utilization, callsPerSecond, errorsPerSecond';
      throw scenarioError(`there is no '${key}' there`, at, `it has ${known}`);
    }
    const [min, max] = range;
    const isGood = (one: unknown): boolean => typeof one === 'number' && one >= min && one <= max;
    if (Array.isArray(list) && list.length > 0 && list.every(isGood)) continue;
    throw scenarioError(`'${key}' is ${show(list)}`, at, `list numbers from ${min} to ${max}`);
  }
}

/** For each of these instances; empty where they say nothing. */
export function loadFacts(spec: LoadReportSpec | undefined, instances: number): LoadFacts[] {
  if (spec === undefined) return [];
  const of = (list: readonly number[] | undefined, instance: number, otherwise: number): number =>
    list?.[instance] ?? list?.at(-1) ?? otherwise;
  return Array.from({ length: instances }, (_, instance) => {
    if ('capacity' in spec) return { capacity: of(spec.capacity, instance, 1) };
    return {
      utilization: of(spec.utilization, instance, 0),
      callsPerSecond: of(spec.callsPerSecond, instance, DEFAULT_CALLS_PER_SECOND),
      errorsPerSecond: of(spec.errorsPerSecond, instance, 0),
    };
  });
}
