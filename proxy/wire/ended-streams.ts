/** How the last streams ended, which decides what a late frame on them means: direct-mapped by id, a newer stream replaces an older one. */

/**
 * How a stream that has no record any more was ended; decides what a late frame on it means. BY_OUR_RESET: the peer
 * provoked it; BY_OUR_WISH: the machine wanted no more of it, and an honest peer's frames may be under way.
 */
export const Ended = { UNKNOWN: 0, NORMALLY: 1, BY_PEER_RESET: 2, BY_OUR_RESET: 3, BY_OUR_WISH: 4 } as const;

export class EndedStreams {
  /** Their number is a power of two. */
  #ids: Int32Array = NO_IDS;
  #how: Uint8Array = NOTHING;
  /** Late frames on each of them that were let pass, and whether an RST_STREAM was among them. */
  #late: Uint8Array = NOTHING;

  /** `openStreams`: as many may end while a frame is under way, so more than that are remembered, within bounds. */
  remember(id: number, how: number, openStreams: number): void {
    if (this.#ids.length <= openStreams && this.#ids.length < KEPT_MAX) this.#grow(openStreams);
    const slot = this.#slotOf(id);
    this.#ids[slot] = id;
    this.#how[slot] = how;
    this.#late[slot] = 0;
  }

  /** One of `Ended`, of a stream without a record. */
  how(id: number): number {
    const slot = this.#slotOf(id);
    return this.#ids[slot] === id ? (this.#how[slot] as number) : Ended.UNKNOWN;
  }

  /** A frame on a stream that the machine reset: the first ones, until the peer's END_STREAM, are no oddity. */
  expects(id: number, endStream: boolean): boolean {
    if (this.how(id) !== Ended.BY_OUR_WISH) return false;
    const slot = this.#slotOf(id);
    const late = this.#late[slot] as number;
    if ((late & ~RESET_CAME) === LATE_FRAMES_FREE) return false;
    this.#late[slot] = late + 1;
    if (endStream) this.#how[slot] = Ended.NORMALLY;
    return true;
  }

  /** The first RST_STREAM behind an end that was no fault of the peer's: servers of gRPC send it when they answer before the request's end. */
  expectsReset(id: number): boolean {
    const how = this.how(id);
    if (how !== Ended.BY_OUR_WISH && how !== Ended.NORMALLY) return false;
    const slot = this.#slotOf(id);
    const late = this.#late[slot] as number;
    this.#late[slot] = late | RESET_CAME;
    return (late & RESET_CAME) === 0;
  }

  #slotOf(id: number): number {
    return (id >>> 1) & (this.#ids.length - 1);
  }

  #grow(openStreams: number): void {
    const ids = this.#ids;
    const how = this.#how;
    const late = this.#late;
    let kept = KEPT_LEAST;
    while (kept <= openStreams && kept < KEPT_MAX) kept *= 2;
    this.#ids = new Int32Array(kept);
    this.#how = new Uint8Array(kept);
    this.#late = new Uint8Array(kept);
    for (const [old, id] of ids.entries()) {
      if (id === 0) continue;
      const slot = this.#slotOf(id);
      this.#ids[slot] = id;
      this.#how[slot] = how[old] as number;
      this.#late[slot] = late[old] as number;
    }
  }
}

const KEPT_LEAST = 128;
const KEPT_MAX = 1_024;
const NO_IDS = new Int32Array(0);
const NOTHING = new Uint8Array(0);
const LATE_FRAMES_FREE = 8;
const RESET_CAME = 0x80;
