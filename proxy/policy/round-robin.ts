/**
 * Round robin over the pickable members: S(i+1) = (S(i)+1) mod N. The set may change at any time: the host whose turn it
 * is keeps its turn, so that no change favours the first of the list and no absent host makes a gift to its neighbour.
 */
import type { Balancer, BalancerMember } from './balancer.ts';
import { ReadyOrder } from './ready-order.ts';

export class RoundRobin<T extends BalancerMember> implements Balancer<T> {
  readonly timesAttempts = false;
  /** In the order of the set. */
  readonly #ready = new ReadyOrder<T>();
  /** Place of whoever is picked next: a pickable one while there is one. */
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
    const { items, count } = this.#ready;
    if (count === 0) return null;
    if (!this.#picked) this.#begin();
    const place = this.#next;
    this.#picked = true;
    this.#next = this.#ready.next(this.#behind(place));
    return items[place] as T;
  }

  /** The next member for a retry, one not in `tried` if there is one. Does not move the cursor of first attempts. */
  pickRetry(tried: readonly T[]): T | null {
    const { items, count } = this.#ready;
    if (count === 0) return null;
    if (!this.#picked) this.#begin();
    let place = this.#ready.next(this.#retryNext);
    for (let step = 0; step < count && tried.includes(items[place] as T); step++)
      place = this.#ready.next(this.#behind(place));
    this.#retryNext = this.#behind(place);
    return items[place] as T;
  }

  membersChanged(members: readonly T[], _added: readonly T[], removed: readonly T[]): void {
    const before = this.#ready.items;
    const cursors = [this.#next, this.#retryNext];
    this.#ready.replace(members, removed);
    [this.#next, this.#retryNext] = cursors.map((cursor) => heirOf(before, cursor)) as [number, number];
    this.#passOn();
  }

  memberChanged(member: T): void {
    this.#ready.review(member);
    this.#passOn();
  }

  attemptTimed(): void {}

  /** Who cannot be picked gives its turn to the first pickable one behind it. */
  #passOn(): void {
    const place = this.#ready.next(this.#next);
    if (place >= 0) this.#next = place;
  }

  /** Some member can be picked, for the first time. */
  #begin(): void {
    const { count } = this.#ready;
    this.#next = this.#ready.next(0);
    for (let step = Math.floor(this.#start * count); step > 0; step--)
      this.#next = this.#ready.next(this.#behind(this.#next));
    this.#retryNext = this.#next;
  }

  #behind(place: number): number {
    return place + 1 === this.#ready.items.length ? 0 : place + 1;
  }
}

/** Where the one stands now that stood there before, or the first behind it that is still there; 0 when nobody is. */
function heirOf(before: readonly BalancerMember[], place: number): number {
  for (let step = 0; step < before.length; step++) {
    const at = place + step;
    const { standing } = before[at < before.length ? at : at - before.length] as BalancerMember;
    if (standing.place >= 0) return standing.place;
  }
  return 0;
}
