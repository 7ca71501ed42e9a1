/**
 * Peak EWMA, after Finagle: of two members drawn at random the one with the lesser load, which is its latency times (calls
 * under way there + 1), by weight. A latency above the average counts at once, one below only by and by, and what is not heard of is
 * forgotten. Latency is the time to the beginning of the response, so that long streams look no slower than short ones.
 */
import { type AttemptOutcome, type Balancer, type BalancerMember, untried, weightOf } from './balancer.ts';
import type { BalancerConfig } from './config.ts';
import { ReadyList } from './ready-list.ts';

/** Load of a member whose first answer is still out: above all that have answered. */
const UNKNOWN_LOAD = 1e18;

export class P2cEwma<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = true;
  readonly #ready = new ReadyList<M>();
  readonly #random: () => number;
  readonly #decayNs: number;
  readonly #penaltyNs: number;

  constructor(config: BalancerConfig, random: () => number) {
    this.#random = random;
    this.#decayNs = config.decayMs * 1e6;
    this.#penaltyNs = config.failurePenaltyMs * 1e6;
  }

  pick(nowNs: number): M | null {
    const { items } = this.#ready;
    const count = items.length;
    if (count < 2) return items[0] ?? null;
    const place = Math.floor(this.#random() * count);
    const drawn = Math.floor(this.#random() * (count - 1));
    return this.#better(items[place] as M, items[drawn < place ? drawn : drawn + 1] as M, nowNs);
  }

  pickRetry(tried: readonly M[], nowNs: number): M | null {
    const { items } = this.#ready;
    const one = untried(items, tried, this.#random());
    const other = untried(items, tried, this.#random());
    return one === null || other === null ? null : this.#better(one, other, nowNs);
  }

  membersChanged(_members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    this.#ready.change(added, removed);
  }

  memberChanged(member: M): void {
    this.#ready.set(member, member.pickable);
  }

  attemptTimed(member: M, nowNs: number, elapsedNs: number, outcome: AttemptOutcome): void {
    const { standing } = member;
    const remembered = this.#remembered(nowNs - standing.notedNs);
    const costNs = standing.costNs * remembered;
    const seenNs = outcome === 'failed' ? Math.max(elapsedNs, this.#penaltyNs) : elapsedNs;
    if (seenNs >= standing.costNs) standing.costNs = seenNs;
    else if (outcome === 'cut') standing.costNs = costNs > seenNs ? costNs : seenNs;
    else standing.costNs = costNs + seenNs * (1 - remembered);
    standing.notedNs = nowNs;
  }

  #better(one: M, other: M, nowNs: number): M {
    return this.#load(other, nowNs) < this.#load(one, nowNs) ? other : one;
  }

  #load(member: M, nowNs: number): number {
    const { active, standing } = member;
    if (standing.costNs === 0 && active > 0) return UNKNOWN_LOAD + active;
    return (standing.costNs * this.#remembered(nowNs - standing.notedNs) * (active + 1)) / weightOf(member);
  }

  /** e^(-elapsed ÷ decay), within 2 % until a tenth is left, by products alone: the same bits on every engine. */
  #remembered(elapsedNs: number): number {
    let rest = 1 / (1 + elapsedNs / this.#decayNs / 256);
    for (let squared = 0; squared < 8; squared++) rest *= rest;
    return rest;
  }
}
