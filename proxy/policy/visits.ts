/** Who came by which slot: lists of numbers by slot, in no order, as links in flat arrays. */
const END = -1;

export class Visits {
  /** By slot: its first entry. */
  readonly #heads: Int32Array;
  /** By entry: the one behind it, of the same slot or among those that are free; and who came. */
  #next: Int32Array;
  #who: Uint32Array;
  #free = END;
  #used = 0;

  /** `room`: entries there is room for at first. */
  constructor(slots: number, room: number) {
    this.#heads = new Int32Array(slots).fill(END);
    this.#next = new Int32Array(room);
    this.#who = new Uint32Array(room);
  }

  add(slot: number, who: number): void {
    let entry = this.#free;
    if (entry !== END) this.#free = this.#next[entry] as number;
    else {
      if (this.#used === this.#next.length) this.#grow();
      entry = this.#used++;
    }
    this.#who[entry] = who;
    this.#next[entry] = this.#heads[slot] as number;
    this.#heads[slot] = entry;
  }

  /** Takes out what `add` put in. */
  remove(slot: number, who: number): void {
    let before = END;
    let entry = this.#heads[slot] as number;
    while (this.#who[entry] !== who) {
      before = entry;
      entry = this.#next[entry] as number;
    }
    const next = this.#next[entry] as number;
    if (before === END) this.#heads[slot] = next;
    else this.#next[before] = next;
    this.#next[entry] = this.#free;
    this.#free = entry;
  }

  /** The slot's first entry, and the one behind an entry; negative: none. */
  first(slot: number): number {
    return this.#heads[slot] as number;
  }

  next(entry: number): number {
    return this.#next[entry] as number;
  }

  who(entry: number): number {
    return this.#who[entry] as number;
  }

  #grow(): void {
    const [next, who] = [this.#next, this.#who];
    this.#next = new Int32Array(2 * next.length);
    this.#who = new Uint32Array(2 * who.length);
    this.#next.set(next);
    this.#who.set(who);
  }
}
