/** A binary heap of members by `standing.key`, then `standing.tie`. A member knows its place, so any one can be taken out. */
import type { BalancerMember } from './balancer.ts';

export class MemberHeap<M extends BalancerMember> {
  /** In the order of the heap: the least first. Read only. */
  readonly items: M[] = [];

  push(member: M): void {
    this.items.push(member);
    this.#up(this.items.length - 1, member);
  }

  /** Takes out the least one. */
  pop(): M | null {
    const least = this.items[0];
    if (least === undefined) return null;
    this.remove(least);
    return least;
  }

  /** Takes out a member that is in it. */
  remove(member: M): void {
    const { place } = member.standing;
    const last = this.items.pop() as M;
    member.standing.place = -1;
    if (last === member) return;
    if (place > 0 && before(last, this.items[(place - 1) >> 1] as M)) this.#up(place, last);
    else this.#down(place, last);
  }

  /** The least one's key has grown. */
  leastGrew(): void {
    this.#down(0, this.items[0] as M);
  }

  #up(from: number, member: M): void {
    const { items } = this;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = items[above] as M;
      if (!before(member, parent)) break;
      items[place] = parent;
      parent.standing.place = place;
      place = above;
    }
    items[place] = member;
    member.standing.place = place;
  }

  #down(from: number, member: M): void {
    const { items } = this;
    const count = items.length;
    let place = from;
    for (let child = 2 * place + 1; child < count; child = 2 * place + 1) {
      let least = items[child] as M;
      if (child + 1 < count && before(items[child + 1] as M, least)) least = items[++child] as M;
      if (!before(least, member)) break;
      items[place] = least;
      least.standing.place = place;
      place = child;
    }
    items[place] = member;
    member.standing.place = place;
  }
}

function before(one: BalancerMember, other: BalancerMember): boolean {
  const a = one.standing;
  const b = other.standing;
  return a.key < b.key || (a.key === b.key && a.tie < b.tie);
}
