/**
 * The table of Maglev hashing as a stable matching of claims and slots. A seat claims slots in turns, its k-th turn at (k + 1 - phase) ÷ weight, and
 * each claim takes the first free slot in the seat's order of all slots. So a slot belongs to the earliest claim that ever comes to it, and
 * which claims there are says who has what, in whatever order they were let in (Gale and Shapley): a table that is mended after each change is the
 * one that would be built anew. Letting a claim in, those it displaces go on; taking one out, the first that had come by gets its slot, and leaves one.
 */
import { hashAgain, hashText } from './hash.ts';
import { Visits } from './visits.ts';

/** One slot of so many stays free: a full table's last claims would look at most slots before they find theirs. */
const SPARE = 128;
/** With more slots to a seat, or when more than one slot of so many changes hands, a new table costs less than mending. */
const MENDED_SLOTS_MAX = 64;
const MENDED_SHARE = 256;
/** As many seats come by a slot until all but the spare ones are taken: ln SPARE, and some more. */
const VISITS = 6;
const FREE = Infinity;

class Seat {
  readonly number: number;
  readonly address: string;
  readonly weight: number;
  /** In [0, 1): by how much its turns come earlier than another's of its weight. */
  readonly phase: number;
  /** Its order of slots: start, start + step and so on. step × inverse is 1. */
  readonly start: number;
  readonly step: number;
  readonly inverse: number;
  /** How many slots it has, and the place of the last of them in its order; -1: none. */
  slots = 0;
  reach = -1;
  gone = false;

  constructor(number: number, address: string, weight: number, size: number) {
    const hash = hashText(address);
    this.number = number;
    this.address = address;
    this.weight = weight;
    this.start = hashAgain(hash, 0) % size;
    this.step = 1 + (hashAgain(hash, 1) % (size - 1));
    this.inverse = inverseOf(this.step, size);
    this.phase = hashAgain(hash, 2) / 4_294_967_296;
  }

  /** How many claims it has while all turns up to `time` are admitted. */
  claims(time: number): number {
    return Math.floor(this.weight * time + this.phase);
  }
}

export class MaglevTable {
  readonly size: number;
  /** By slot: whose it is, and the turn of the claim. */
  readonly #owners: Uint32Array;
  readonly #turns: Float32Array;
  /** By number; null: to be given again. */
  readonly #seats: (Seat | null)[] = [];
  readonly #unused: number[] = [];
  readonly #leaving: Seat[] = [];
  #weight = 0;
  /** Which seats have come by a slot; null: the table is not mended but built anew. */
  #visits: Visits | null = null;

  /** `size` is a prime. */
  constructor(size: number) {
    this.size = size;
    this.#owners = new Uint32Array(size);
    this.#turns = new Float32Array(size).fill(FREE);
  }

  /** The number of the slot's seat; -1: it is free. */
  ownerOf(slot: number): number {
    return this.#turns[slot] === FREE ? -1 : (this.#owners[slot] as number);
  }

  /** A new seat, which has its slots after `settle`; its number. */
  sit(address: string, weight: number): number {
    const number = this.#unused.pop() ?? this.#seats.length;
    this.#seats[number] = new Seat(number, address, weight, this.size);
    this.#weight += weight;
    return number;
  }

  /** Its number may be given again only after `settle`. */
  leave(number: number): void {
    const seat = this.#seats[number] as Seat;
    seat.gone = true;
    this.#leaving.push(seat);
    this.#weight -= seat.weight;
  }

  /** Gives each seat what it has a claim to by now. */
  settle(): void {
    const admitted = this.size - Math.floor(this.size / SPARE);
    const time = this.#weight === 0 ? 0 : admitted / this.#weight;
    const leaving = this.#leaving.splice(0);
    const stay = this.#seats.filter((seat) => seat !== null && !seat.gone) as Seat[];
    const differ = stay.filter((seat) => seat.slots !== seat.claims(time));
    let changes = 0;
    for (const { slots } of leaving) changes += slots;
    for (const seat of differ) changes += Math.abs(seat.slots - seat.claims(time));
    const isMendable = admitted <= MENDED_SLOTS_MAX * stay.length;
    if (isMendable && this.#visits !== null && changes * MENDED_SHARE <= this.size) {
      for (const seat of leaving) while (seat.slots > 0) this.#release(seat);
      for (const seat of differ) while (seat.slots > seat.claims(time)) this.#release(seat);
      this.#admit(differ, time);
    } else this.#build(stay, time, isMendable);
    for (const { number } of leaving) {
      this.#seats[number] = null;
      this.#unused.push(number);
    }
  }

