/** Any pickable member, each as likely as the other. */
import { type Balancer, type BalancerMember, untried } from './balancer.ts';
import { ReadyList } from './ready-list.ts';

export class RandomPick<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #ready = new ReadyList<M>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick(): M | null {
    const { items } = this.#ready;
    return items[Math.floor(this.#random() * items.length)] ?? null;
  }

  pickRetry(tried: readonly M[]): M | null {
    return untried(this.#ready.items, tried, this.#random());
  }

  membersChanged(_members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    this.#ready.change(added, removed);
  }

  memberChanged(member: M): void {
    this.#ready.set(member, member.pickable);
  }

  attemptTimed(): void {}
}
