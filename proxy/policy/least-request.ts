/**
 * Least request, as Envoy has it. All weights 1: the least busy of a few members drawn at random (two: the power of two
 * choices), any two of which are different ones. Otherwise deadlines with the weight divided by how busy a member is (+ 1).
 */
import { type Balancer, type BalancerMember, untried } from './balancer.ts';
import { MemberHeap } from './member-heap.ts';
import type { SlowStart } from './slow-start.ts';

export class LeastRequest<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #choices: number;
  readonly #slowStart: SlowStart<M>;
  readonly #random: () => number;
  /** The pickable ones by deadline; drawn from as a list while all weights are 1. */
  readonly #heap = new MemberHeap<M>();
  /** How many of them have a weight other than 1. */
  #weighted = 0;
  /** The deadline of the last pick: the time of the schedule. */
  #clock = 0;

  constructor(choices: number, slowStart: SlowStart<M>, random: () => number) {
    this.#choices = choices;
    this.#slowStart = slowStart;
    this.#random = random;
  }

  pick(nowNs: number): M | null {
    if (this.#slowStart.isDue(nowNs)) this.#grow(nowNs);
    const { items } = this.#heap;
    if (items.length < 2) return items[0] ?? null;
    return this.#weighted === 0 ? this.#draw(items) : this.#next();
  }

  /** The less busy of two drawn among those not tried. */
  pickRetry(tried: readonly M[]): M | null {
    const { items } = this.#heap;
    const one = untried(items, tried, this.#random());
    const other = untried(items, tried, this.#random());
    if (one === null || other === null) return null;
    return busier(one, other) ? other : one;
  }

  membersChanged(_members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    for (const member of removed) this.#leave(member);
    for (const member of added) {
      member.standing.tie = this.#random();
      this.memberChanged(member);
    }
  }

  memberChanged(member: M): void {
    const { standing } = member;
    if (standing.place < 0 && member.pickable) this.#slowStart.begin(member);
    this.#leave(member);
    if (!member.pickable) return;
    standing.weight = this.#slowStart.weigh(member);
    if (standing.weight !== 1) this.#weighted++;
    // Somewhere in its first turn, so that those who come together do not go together.
    standing.key = this.#clock + this.#random() / standing.weight;
    this.#heap.push(member);
  }

  attemptTimed(): void {}

  #leave(member: M): void {
    const { standing } = member;
    if (standing.place < 0) return;
    this.#heap.remove(member);
    if (standing.weight !== 1) this.#weighted--;
  }

  /** With slow start a weight is 16 at the end and no less than 2 meanwhile, so it always counts as one. */
  #grow(nowNs: number): void {
    for (const member of this.#slowStart.grown(nowNs)) member.standing.weight = this.#slowStart.weigh(member);
  }

  /** The least busy of those drawn; each further draw is of one that is not the best so far. */
  #draw(items: readonly M[]): M {
    const others = items.length - 1;
    let place = Math.floor(this.#random() * items.length);
    let best = items[place] as M;
    for (let draw = 1; draw < this.#choices; draw++) {
      const drawn = Math.floor(this.#random() * others);
      const at = drawn < place ? drawn : drawn + 1;
      const member = items[at] as M;
      if (member.active >= best.active) continue;
      best = member;
      place = at;
    }
    return best;
  }

  #next(): M {
    const member = this.#heap.items[0] as M;
    const { standing } = member;
    this.#clock = standing.key;
    standing.key += (member.active + 1) / standing.weight;
    this.#heap.leastGrew();
    return member;
  }
}

function busier(one: BalancerMember, other: BalancerMember): boolean {
  return one.active * other.standing.weight > other.active * one.standing.weight;
}