  /** In rounds of about one claim each: the later a claim is let in, the fewer it displaces. */
  #build(seats: readonly Seat[], time: number, isMendable: boolean): void {
    this.#turns.fill(FREE);
    this.#visits = null;
    for (const seat of seats) {
      seat.slots = 0;
      seat.reach = -1;
    }
    const rounds = Math.ceil((time * this.#weight) / Math.max(1, seats.length));
    for (let round = 1; round <= rounds; round++) this.#admit(seats, (time * round) / rounds);
    if (!isMendable) return;
    this.#visits = new Visits(this.size, VISITS * this.size);
    for (const seat of seats) {
      const { reach } = seat;
      seat.reach = -1;
      this.#reachTo(seat, reach);
    }
  }

  #admit(seats: readonly Seat[], time: number): void {
    for (const seat of seats) while (seat.slots < seat.claims(time) && this.#claim(seat));
  }

  /** Lets the seat's next claim in, and those go on that it displaces; false when the last of them is its own and finds no slot. */
  #claim(first: Seat): boolean {
    const { size } = this;
    const turns = this.#turns;
    const owners = this.#owners;
    let seat = first;
    let turn = Math.fround((seat.slots + 1 - seat.phase) / seat.weight);
    let place = seat.reach + 1;
    seat.slots++;
    for (;;) {
      const { step } = seat;
      let slot = this.#slotAt(seat, place);
      while (place < size && !this.#isBefore(turn, seat, slot)) {
        place++;
        slot = slot + step < size ? slot + step : slot + step - size;
      }
      if (place >= size) {
        this.#lose(seat);
        return seat !== first;
      }
      if (place > seat.reach) this.#reachTo(seat, place);
      const next = turns[slot] as number;
      const other = this.#seats[owners[slot] as number] as Seat;
      turns[slot] = turn;
      owners[slot] = seat.number;
      if (next === FREE) return true;
      seat = other;
      turn = next;
      place = this.#placeOf(seat, slot) + 1;
    }
  }

  /** Takes the seat's last claim out. Its slot goes to the first that had come by, theirs to the next, until none had. */
  #release(seat: Seat): void {
    let hole = this.#slotAt(seat, seat.reach);
    this.#turns[hole] = FREE;
    this.#lose(seat);
    for (let from = this.#heirOf(hole); from >= 0; from = this.#heirOf(hole)) {
      const heir = this.#seats[this.#owners[from] as number] as Seat;
      this.#turns[hole] = this.#turns[from] as number;
      this.#owners[hole] = heir.number;
      this.#turns[from] = FREE;
      if (this.#placeOf(heir, from) === heir.reach) this.#reachTo(heir, this.#placeOf(heir, hole));
      hole = from;
    }
  }

  /** The slot of the earliest claim that came by `hole`; -1: none did. */
  #heirOf(hole: number): number {
    const visits = this.#visits as Visits;
    let best = -1;
    for (let entry = visits.first(hole); entry >= 0; entry = visits.next(entry)) {
      const seat = this.#seats[visits.who(entry)] as Seat;
      let slot = hole;
      do slot = slot + seat.step < this.size ? slot + seat.step : slot + seat.step - this.size;
      while (!this.#isIts(slot, seat));
      if (best < 0 || this.#isBefore(this.#turns[slot] as number, seat, best)) best = slot;
    }
    return best;
  }

  /** It has one slot less, the last in its order. */
  #lose(seat: Seat): void {
    seat.slots--;
    let place = seat.slots === 0 ? -1 : seat.reach;
    while (place >= 0 && !this.#isIts(this.#slotAt(seat, place), seat)) place--;
    this.#reachTo(seat, place);
  }

  /** Notes where it has come by, and where it has not any more. */
  #reachTo(seat: Seat, place: number): void {
    const visits = this.#visits;
    if (visits !== null) {
      for (let on = seat.reach + 1; on <= place; on++) visits.add(this.#slotAt(seat, on), seat.number);
      for (let back = seat.reach; back > place; back--) visits.remove(this.#slotAt(seat, back), seat.number);
    }
    seat.reach = place;
  }

  #isIts(slot: number, { number }: Seat): boolean {
    return this.#owners[slot] === number && this.#turns[slot] !== FREE;
  }

  /** The claim comes before the one that has the slot. */
  #isBefore(turn: number, seat: Seat, slot: number): boolean {
    const other = this.#turns[slot] as number;
    if (turn !== other) return turn < other;
    return seat.address < (this.#seats[this.#owners[slot] as number] as Seat).address;
  }

  #slotAt({ start, step }: Seat, place: number): number {
    return modulo(start + place * step, this.size);
  }

  #placeOf({ start, inverse }: Seat, slot: number): number {
    return modulo((slot < start ? slot - start + this.size : slot - start) * inverse, this.size);
  }
}

/** Of whole numbers that are not negative: exact, and faster than % beyond 31 bits. */
function modulo(value: number, size: number): number {
  return value - Math.floor(value / size) * size;
}

/** `step` × it is 1, modulo the prime `size`. */
function inverseOf(step: number, size: number): number {
  let [rest, next, inverse, other] = [step, size, 1, 0];
  while (next !== 0) {
    const quotient = Math.floor(rest / next);
    [rest, next] = [next, rest - quotient * next];
    [inverse, other] = [other, inverse - quotient * other];
  }
  return inverse < 0 ? inverse + size : inverse;
}
