/**
 * All calls to one member for as long as it stays pickable: the first pickable one in the order of gRFC A61, in which the families of
 * addresses take turns, beginning with the family of the first. When it fails, the next one does. Connections are the machine's, which
 * has them all open: so the next one is there at once, and nobody waits for one that hangs in connect.
 */
import type { Balancer, BalancerMember } from './balancer.ts';
import { ReadyOrder } from './ready-order.ts';

/** HOST:PORT with a host of IPv6 begins with it. */
const BRACKET = 0x5b;

export class PickFirst<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #ready = new ReadyOrder<M>();
  /** How many have addresses of IPv6; `standing.tie` is 1 for them. */
  #sixes = 0;
  #chosen: M | null = null;

  pick(): M | null {
    if (this.#chosen === null) this.#chosen = this.#ready.items[this.#ready.next(0)] ?? null;
    return this.#chosen;
  }

  /** The next one behind, for this call alone. */
  pickRetry(tried: readonly M[]): M | null {
    const { items, count } = this.#ready;
    let place = this.#ready.next(0);
    for (let step = 0; step < count; step++) {
      const member = items[place] as M;
      if (!tried.includes(member)) return member;
      place = this.#ready.next(place + 1);
    }
    return this.pick();
  }

  membersChanged(members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    for (const { standing } of removed) this.#sixes -= standing.tie;
    for (const { standing, endpoint } of added) {
      standing.tie = endpoint.address.charCodeAt(0) === BRACKET ? 1 : 0;
      this.#sixes += standing.tie;
    }
    const isMixed = this.#sixes > 0 && this.#sixes < members.length;
    this.#ready.replace(isMixed ? interleaved(members) : members, removed);
    if (this.#chosen !== null && removed.includes(this.#chosen)) this.#chosen = null;
  }

  memberChanged(member: M): void {
    this.#ready.review(member);
    if (member === this.#chosen && !member.pickable) this.#chosen = null;
  }

  attemptTimed(): void {}
}

function interleaved<M extends BalancerMember>(members: readonly M[]): readonly M[] {
  const families: [M[], M[]] = [[], []];
  for (const member of members) families[member.standing.tie as 0 | 1].push(member);
  const head = (members[0] as M).standing.tie;
  const [own, others] = head === 0 ? families : [families[1], families[0]];
  const order: M[] = [];
  for (let at = 0; at < own.length || at < others.length; at++) {
    if (at < own.length) order.push(own[at] as M);
    if (at < others.length) order.push(others[at] as M);
  }
  return order;
}
