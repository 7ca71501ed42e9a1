/**
 * Which share of the calls each group of endpoints should get, as the sidecar's settings say it: worked out by the definitions of Envoy
 * and gRFC A56, apart from the sidecar's own code.
 */
import type { GroupSettings } from '../spec/balancer.ts';
import type { Group } from './endpoint-view.ts';

/** By group, in the order given (by priority). All are 0 where nobody can be picked. */
export function expectedShares(groups: readonly Group[], settings: GroupSettings, own: string): number[] {
  const levels = levelsOf(groups);
  const able = levels.map((level) => abilityOf(level, settings));
  const sum = able.reduce((all, one) => all + one, 0);
  // Nobody is well and some are picked all the same: by their number.
  if (sum === 0) return byNumber(groups);
  let left = 1;
  return levels.flatMap((level, at) => {
    const share = Math.min(left, (able[at] as number) / Math.min(1, sum));
    left = left - share < 1e-9 ? 0 : left - share;
    return within(level, settings, own).map((part) => part * share);
  });
}

/** All priorities together can bear all calls; where they mean nothing they are one. */
export function canBearAll(groups: readonly Group[], settings: GroupSettings): boolean {
  const { priorities } = settings;
  const judged = priorities === 'ignore' ? { ...settings, priorities: 'envoy' as const } : settings;
  return levelsOf(groups).reduce((sum, level) => sum + abilityOf(level, judged), 0) > 1 - 1e-9;
}

/** Groups of one priority. */
function levelsOf(groups: readonly Group[]): Group[][] {
  const levels: Group[][] = [];
  for (const group of groups) {
    const last = levels.at(-1);
    if (last?.[0]?.priority === group.priority) last.push(group);
    else levels.push([group]);
  }
  return levels;
}

function abilityOf(level: readonly Group[], { priorities, overprovisioning }: GroupSettings): number {
  const [total, well] = [sumOf(level, 'total'), sumOf(level, 'well')];
  if (well === 0) return 0;
  return priorities === 'envoy' ? Math.min(1, (overprovisioning * well) / total) : 1;
}

function within(level: readonly Group[], settings: GroupSettings, own: string): number[] {
  const { localities, overprovisioning } = settings;
  // Whoever is picked without being well is so in panic, in which all bear the calls alike.
  if (localities === 'ignore' || sumOf(level, 'pickable') > sumOf(level, 'well')) return byNumber(level);
  const weights =
    localities === 'nearest'
      ? nearest(level, own)
      : level.map(({ localityWeight, well, total, pickable }) =>
          pickable === 0 ? 0 : localityWeight * Math.min(1, (overprovisioning * well) / total),
        );
  const sum = weights.reduce((all, one) => all + one, 0);
  return sum === 0 ? byNumber(level) : weights.map((weight) => weight / sum);
}

/**
 * Calls come evenly from all localities that have endpoints. The own one keeps what it can bear of its callers' part, 1 ÷ localities of all
 * calls; what it cannot goes to those that have more endpoints than a part, in proportion to what they have more.
 */
function nearest(level: readonly Group[], own: string): number[] {
  const isOwn = ({ locality }: Group): boolean => locality === own || locality.startsWith(`${own}/`);
  const all = sumOf(level, 'pickable');
  const near = sumOf(level.filter(isOwn), 'pickable');
  if (near === 0) return byNumber(level);
  const others = level.filter((group) => !isOwn(group) && group.pickable > 0).length;
  const part = all / (others + 1);
  const kept = Math.min(1, near / part);
  const spare = level.map((group) => (isOwn(group) ? 0 : Math.max(0, group.pickable - part)));
  const spareSum = spare.reduce((sum, one) => sum + one, 0);
  return level.map((group, at) => {
    if (isOwn(group)) return (kept * group.pickable) / near;
    return spareSum === 0 ? 0 : ((1 - kept) * (spare[at] as number)) / spareSum;
  });
}

function byNumber(groups: readonly Group[]): number[] {
  const all = sumOf(groups, 'pickable');
  return groups.map(({ pickable }) => (all === 0 ? 0 : pickable / all));
}

function sumOf(groups: readonly Group[], what: 'total' | 'well' | 'pickable'): number {
  return groups.reduce((sum, group) => sum + group[what], 0);
}
