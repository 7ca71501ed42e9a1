/**
 * Balances between groups of endpoints (priority and locality), and within each by a balancer of its own. Which group a call goes
 * to is read off the shares (`group-shares.ts`) by a number in [0, 1): the call's hash where there is one, else the next of a sequence of even
 * spread, so that shares come out exact to a few picks. With one group, as in most meshes, that is one comparison.
 */
import type { AttemptOutcome, Balancer, BalancerMember } from './balancer.ts';
import { type BalancerConfig, hashes } from './config.ts';
import { abilityOfAll, type GroupCounts, shareOut } from './group-shares.ts';
import { mix } from './hash.ts';
import type { LoadReport } from './load-report.ts';

/** Multiples of it, less whole numbers, lie evenly in [0, 1) at any time (the golden ratio). */
const STRIDE = 0.618_033_988_749_894_9;
/** What `Standing.counted` holds. */
const PICKABLE = 1;
const WELL = 2;
const AILING = 4;
const NOBODY: readonly never[] = [];

export interface GroupMember extends BalancerMember {
  /** It could be picked also without panic. */
  readonly well: boolean;
  /** It has not shown yet whether it is. */
  readonly warming: boolean;
}

class Group<M extends GroupMember> implements GroupCounts {
  readonly priority: number;
  readonly locality: string;
  readonly balancer: Balancer<M>;
  localityWeight = -1;
  total = 0;
  well = 0;
  pickable = 0;
  ailing = 0;
  share = 0;
  /** What a change of the set brings it. */
  members: M[] = [];
  readonly added: M[] = [];
  readonly removed: M[] = [];

  constructor(priority: number, locality: string, balancer: Balancer<M>) {
    this.priority = priority;
    this.locality = locality;
    this.balancer = balancer;
  }
}

export class Grouped<M extends GroupMember> implements Balancer<M> {
  readonly timesAttempts: boolean;
  readonly #config: BalancerConfig;
  readonly #make: () => Balancer<M>;
  readonly #hashes: boolean;
  /** Made at once, so that the first group costs nothing later. */
  #spare: Balancer<M> | null;
  /** By priority, then by name. */
  #groups: Group<M>[] = [];
  /** The one group that gets all calls; null where there are several, or shares are stale. */
  #only: Balancer<M> | null = null;
  #stale = true;
  /** Groups that get calls, and where in [0, 1) the part of each ends. */
  #takers: Group<M>[] = [];
  #ends: number[] = [];
  #place: number;
  #retryPlace: number;

  /** `start` in [0, 1): where the sequence begins, so that many sidecars do not go in step. */
  constructor(config: BalancerConfig, make: () => Balancer<M>, start: number) {
    this.#config = config;
    this.#make = make;
    this.#spare = make();
    this.timesAttempts = this.#spare.timesAttempts;
    this.#hashes = hashes(config);
    this.#place = start;
    this.#retryPlace = start;
  }

