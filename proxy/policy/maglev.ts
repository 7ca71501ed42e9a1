/**
 * Maglev hashing (Eisenbud and others, NSDI 2016): a table in which each member has as many slots as its weight asks, claimed in the order of
 * a permutation of its own; a call goes to the owner of its key's slot. O(1) a pick and even shares, at a small price: a member that comes or goes moves
 * a few more keys than its own. An owner that cannot be picked keeps its slots; its calls look further, each key in another place.
 */
import { type Balancer, type BalancerMember, weightOf } from './balancer.ts';
import { hashAgain, hashText } from './hash.ts';
import { MemberHeap } from './member-heap.ts';

/** Other slots that a key tries, before those next to the last one. */
const LOOKS_MAX = 16;
/** More members than this coming or going at once are sorted with all the others. */
const STEPS_MAX = 8;
const EMPTY = 0xffff_ffff;

export class Maglev<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #table: Uint32Array;
  /** By address. */
  #members: M[] = [];
  #stale = false;

  /** `tableSize` is a prime. With more members than slots some get none. */
  constructor(tableSize: number) {
    this.#table = new Uint32Array(tableSize).fill(EMPTY);
  }

  pick(_nowNs: number, key: number): M | null {
    return this.#find(key, []);
  }

  pickRetry(tried: readonly M[], _nowNs: number, key: number): M | null {
    return this.#find(key, tried) ?? this.#find(key, []);
  }

  membersChanged(members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    if (added.length + removed.length > STEPS_MAX) this.#members = [...members].sort(byAddress);
    else {
      for (const member of removed) this.#members.splice(this.#members.indexOf(member), 1);
      for (const member of added) {
        const at = this.#members.findIndex((other) => byAddress(member, other) < 0);
        this.#members.splice(at < 0 ? this.#members.length : at, 0, member);
      }
    }
    this.#stale = true;
  }

  /** Who can be picked is asked at each pick; only another weight changes the table. */
  memberChanged(member: M): void {
    if (member.standing.weight !== weightOf(member)) this.#stale = true;
  }

  attemptTimed(): void {}

  #find(key: number, tried: readonly M[]): M | null {
    if (this.#stale) this.#build();
    const size = this.#table.length;
    if (this.#members.length === 0) return null;
    let at = key % size;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const member = this.#ownerOf(at);
      if (member.pickable && !tried.includes(member)) return member;
      at = hashAgain(key, look) % size;
    }
    for (let step = 0; step < size; step++) {
      const member = this.#ownerOf(at);
      if (member.pickable && !tried.includes(member)) return member;
      at = at + 1 === size ? 0 : at + 1;
    }
    return null;
  }

  #ownerOf(slot: number): M {
    return this.#members[this.#table[slot] as number] as M;
  }

  /** Members claim their next free slot; whose turn it is says (claims so far + 1) ÷ weight. */
  #build(): void {
    this.#stale = false;
    const members = this.#members;
    if (members.length === 0) return;
    const size = this.#table.length;
    const claims = new Claims(this.#table);
    const even = members.every((member) => weightOf(member) === weightOf(members[0] as M));
    members.forEach((member, rank) => {
      member.standing.weight = weightOf(member);
      claims.enter(hashText(member.endpoint.address), rank);
    });
    if (even) for (let turn = 0; turn < size; turn++) claims.take(turn % members.length);
    else takeByWeight(members, claims, size);
  }
}

/** The permutations and how far each has come. */
class Claims {
  readonly #table: Uint32Array;
  readonly #next: number[] = [];
  readonly #stride: number[] = [];

  constructor(table: Uint32Array) {
    this.#table = table.fill(EMPTY);
  }

  enter(hash: number, rank: number): void {
    this.#next[rank] = hashAgain(hash, 0) % this.#table.length;
    this.#stride[rank] = 1 + (hashAgain(hash, 1) % (this.#table.length - 1));
  }

  /** There is a free slot. */
  take(rank: number): void {
    const size = this.#table.length;
    const stride = this.#stride[rank] as number;
    let at = this.#next[rank] as number;
    while (this.#table[at] !== EMPTY) at = at + stride < size ? at + stride : at + stride - size;
    this.#table[at] = rank;
    this.#next[rank] = at;
  }
}

function takeByWeight<M extends BalancerMember>(members: readonly M[], claims: Claims, size: number): void {
  const turns = new MemberHeap<M>();
  members.forEach((member, rank) => {
    member.standing.tie = rank;
    member.standing.key = 1 / member.standing.weight;
    turns.push(member);
  });
  for (let slot = 0; slot < size; slot++) {
    const { standing } = turns.items[0] as M;
    claims.take(standing.tie);
    standing.key += 1 / standing.weight;
    turns.leastGrew();
  }
}

function byAddress(one: BalancerMember, other: BalancerMember): number {
  return one.endpoint.address < other.endpoint.address ? -1 : 1;
}
