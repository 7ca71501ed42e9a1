/** Calls that are open now, by number, in typed arrays: a hash table sized to the open calls, with no object per call. */

const SLOTS_MIN = 1_024;

export class CallTable {
  #mask = SLOTS_MIN - 1;
  #calls = new Int32Array(SLOTS_MIN).fill(-1);
  /** By slot: when the call began, ns. */
  startNs = new Float64Array(SLOTS_MIN);
  /** By slot: two words of the check's own, 0 at first. */
  note = new Int32Array(SLOTS_MIN);
  mark = new Int32Array(SLOTS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Opens a call and returns its slot, or -1 when it is open already. Slots move: use one only until the next open or close. */
  open(call: number, startNs: number): number {
    if (this.#size * 2 > this.#mask) this.#grow();
    let slot = call & this.#mask;
    while (this.#calls[slot] !== -1) {
      if (this.#calls[slot] === call) return -1;
      slot = (slot + 1) & this.#mask;
    }
    this.#calls[slot] = call;
    this.startNs[slot] = startNs;
    this.note[slot] = 0;
    this.mark[slot] = 0;
    this.#size += 1;
    return slot;
  }

  /** Slot of an open call, or -1. */
  find(call: number): number {
    let slot = call & this.#mask;
    while (this.#calls[slot] !== call) {
      if (this.#calls[slot] === -1) return -1;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  /** Closes the call in that slot, moving later ones of the same run of slots back over the gap. */
  close(slot: number): void {
    let gap = slot;
    let next = (gap + 1) & this.#mask;
    while (this.#calls[next] !== -1) {
      const home = (this.#calls[next] as number) & this.#mask;
      if (((next - home) & this.#mask) >= ((next - gap) & this.#mask)) {
        this.#move(next, gap);
        gap = next;
      }
      next = (next + 1) & this.#mask;
    }
    this.#calls[gap] = -1;
    this.#size -= 1;
  }

  /** Visits what is still open, in slot order. */
  each(visit: (call: number, slot: number) => void): void {
    for (let slot = 0; slot <= this.#mask; slot++) {
      const call = this.#calls[slot] as number;
      if (call !== -1) visit(call, slot);
    }
  }

  #move(from: number, to: number): void {
    this.#calls[to] = this.#calls[from] as number;
    this.startNs[to] = this.startNs[from] as number;
    this.note[to] = this.note[from] as number;
    this.mark[to] = this.mark[from] as number;
  }

  #grow(): void {
    const { startNs, note, mark } = this;
    const calls = this.#calls;
    const slots = calls.length * 2;
    this.#mask = slots - 1;
    this.#calls = new Int32Array(slots).fill(-1);
    this.startNs = new Float64Array(slots);
    this.note = new Int32Array(slots);
    this.mark = new Int32Array(slots);
    this.#size = 0;
    for (let slot = 0; slot < calls.length; slot++) {
      const call = calls[slot] as number;
      if (call === -1) continue;
      const to = this.open(call, startNs[slot] as number);
      this.note[to] = note[slot] as number;
      this.mark[to] = mark[slot] as number;
    }
  }
}