  pick(nowNs: number, key: number): M | null {
    if (this.#only !== null) return this.#only.pick(nowNs, key);
    if (this.#stale && this.#share()) return this.pick(nowNs, key);
    if (!this.#hashes) this.#place = onward(this.#place);
    return this.#at(this.#hashes ? mix(key) / 4_294_967_296 : this.#place)?.balancer.pick(nowNs, key) ?? null;
  }

  /** Where the group has only such that were tried, one of another group, the best first. */
  pickRetry(tried: readonly M[], nowNs: number, key: number): M | null {
    if (this.#only === null && this.#stale) this.#share();
    if (this.#only === null) this.#retryPlace = onward(this.#retryPlace);
    const first = this.#at(this.#retryPlace);
    const found = first?.balancer.pickRetry(tried, nowNs, key) ?? null;
    if (found === null || !tried.includes(found)) return found;
    for (const group of this.#groups) {
      if (group === first || group.pickable === 0) continue;
      const other = group.balancer.pickRetry(tried, nowNs, key);
      if (other !== null && !tried.includes(other)) return other;
    }
    return found;
  }

  /** Also after an endpoint's priority, locality or its weight changed. */
  membersChanged(members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    for (const member of removed) this.#leave(member);
    if (this.#joinOnly(members, added, removed)) return;
    let moved = false;
    for (const group of this.#groups) {
      group.members = [];
      group.localityWeight = -1;
    }
    for (const member of members) {
      const { endpoint, standing } = member;
      const priority = this.#priorityOf(member);
      const locality = this.#localityOf(member);
      let group = standing.group as Group<M> | null;
      if (group === null || group.priority !== priority || group.locality !== locality) {
        if (group !== null) {
          this.#leave(member);
          moved = true;
        }
        group = this.#groupOf(priority, locality);
        standing.group = group;
        group.added.push(member);
        group.total++;
        this.#count(member, group);
      }
      group.members.push(member);
      const weight = endpoint.localityWeight ?? 1;
      if (weight > group.localityWeight) group.localityWeight = weight;
    }
    if (moved) this.#letGo();
    for (const { balancer, members: own, added, removed: gone } of this.#groups)
      if (added.length > 0 || gone.length > 0) balancer.membersChanged(own, added.splice(0), gone.splice(0));
    this.#groups = this.#groups.filter(({ total }) => total > 0);
    this.#forget();
  }

  memberChanged(member: M): void {
    const group = member.standing.group as Group<M> | null;
    if (group === null) return;
    this.#count(member, group);
    group.balancer.memberChanged(member);
  }

  settle(): void {
    for (const { balancer } of this.#groups) balancer.settle?.();
  }

  /** `well` or `warming` changed. */
  healthChanged(member: M): void {
    const group = member.standing.group as Group<M> | null;
    if (group !== null) this.#count(member, group);
  }

  attemptTimed(member: M, nowNs: number, elapsedNs: number, outcome: AttemptOutcome): void {
    (member.standing.group as Group<M> | null)?.balancer.attemptTimed(member, nowNs, elapsedNs, outcome);
  }

  reported(member: M, nowNs: number, report: LoadReport): void {
    (member.standing.group as Group<M> | null)?.balancer.reported?.(member, nowNs, report);
  }

  /** All priorities together can bear all calls: then nobody need panic (Envoy). */
  get isAble(): boolean {
    return abilityOfAll(this.#groups, this.#config) > 1 - 1e-9;
  }

  /** Where there is but one group, and who comes is of it, nobody else is looked at: sets are large, changes small. */
  #joinOnly(members: readonly M[], added: readonly M[], removed: readonly M[]): boolean {
    const only = this.#groups[0];
    if (only === undefined || this.#groups.length > 1 || added.length + removed.length === 0) return false;
    for (const member of added) {
      if (this.#priorityOf(member) !== only.priority || this.#localityOf(member) !== only.locality)
        return false;
    }
    for (const member of added) {
      member.standing.group = only;
      only.total++;
      this.#count(member, only);
    }
    only.members = [...members];
    only.balancer.membersChanged(only.members, added, only.removed.splice(0));
    if (only.total === 0) this.#groups = [];
    this.#forget();
    return true;
  }

  #priorityOf({ endpoint }: M): number {
    return this.#config.priorities === 'ignore' ? 0 : (endpoint.priority ?? 0);
  }

  #localityOf({ endpoint }: M): string {
    return this.#config.localities === 'ignore' ? '' : (endpoint.locality ?? '');
  }

  /** Who goes from one group to another leaves the one before it joins the other: both keep their notes in its standing. */
  #letGo(): void {
    for (const { balancer, members, added, removed } of this.#groups) {
      if (removed.length === 0) continue;
      const fresh = new Set(added);
      balancer.membersChanged(
        members.filter((member) => !fresh.has(member)),
        NOBODY,
        removed.splice(0),
      );
    }
  }

  #groupOf(priority: number, locality: string): Group<M> {
    let at = 0;
    for (; at < this.#groups.length; at++) {
      const group = this.#groups[at] as Group<M>;
      if (group.priority === priority && group.locality === locality) return group;
      if (group.priority > priority || (group.priority === priority && group.locality > locality)) break;
    }
    const group = new Group<M>(priority, locality, this.#spare ?? this.#make());
    this.#spare = null;
    this.#groups.splice(at, 0, group);
    return group;
  }

  #leave(member: M): void {
    const { standing } = member;
    const group = standing.group as Group<M>;
    standing.group = null;
    group.removed.push(member);
    group.total--;
    if ((standing.counted & PICKABLE) !== 0) group.pickable--;
    if ((standing.counted & WELL) !== 0) group.well--;
    if ((standing.counted & AILING) !== 0) group.ailing--;
    standing.counted = 0;
  }

  #count(member: M, group: Group<M>): void {
    const { standing } = member;
    const before = standing.counted;
    const well = member.well || member.warming;
    const now = (member.pickable ? PICKABLE : 0) | (well ? WELL : member.pickable ? AILING : 0);
    if (now === before) return;
    standing.counted = now;
    group.pickable += (now & PICKABLE) - (before & PICKABLE);
    group.well += ((now & WELL) - (before & WELL)) / WELL;
    group.ailing += ((now & AILING) - (before & AILING)) / AILING;
    this.#forget();
  }

  #forget(): void {
    this.#only = null;
    this.#stale = true;
  }

  /** Works the shares out anew; true when one group gets all. */
  #share(): boolean {
    this.#stale = false;
    shareOut(this.#groups, this.#config);
    this.#takers = this.#groups.filter(({ share }) => share > 0);
    let end = 0;
    this.#ends = this.#takers.map(({ share }) => (end += share));
    this.#only = this.#takers.length === 1 ? (this.#takers[0] as Group<M>).balancer : null;
    return this.#only !== null;
  }

  /** Null when nobody gets calls. */
  #at(place: number): Group<M> | null {
    const ends = this.#ends;
    let [low, high] = [0, ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (place < (ends[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return this.#takers[low] ?? null;
  }
}

function onward(place: number): number {
  const next = place + STRIDE;
  return next < 1 ? next : next - 1;
}
