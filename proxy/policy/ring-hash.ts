/**
 * Consistent hashing on a ring: each member has points there, by its address alone, as many as its weight asks; a call goes
 * to the owner of the first point at or behind its key. So the same set gives the same map in every sidecar, and a member that comes
 * or goes moves only its own keys. An owner that cannot be picked is stepped over and gets its keys back when it can be again.
 */
import { type Balancer, type BalancerMember, weightOf } from './balancer.ts';
import type { BalancerConfig } from './config.ts';
import { hashAgain, hashText } from './hash.ts';

/** More members than this coming or going at once: the ring is made anew. */
const STEPS_MAX = 8;
/** Room for this share of further points. */
const SPARE = 1.25;
/** A point and its owner's rank in one number that sorts: 32 + 21 bits. */
const RANKS = 2_097_152;

export class RingHash<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #pointsPerWeight: number;
  readonly #sizeMax: number;
  /** Hashes in ascending order, each with the number of its owner; the first `#size` count. */
  #points = new Uint32Array(0);
  #owners = new Uint32Array(0);
  #size = 0;
  /** Owners by number (`standing.place`). */
  #seats: M[] = [];
  readonly #free: number[] = [];
  #members: readonly M[] = [];
  #total = 0;
  /** Points per unit of weight as the ring has them. */
  #density = 0;

  constructor(config: BalancerConfig) {
    this.#pointsPerWeight = config.pointsPerWeight;
    this.#sizeMax = config.ringSizeMax;
  }

  pick(_nowNs: number, key: number): M | null {
    return this.#from(key, []);
  }

  /** The next owner on the ring that was not tried. */
  pickRetry(tried: readonly M[], _nowNs: number, key: number): M | null {
    return this.#from(key, tried) ?? this.#from(key, []);
  }

  membersChanged(members: readonly M[], added: readonly M[], removed: readonly M[]): void {
    this.#members = members;
    for (const { standing } of removed) this.#total -= standing.weight;
    for (const member of added) this.#total += this.#weigh(member);
    if (added.length + removed.length > STEPS_MAX || this.#density !== this.#wantedDensity()) {
      for (const { standing } of removed) standing.place = -1;
      return this.#build();
    }
    for (const member of removed) this.#leave(member);
    for (const member of added) this.#enter(member);
  }

  /** Who can be picked is asked at each pick; only another weight changes the ring. */
  memberChanged(member: M): void {
    const { standing } = member;
    if (standing.place < 0 || standing.weight === weightOf(member)) return;
    const before = standing.weight;
    this.#total += this.#weigh(member) - before;
    if (this.#density !== this.#wantedDensity()) return this.#build();
    const { weight } = standing;
    standing.weight = before;
    this.#leave(member);
    standing.weight = weight;
    this.#enter(member);
  }

  attemptTimed(): void {}

  #from(key: number, tried: readonly M[]): M | null {
    const size = this.#size;
    const begin = this.#find(key, size);
    for (let step = 0; step < size; step++) {
      const at = begin + step;
      const member = this.#seats[this.#owners[at < size ? at : at - size] as number] as M;
      if (member.pickable && !tried.includes(member)) return member;
    }
    return null;
  }

  /** Index of the first point before `end` that is at least `point`; `end` when none is. */
  #find(point: number, end: number): number {
    let low = 0;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle] as number) < point) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #weigh(member: M): number {
    member.standing.weight = weightOf(member);
    return member.standing.weight;
  }

  /** Halved until all points fit: a set that grows or shrinks by a few keeps its points. Below 1 where weights alone are too many. */
  #wantedDensity(): number {
    let density = this.#pointsPerWeight;
    while (density * this.#total > this.#sizeMax)
      density = density > 1 ? Math.ceil(density / 2) : density / 2;
    return density;
  }

  /** One at least. */
  #pointCount({ standing }: M): number {
    return Math.max(1, Math.floor(standing.weight * this.#density));
  }

  #build(): void {
    this.#density = this.#wantedDensity();
    this.#seats = [...this.#members].sort(byAddress);
    this.#free.length = 0;
    this.#size = this.#seats.reduce((sum, member) => sum + this.#pointCount(member), 0);
    const marks = new Float64Array(this.#size);
    let size = 0;
    this.#seats.forEach((member, rank) => {
      const hash = hashText(member.endpoint.address);
      const count = this.#pointCount(member);
      for (let time = 0; time < count; time++) marks[size++] = hashAgain(hash, time) * RANKS + rank;
      member.standing.place = rank;
    });
    marks.sort();
    const room = Math.ceil(size * SPARE);
    this.#points = new Uint32Array(room);
    this.#owners = new Uint32Array(room);
    for (let at = 0; at < size; at++) {
      const mark = marks[at] as number;
      this.#points[at] = Math.floor(mark / RANKS);
      this.#owners[at] = mark % RANKS;
    }
  }

  /** Its points, in ascending order. */
  #pointsOf(member: M): Uint32Array {
    const hash = hashText(member.endpoint.address);
    const own = new Uint32Array(this.#pointCount(member));
    for (let time = 0; time < own.length; time++) own[time] = hashAgain(hash, time);
    return own.sort();
  }

  /** Moves what lies between its points to the right, from the end. */
  #enter(member: M): void {
    const own = this.#pointsOf(member);
    const size = this.#size + own.length;
    if (size > this.#points.length) this.#grow(size);
    const seat = this.#free.pop() ?? this.#seats.length;
    this.#seats[seat] = member;
    member.standing.place = seat;
    let end = this.#size;
    for (let rest = own.length; rest > 0; rest--) {
      const point = own[rest - 1] as number;
      const at = this.#placeFor(point, member, end);
      this.#points.copyWithin(at + rest, at, end);
      this.#owners.copyWithin(at + rest, at, end);
      this.#points[at + rest - 1] = point;
      this.#owners[at + rest - 1] = seat;
      end = at;
    }
    this.#size = size;
  }

  /** Where a point goes; of equal ones the owner with the lesser address is first. */
  #placeFor(point: number, member: M, end: number): number {
    let at = this.#find(point, end);
    while (at < end && this.#points[at] === point && this.#ownerAt(at) < member.endpoint.address) at++;
    return at;
  }

  #ownerAt(at: number): string {
    return (this.#seats[this.#owners[at] as number] as M).endpoint.address;
  }

  /** Closes the gaps that its points leave. */
  #leave(member: M): void {
    const { place } = member.standing;
    const own = this.#pointsOf(member);
    const size = this.#size;
    let to = -1;
    let from = 0;
    for (const point of own) {
      let at = Math.max(this.#find(point, size), from);
      while (this.#owners[at] !== place) at++;
      if (to < 0) to = at;
      else to = this.#moveLeft(to, from, at);
      from = at + 1;
    }
    this.#size = this.#moveLeft(to, from, size);
    member.standing.place = -1;
    this.#free.push(place);
  }

  #moveLeft(to: number, from: number, end: number): number {
    this.#points.copyWithin(to, from, end);
    this.#owners.copyWithin(to, from, end);
    return to + end - from;
  }

  #grow(size: number): void {
    const room = Math.ceil(size * SPARE);
    const [points, owners] = [new Uint32Array(room), new Uint32Array(room)];
    points.set(this.#points);
    owners.set(this.#owners);
    this.#points = points;
    this.#owners = owners;
  }
}

function byAddress(one: BalancerMember, other: BalancerMember): number {
  return one.endpoint.address < other.endpoint.address ? -1 : 1;
}
