/** All calls to one member, the first pickable one in the order of the set, for as long as it stays pickable. */
import type { Balancer, BalancerMember } from './balancer.ts';

export class PickFirst<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  #members: readonly M[] = [];
  #chosen: M | null = null;

  pick(): M | null {
    if (this.#chosen === null) this.#chosen = this.#members.find((member) => member.pickable) ?? null;
    return this.#chosen;
  }

  /** The next one behind, for this call alone. */
  pickRetry(tried: readonly M[]): M | null {
    return this.#members.find((member) => member.pickable && !tried.includes(member)) ?? this.pick();
  }

  membersChanged(members: readonly M[], _added: readonly M[], removed: readonly M[]): void {
    this.#members = members;
    if (this.#chosen !== null && removed.includes(this.#chosen)) this.#chosen = null;
  }

  memberChanged(member: M): void {
    if (member === this.#chosen && !member.pickable) this.#chosen = null;
  }

  attemptTimed(): void {}
}
