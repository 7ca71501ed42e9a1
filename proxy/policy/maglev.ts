/**
 * Maglev hashing (Eisenbud and others, NSDI 2016): a table in which each member has as many slots as its weight asks, claimed in the order of
 * a permutation of its own; a call goes to the owner of its key's slot. O(1) a pick and even shares, at a small price: a member that comes or goes moves
 * a few more keys than its own. An owner that cannot be picked keeps its slots; its calls look further, each key in another place.
 */
import { type Balancer, type BalancerMember, weightOf } from './balancer.ts';
import { hashAgain, hashText } from './hash.ts';

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

  /** Members claim their next free slot in turn. Linear but for the claims of the last slots, which find most of them taken. */
  #build(): void {
    this.#stale = false;
    const members = this.#members;
    if (members.length === 0) return;
    for (const member of members) member.standing.weight = weightOf(member);
    const table = this.#table.fill(EMPTY);
    const size = table.length;
    const next = new Uint32Array(members.length);
    const stride = new Uint32Array(members.length);
    members.forEach(({ endpoint }, rank) => {
      const hash = hashText(endpoint.address);
      next[rank] = hashAgain(hash, 0) % size;
      stride[rank] = 1 + (hashAgain(hash, 1) % (size - 1));
    });
    const turns = turnsOf(members, size);
    for (let turn = 0; turn < size; turn++) {
      const rank = turns[turn] as number;
      const step = stride[rank] as number;
      let at = next[rank] as number;
      while (table[at] !== EMPTY) at = at + step < size ? at + step : at + step - size;
      table[at] = rank;
      next[rank] = at;
    }
  }
}

/** Whose turn it is, for at least `size` turns: the k-th of a member comes at (k + ½) ÷ its weight, sorted into `size` buckets. */
function turnsOf(members: readonly BalancerMember[], size: number): Uint32Array {
  const total = members.reduce((sum, { standing }) => sum + standing.weight, 0);
  // Rounding loses half a turn of each member at most.
  const until = (size + members.length) / total;
  const starts = new Uint32Array(size + 1);
  const each = (visit: (bucket: number, rank: number) => void): void => {
    members.forEach(({ standing }, rank) => {
      const turns = Math.ceil(until * standing.weight - 0.5);
      for (let turn = 0; turn < turns; turn++) {
        visit(Math.min(size - 1, Math.floor(((turn + 0.5) / standing.weight / until) * size)), rank);
      }
    });
  };
  each((bucket) => {
    starts[bucket + 1] = (starts[bucket + 1] as number) + 1;
  });
  for (let bucket = 0; bucket < size; bucket++) {
    starts[bucket + 1] = (starts[bucket + 1] as number) + (starts[bucket] as number);
  }
  const ranks = new Uint32Array(starts[size] as number);
  each((bucket, rank) => {
    const place = starts[bucket] as number;
    starts[bucket] = place + 1;
    ranks[place] = rank;
  });
  return ranks;
}

function byAddress(one: BalancerMember, other: BalancerMember): number {
  return one.endpoint.address < other.endpoint.address ? -1 : 1;
}
