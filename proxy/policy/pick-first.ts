/**
 * All calls to one member for as long as it stays pickable: the first pickable one in the order of gRFC A61, in which the families of
 * addresses take turns, beginning with the family of the first. When it fails, the next one does. Connections are the machine's, which
 * has them all open: so the next one is there at once, and nobody waits for one that hangs in connect.
 */
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
    this.#members = interleaved(members);
    if (this.#chosen !== null && removed.includes(this.#chosen)) this.#chosen = null;
  }

  memberChanged(member: M): void {
    if (member === this.#chosen && !member.pickable) this.#chosen = null;
  }

  attemptTimed(): void {}
}

function interleaved<M extends BalancerMember>(members: readonly M[]): readonly M[] {
  const first = members.filter((member) => isV6(member) === isV6(members[0] as M));
  if (first.length === members.length) return members;
  const second = members.filter((member) => isV6(member) !== isV6(members[0] as M));
  const order: M[] = [];
  for (let at = 0; at < first.length || at < second.length; at++)
    order.push(...first.slice(at, at + 1), ...second.slice(at, at + 1));
  return order;
}

/** HOST:PORT with the host in brackets. */
function isV6({ endpoint }: BalancerMember): boolean {
  return endpoint.address.startsWith('[');
}
