/**
 * Which share of the calls each group of endpoints gets; a group is what has one priority and one locality. Worked out anew when
 * somebody's health changed, in one pass over the groups.
 */
import type { BalancerConfig } from './config.ts';

/** What is counted of one group, and what comes of it. */
export interface GroupCounts {
  readonly priority: number;
  readonly locality: string;
  /** Of the locality, beside the others of its priority. */
  localityWeight: number;
  /** Members, draining ones included. */
  total: number;
  /** Those that are well, or have not shown yet whether they are. */
  well: number;
  pickable: number;
  /** Pickable ones that are not well: there is panic. */
  ailing: number;
  /** Of all calls, 0 to 1. */
  share: number;
}

export type ShareConfig = Pick<
  BalancerConfig,
  'priorities' | 'overprovisioning' | 'localities' | 'ownLocality'
>;

/** Sets `share` of each; `groups` stand in the order of their priorities. All are 0 when nobody is pickable. */
export function shareOut(groups: readonly GroupCounts[], config: ShareConfig): void {
  const levels = levelsOf(groups, config);
  const able = levels.map((level) => abilityOf(level, config));
  const sum = able.reduce((all, one) => all + one, 0);
  // Nobody is well and panic lets them be picked all the same: by their number (Envoy's total panic).
  if (sum === 0) return byCount(groups);
  const whole = sum < 1 ? sum : 1;
  let left = 1;
  levels.forEach((level, at) => {
    const share = Math.min(left, (able[at] as number) / whole);
    left -= share;
    shareWithin(level, left < 1e-9 ? share + left : share, config);
    if (left < 1e-9) left = 0;
  });
}

/** What all priorities together can bear, 1 at most: below it Envoy thinks of panic. Where they mean nothing there is one, and no other to help it. */
export function abilityOfAll(groups: readonly GroupCounts[], config: ShareConfig): number {
  const judged = config.priorities === 'ignore' ? ({ ...config, priorities: 'envoy' } as const) : config;
  let sum = 0;
  for (const level of levelsOf(groups, config)) sum += abilityOf(level, judged);
  return sum < 1 ? sum : 1;
}

function levelsOf(groups: readonly GroupCounts[], { priorities }: ShareConfig): GroupCounts[][] {
  const levels: GroupCounts[][] = [];
  for (const group of groups) {
    const last = levels.at(-1);
    if (last !== undefined && (priorities === 'ignore' || last[0]?.priority === group.priority))
      last.push(group);
    else levels.push([group]);
  }
  return levels;
}

/** The part of all calls that a priority can bear. Envoy: by health, with some to spare; gRPC: all while anyone is ready (A56). */
function abilityOf(level: readonly GroupCounts[], config: ShareConfig): number {
  let [total, well, pickable] = [0, 0, 0];
  for (const group of level) {
    total += group.total;
    pickable += group.pickable;
    well += group.well;
  }
  if (pickable === 0 || well === 0) return 0;
  if (config.priorities !== 'envoy') return 1;
  return Math.min(1, (config.overprovisioning * well) / total);
}

function byCount(groups: readonly GroupCounts[]): void {
  let all = 0;
  for (const { pickable } of groups) all += pickable;
  for (const group of groups) group.share = all === 0 ? 0 : group.pickable / all;
}

function shareWithin(level: readonly GroupCounts[], share: number, config: ShareConfig): void {
  // In panic all bear the calls alike, wherever they are (Envoy).
  if (level.some(({ ailing }) => ailing > 0)) byCount(level);
  else byPlace(level, config);
  for (const group of level) group.share *= share;
}

/** By what localities mean; of this priority's calls. */
function byPlace(level: readonly GroupCounts[], config: ShareConfig): void {
  const weigh = config.localities === 'nearest' ? nearness(level, config.ownLocality) : weightIn(config);
  let sum = 0;
  for (const group of level) {
    group.share = group.pickable === 0 ? 0 : weigh(group);
    sum += group.share;
  }
  // Where those that should get calls cannot be picked, the others do, by their number.
  if (sum === 0) return byCount(level);
  for (const group of level) group.share /= sum;
}

/** By weight, which shrinks with the locality's health (Envoy); where localities mean nothing, by number. */
function weightIn({ localities, overprovisioning }: ShareConfig): (group: GroupCounts) => number {
  if (localities === 'ignore') return ({ pickable }) => pickable;
  return ({ localityWeight, well, total }) => localityWeight * Math.min(1, (overprovisioning * well) / total);
}

/**
 * Zone-aware, as in Envoy for callers that are spread evenly over the zones: the own zone gets what it would have to bear of all calls, and
 * what is above its part of the endpoints goes to the zones that have more than their part.
 */
function nearness(level: readonly GroupCounts[], own: string): (group: GroupCounts) => number {
  let [all, near, zones] = [0, 0, 0];
  for (const group of level) {
    if (group.pickable === 0) continue;
    all += group.pickable;
    if (isWithin(group.locality, own)) near += group.pickable;
    else zones++;
  }
  if (near === 0) return ({ pickable }) => pickable;
  const part = all / (zones + 1);
  const kept = Math.min(1, near / part);
  let spare = 0;
  for (const group of level) if (!isWithin(group.locality, own)) spare += Math.max(0, group.pickable - part);
  return (group) => {
    if (isWithin(group.locality, own)) return (kept * group.pickable) / near;
    return spare === 0 ? 0 : ((1 - kept) * Math.max(0, group.pickable - part)) / spare;
  };
}

/** `own` or a part of it: eu/a/rack1 is within eu/a. */
function isWithin(locality: string, own: string): boolean {
  return locality === own || (locality.startsWith(own) && locality[own.length] === '/');
}
