/** Request octets kept for a replay, in one array that grows by doubling and stays with its pooled call while it is small. */

const FIRST_BYTES = 256;
const KEPT_BYTES_MAX = 4_096;
/** Below this a loop is cheaper than `set`. */
const LOOP_BYTES_MAX = 48;
const NOTHING = new Uint8Array(0);

export class RequestBuffer {
  length = 0;
  /** False once octets were let go: a replay is no longer possible. */
  kept = true;
  #octets: Uint8Array = NOTHING;

  append(bytes: Uint8Array): void {
    const start = this.length;
    const count = bytes.length;
    if (start + count > this.#octets.length) this.#grow(start + count);
    const octets = this.#octets;
    if (count <= LOOP_BYTES_MAX) {
      for (let index = 0; index < count; index++) octets[start + index] = bytes[index] as number;
    } else octets.set(bytes, start);
    this.length = start + count;
  }

  /** What is kept; valid until the next change. */
  bytes(): Uint8Array {
    return this.#octets.subarray(0, this.length);
  }

  /** Lets go of everything: the request cannot be replayed any more. */
  drop(): void {
    this.length = 0;
    this.kept = false;
    if (this.#octets.length > KEPT_BYTES_MAX) this.#octets = NOTHING;
  }

  clear(): void {
    this.length = 0;
    this.kept = true;
    if (this.#octets.length > KEPT_BYTES_MAX) this.#octets = NOTHING;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(FIRST_BYTES, this.#octets.length * 2, needed));
    grown.set(this.#octets.subarray(0, this.length));
    this.#octets = grown;
  }
}
