/**
 * Round robin over the pickable members: S(i+1) = (S(i)+1) mod N. The set may change at any time: the host whose turn it
 * is keeps its turn, so that no rebuild favours the first of the list and no absent host makes a gift to its neighbour.
 */
import type { Balancer, BalancerMember } from './balancer.ts';

export class RoundRobin<T extends BalancerMember> implements Balancer<T> {
  readonly timesAttempts = false;
  #members: readonly T[] = [];
  /** Taken in at the next pick, once for any number of changes. */
  #stale = false;
  /** The pickable members, in the order of the set. */
  #ready: T[] = [];
  /** Index into `#ready` of whoever is picked next. */
  #next = 0;
  #retryNext = 0;
  #picked = false;
  readonly #start: number;

  /** `start` in [0, 1) says where in the first set picking begins, so that many sidecars do not move as one herd. */
  constructor(start: number) {
    this.#start = start;
  }

  /** The next member for a first attempt; null when none is pickable. */
  pick(): T | null {
    if (this.#stale) this.#rebuild();
    const ready = this.#ready;
    const index = this.#next;
    if (index >= ready.length) return null;
    this.#picked = true;
    this.#next = index + 1 === ready.length ? 0 : index + 1;
    return ready[index] as T;
  }

  /** The next member for a retry, one not in `tried` if there is one. Does not move the cursor of first attempts. */
  pickRetry(tried: readonly T[]): T | null {
    if (this.#stale) this.#rebuild();
    const ready = this.#ready;
    const count = ready.length;
    if (count === 0) return null;
    if (this.#retryNext >= count) this.#retryNext = 0;
    const begin = this.#retryNext;
    let index = begin;
    for (let step = 0; step < count; step++) {
      const member = ready[index] as T;
      index = index + 1 === count ? 0 : index + 1;
      if (tried.includes(member)) continue;
      this.#retryNext = index;
      return member;
    }
    this.#retryNext = begin + 1 === count ? 0 : begin + 1;
    return ready[begin] as T;
  }

  membersChanged(members: readonly T[], added: readonly T[], removed: readonly T[]): void {
    this.#members = members;
    for (const { standing } of removed) standing.place = -1;
    for (const { standing } of added) standing.place = 0;
    this.#stale = true;
  }

  memberChanged(): void {
    this.#stale = true;
  }

  attemptTimed(): void {}

  /** Takes the set as it is now. */
  #rebuild(): void {
    this.#stale = false;
    const heir = this.#picked ? this.#heir() : null;
    const ready = this.#members.filter(isPickable);
    this.#ready = ready;
    if (!this.#picked) {
      this.#next = Math.floor(this.#start * ready.length);
      this.#retryNext = this.#next;
      return;
    }
    this.#next = heir === null ? 0 : ready.indexOf(heir);
  }

  /** Whose turn it is after the change: the one whose turn it was, else the first pickable one behind it. */
  #heir(): T | null {
    const old = this.#ready;
    const members = this.#members;
    for (let step = 0; step < old.length; step++) {
      const candidate = old[(this.#next + step) % old.length] as T;
      if (candidate.standing.place < 0) continue;
      const place = members.indexOf(candidate);
      // It is another group's by now, which is not told apart by its place.
      if (place < 0) continue;
      for (let ahead = 0; ahead < members.length; ahead++) {
        const member = members[(place + ahead) % members.length] as T;
        if (member.pickable) return member;
      }
      return null;
    }
    return null;
  }
}

function isPickable(member: BalancerMember): boolean {
  return member.pickable;
}
