/**
 * Smooth weighted round robin, exact: after any n picks from a set that stays as it is, each member has had its share
 * n × weight ÷ all weights, rounded down or up. Time is virtual: a pick takes 1 ÷ (all weights) of it. The k-th pick of a member may come
 * from k ÷ weight on and is due by (k + 1) ÷ weight; of those that may come, the one due first does, for which all are always in time
 * (unit jobs, the earliest deadline first). With equal weights this is round robin. A change of the set moves no other member's
 * times, so it costs O(log N), as a pick does.
 *
 * Why not others: the usual smooth one (nginx's) costs O(N) a pick; deadlines alone (Envoy's) let a heavy member have all its
 * picks of a period before the light ones; the static stride of gRFC A58 looks at O(N) members where one is heavy.
 */
import { type Balancer, type BalancerMember, untried } from './balancer.ts';
import type { LoadReport } from './load-report.ts';
import { MemberHeap } from './member-heap.ts';
import type { Weigher } from './weigher.ts';

/** A part of a pick's time that rounding stays below and 1 ÷ (the greatest weight) is above. */
const ROUNDING = 1e-6;

export class WeightedRoundRobin<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #weigher: Weigher<M>;
  readonly #random: () => number;
  /** Those whose next pick may come, by when it is due; the others, by when it may come. */
  readonly #due = new MemberHeap<M>();
  readonly #later = new MemberHeap<M>();
  /** All weights of those in the heaps. */
  #total = 0;
  /** Virtual time is `#epoch` + `#slot` ÷ `#total`. */
  #epoch = 0;
  #slot = 0;

  constructor(weigher: Weigher<M>, random: () => number) {
    this.#weigher = weigher;
    this.#random = random;
  }

  pick(nowNs: number): M | null {
    if (this.#weigher.isDue(nowNs))
      for (const member of this.#weigher.grown(nowNs)) this.memberChanged(member);
    const due = this.#due;
    const later = this.#later;
    const end = this.#epoch + (this.#slot + 1 - ROUNDING) / this.#total;
    for (let next = later.items[0]; next !== undefined && next.standing.key < end; next = later.items[0]) {
      later.remove(next);
      const { standing } = next;
      standing.key = standing.base + (standing.taken + 1) / standing.weight;
      due.push(next);
    }
    // None may come when one left that others had waited for: then the one that may come first does.
    const member = due.pop() ?? later.pop();
    if (member === null) return null;
    if (++this.#slot === this.#total) {
      this.#slot = 0;
      this.#epoch++;
    }
    const { standing } = member;
    if (++standing.taken === standing.weight) {
      standing.taken = 0;
      standing.base++;
    }
    standing.key = standing.base + standing.taken / standing.weight;
    later.push(member);
    return member;
  }

  /** By chance, without regard to weights: a retry has no share to keep. */
  pickRetry(tried: readonly M[]): M | null {
    const due = this.#due.items;
    const later = this.#later.items;
    const dueFirst = this.#random() * (due.length + later.length) < due.length;
    const one = untried(dueFirst ? due : later, tried, this.#random());
    if (one !== null && !tried.includes(one)) return one;
    return untried(dueFirst ? later : due, tried, this.#random()) ?? one;
  }

  membersChanged(_members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    for (const member of removed) {
      this.#leave(member);
      this.#weigher.end(member);
    }
    for (const member of added) {
      member.standing.tie = this.#random();
      member.standing.key = 0;
      this.memberChanged(member);
    }
  }

  /** What it was ahead of its share or behind it goes with it, also through a time in which it could not be picked. */
  memberChanged(member: M): void {
    const { standing } = member;
    if (standing.place < 0 && member.pickable) this.#weigher.begin(member);
    this.#leave(member);
    if (!member.pickable) return this.#weigher.end(member);
    const ahead = standing.key;
    const weight = this.#weigher.weigh(member);
    this.#moveTo(this.#now, this.#total + weight);
    standing.weight = weight;
    standing.taken = 0;
    standing.base = this.#now + ahead / weight;
    standing.key = standing.base;
    this.#later.push(member);
  }

  attemptTimed(): void {}

  reported(member: M, nowNs: number, report: LoadReport): void {
    this.#weigher.reported?.(member, nowNs, report);
  }

  get #now(): number {
    return this.#total === 0 ? this.#epoch : this.#epoch + this.#slot / this.#total;
  }

  #moveTo(now: number, total: number): void {
    this.#epoch = now;
    this.#slot = 0;
    this.#total = total;
  }

  /** Notes by how many picks it was ahead. What the others are owed stays as it is. */
  #leave(member: M): void {
    const { standing } = member;
    if (standing.place < 0) return;
    const now = this.#now;
    const inDue = this.#due.items[standing.place] === member;
    (inDue ? this.#due : this.#later).remove(member);
    standing.key = standing.taken - (now - standing.base) * standing.weight;
    this.#moveTo(now, this.#total - standing.weight);
  }
}
