/**
 * Where one socket's octets are read to. Small reads share one buffer with all other sockets and are emptied in the callback;
 * a socket that fills it gets a buffer of its own, whose payloads go on to the other side without being copied.
 */
import type { Carrier } from './carrier.ts';
import type { Loop } from './loop.ts';

export const READ_BYTES = 65_536;
/** A buffer of its own is larger: each read costs a call into the system, and what it cuts costs a frame. */
const OWN_BYTES = 262_144;
/** So many sockets have one at a time, 16 MiB in all; others go on with the shared one. */
export const OWN_BUFFERS_MAX = 64;
/** From here on a chunk is worth being lent. */
export const LEND_FROM_BYTES = 8_192;
/** An own buffer goes back after so many small reads in a row. */
const SMALL_READS_MAX = 32;
const POOL_BUFFERS_MAX = 8;
const pool: Buffer[] = [];
let owned = 0;

export class ReadBuffer {
  readonly #loop: Loop;
  readonly #shared: Buffer;
  #own: Buffer | null = null;
  #smallReads = 0;
  #wantsOwn = false;

  constructor(loop: Loop, shared: Buffer) {
    this.#loop = loop;
    this.#shared = shared;
  }

  /** The buffer for the next read. */
  next(): Buffer {
    if (this.#own !== null) return this.#own;
    if (!this.#wantsOwn || owned >= OWN_BUFFERS_MAX) return this.#shared;
    owned += 1;
    this.#own = pool.pop() ?? Buffer.allocUnsafeSlow(OWN_BYTES);
    return this.#own;
  }

  /** Hands over what came. */
  pass(carrier: Carrier, chunk: Buffer): void {
    const isLarge = chunk.length >= LEND_FROM_BYTES;
    if (this.#own !== null && isLarge) {
      carrier.receiveLent(chunk);
      // What the system did not take yet belongs to the writer's socket from now on.
      if (!this.#loop.settleLoans()) this.#leave();
    } else carrier.receive(chunk);
    this.#smallReads = isLarge ? 0 : this.#smallReads + 1;
    if (isLarge) this.#wantsOwn = true;
    else if (this.#smallReads > SMALL_READS_MAX) this.free();
  }

  /** Gives an own buffer back. */
  free(): void {
    this.#wantsOwn = false;
    if (this.#own === null) return;
    if (pool.length < POOL_BUFFERS_MAX) pool.push(this.#own);
    this.#leave();
  }

  #leave(): void {
    this.#own = null;
    owned -= 1;
  }
}
