/**
 * What a connection will write, taken whole by the driver once per loop turn: one buffer of its own, from a small pool, and
 * between its octets ranges of read buffers that are on loan.
 */
import type { Loan } from './loan.ts';
import { FRAME_HEADER_BYTES, FrameType } from './protocol.ts';

export class Output {
  buffer: Buffer = NO_BUFFER;
  /** Octets in the buffer: where the next one goes. */
  length = 0;
  /** Octets on loan. */
  lentBytes = 0;
  #loans: Loan[] = [];

  /** All octets that wait. */
  get bytes(): number {
    return this.length + this.lentBytes;
  }

  /** Makes room for `byteCount` more octets. */
  reserve(byteCount: number): void {
    const need = this.length + byteCount;
    if (need <= this.buffer.length) return;
    if (need <= SLAB_BYTES) {
      this.buffer = pool.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
      return;
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(need, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.length));
    giveBack(this.buffer);
    this.buffer = larger;
  }

  /** Writes a frame header; the caller reserved room. */
  frame(byteCount: number, type: number, flags: number, streamId: number): void {
    this.patchFrame(this.length, byteCount, type, flags, streamId);
    this.length += FRAME_HEADER_BYTES;
  }

  /** Writes a frame header at `at`, over what stands there. */
  patchFrame(at: number, byteCount: number, type: number, flags: number, streamId: number): void {
    writeHeader(this.buffer, at, byteCount, type, flags, streamId);
  }

  /** A DATA frame whose payload stays where it was read; its header is written in the nine octets before, where there are any: they are free. */
  lend(source: Uint8Array, start: number, end: number, flags: number, streamId: number): void {
    const from = start - FRAME_HEADER_BYTES;
    if (from < 0) return this.#lendBare(source, start, end, flags, streamId);
    writeHeader(source, from, end - start, FrameType.DATA, flags, streamId);
    const last = this.#loans.at(-1);
    if (last !== undefined && last.source === source && last.to === from && last.at === this.length) {
      last.to = end;
    } else {
      this.#loans.push({ source, from, to: end, at: this.length });
    }
    this.lentBytes += end - from;
  }

  /** The rest of a frame that was cut lies at the very beginning: its header stands among the own octets. */
  #lendBare(source: Uint8Array, start: number, end: number, flags: number, streamId: number): void {
    this.reserve(FRAME_HEADER_BYTES);
    this.frame(end - start, FrameType.DATA, flags, streamId);
    this.#loans.push({ source, from: start, to: end, at: this.length });
    this.lentBytes += end - start;
  }

  uint32(value: number): void {
    const buffer = this.buffer;
    const at = this.length;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    this.length = at + 4;
  }

  uint16(value: number): void {
    this.buffer[this.length++] = value >>> 8;
    this.buffer[this.length++] = value;
  }

  octets(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    const at = this.length;
    // Below this a loop is cheaper than making a view.
    if (count <= 48) {
      const buffer = this.buffer;
      for (let i = 0; i < count; i++) buffer[at + i] = bytes[start + i] as number;
    } else {
      this.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    }
    this.length = at + count;
  }

  /** All octets in one piece; the buffer goes with them. */
  take(): Uint8Array {
    if (this.lentBytes > 0) {
      const chunks: Uint8Array[] = [];
      this.takeChunks(chunks);
      return Buffer.concat(chunks);
    }
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = NO_BUFFER;
    this.length = 0;
    return taken;
  }

  /** All octets as the pieces that they lie in. Returns those of the own buffer, for `recycleOutput`. */
  takeChunks(chunks: Uint8Array[]): Uint8Array {
    const own = this.buffer.subarray(0, this.length);
    let at = 0;
    for (const loan of this.#loans) {
      if (loan.at > at) chunks.push(own.subarray(at, loan.at));
      at = loan.at;
      chunks.push(loan.source.subarray(loan.from, loan.to));
    }
    if (own.length > at) chunks.push(own.subarray(at));
    this.#loans = [];
    this.lentBytes = 0;
    this.buffer = NO_BUFFER;
    this.length = 0;
    return own;
  }
}

function writeHeader(
  buffer: Uint8Array,
  at: number,
  byteCount: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  buffer[at] = byteCount >>> 16;
  buffer[at + 1] = byteCount >>> 8;
  buffer[at + 2] = byteCount;
  buffer[at + 3] = type;
  buffer[at + 4] = flags;
  buffer[at + 5] = streamId >>> 24;
  buffer[at + 6] = streamId >>> 16;
  buffer[at + 7] = streamId >>> 8;
  buffer[at + 8] = streamId;
}

/** Gives the buffer of a taken output back; the caller must not touch it again. */
export function recycleOutput(taken: Uint8Array): void {
  if (taken.byteOffset !== 0 || taken.buffer.byteLength !== SLAB_BYTES) return;
  giveBack(Buffer.from(taken.buffer as ArrayBuffer));
}

const SLAB_BYTES = 16_384;
const POOL_BUFFERS_MAX = 64;
const NO_BUFFER = Buffer.alloc(0);
const pool: Buffer[] = [];

function giveBack(buffer: Buffer): void {
  if (buffer.length === SLAB_BYTES && pool.length < POOL_BUFFERS_MAX) pool.push(buffer);
}
