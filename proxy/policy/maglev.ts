/**
 * Maglev hashing (Eisenbud and others, NSDI 2016): a table in which each member has as many slots as its weight asks, claimed in the order of
 * a permutation of its own (`maglev-table.ts`); a call goes to the owner of its key's slot. O(1) a pick and even shares, at a small price: a member that
 * comes or goes moves a few more keys than its own. An owner that cannot be picked keeps its slots; its calls look further, each key in another
 * place. The table is a function of the set alone, at every pick; the paper and Envoy make it anew for each change, here it is mended.
 */
import { type Balancer, type BalancerMember, weightOf } from './balancer.ts';
import { hashAgain } from './hash.ts';
import { MaglevTable } from './maglev-table.ts';

/** Other slots that a key tries, before those next to the last one. */
const LOOKS_MAX = 16;

export class Maglev<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #table: MaglevTable;
  /** By seat (`standing.place`). */
  readonly #members: (M | null)[] = [];
  /** The table does not know yet of all that changed. */
  #stale = false;

  /** `tableSize` is a prime. With more members than slots some get none. */
  constructor(tableSize: number) {
    this.#table = new MaglevTable(tableSize);
  }

  pick(_nowNs: number, key: number): M | null {
    return this.#find(key, []);
  }

  pickRetry(tried: readonly M[], _nowNs: number, key: number): M | null {
    return this.#find(key, tried) ?? this.#find(key, []);
  }

  membersChanged(_members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    for (const member of removed) this.#leave(member);
    for (const member of added) this.#sit(member);
  }

  /** Who can be picked is asked at each pick; only another weight changes the table. */
  memberChanged(member: M): void {
    const { standing } = member;
    if (standing.place < 0 || standing.weight === weightOf(member)) return;
    this.#leave(member);
    this.#sit(member);
  }

  settle(): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.#table.settle();
  }

  attemptTimed(): void {}

  #find(key: number, tried: readonly M[]): M | null {
    this.settle();
    const { size } = this.#table;
    let at = key % size;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const member = this.#ownerOf(at);
      if (member !== null && member.pickable && !tried.includes(member)) return member;
      at = hashAgain(key, look) % size;
    }
    for (let step = 0; step < size; step++) {
      const member = this.#ownerOf(at);
      if (member !== null && member.pickable && !tried.includes(member)) return member;
      at = at + 1 === size ? 0 : at + 1;
    }
    return null;
  }

  #ownerOf(slot: number): M | null {
    const seat = this.#table.ownerOf(slot);
    return seat < 0 ? null : (this.#members[seat] as M);
  }

  #sit(member: M): void {
    const { standing, endpoint } = member;
    standing.weight = weightOf(member);
    standing.place = this.#table.sit(endpoint.address, standing.weight);
    this.#members[standing.place] = member;
    this.#stale = true;
  }

  #leave({ standing }: M): void {
    this.#table.leave(standing.place);
    this.#members[standing.place] = null;
    standing.place = -1;
    this.#stale = true;
  }
}
