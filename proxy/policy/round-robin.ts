/**
 * Round robin over the pickable members: S(i+1) = (S(i)+1) mod N. The set may change at any time: the host whose turn it
 * is keeps its turn, so that no rebuild favours the first of the list and no absent host makes a gift to its neighbour.
 */

export class RoundRobin<T> {
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

  get size(): number {
    return this.#ready.length;
  }

  /** The next member for a first attempt; null when none is pickable. */
  pick(): T | null {
    const ready = this.#ready;
    const index = this.#next;
    if (index >= ready.length) return null;
    this.#picked = true;
    this.#next = index + 1 === ready.length ? 0 : index + 1;
    return ready[index] as T;
  }

  /** The next member for a retry, one not in `tried` if there is one. Does not move the cursor of first attempts. */
  pickRetry(tried: readonly T[]): T | null {
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

  /** Takes a new set: `members` in their lasting order (known ones never change places), and which of them may be picked. */
  replace(members: readonly T[], pickable: (member: T) => boolean): void {
    const heir = this.#heir(members, pickable);
    const ready = members.filter(pickable);
    this.#ready = ready;
    if (!this.#picked) {
      this.#next = Math.floor(this.#start * ready.length);
      this.#retryNext = this.#next;
      return;
    }
    this.#next = heir === null ? 0 : ready.indexOf(heir);
  }

  /** Whose turn it is after the change: the one whose turn it was, else the first pickable one behind it. */
  #heir(members: readonly T[], pickable: (member: T) => boolean): T | null {
    const old = this.#ready;
    for (let step = 0; step < old.length; step++) {
      const candidate = old[(this.#next + step) % old.length] as T;
      const place = members.indexOf(candidate);
      if (place < 0) continue;
      for (let ahead = 0; ahead < members.length; ahead++) {
        const member = members[(place + ahead) % members.length] as T;
        if (pickable(member)) return member;
      }
      return null;
    }
    return null;
  }
}
