/** The pickable members in no order: coming and going cost O(1). */
import type { BalancerMember } from './balancer.ts';

export class ReadyList<M extends BalancerMember> {
  /** Read only. */
  readonly items: M[] = [];

  /** Takes the member in or out. */
  set(member: M, wanted: boolean): void {
    const { items } = this;
    const { standing } = member;
    if (wanted === standing.place >= 0) return;
    if (wanted) {
      standing.place = items.push(member) - 1;
      return;
    }
    const last = items.pop() as M;
    if (last !== member) {
      items[standing.place] = last;
      last.standing.place = standing.place;
    }
    standing.place = -1;
  }

  /** What changed between two sets. */
  change(added: readonly M[], removed: readonly M[]): void {
    for (const member of removed) this.set(member, false);
    for (const member of added) this.set(member, member.pickable);
  }
}
