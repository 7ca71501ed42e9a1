/**
 * Cuts the peer's octets into frames. Whole frames are handled where they lie; one that the chunk cuts is copied, but DATA
 * of a chunk that is lent: what is there of it goes on at once, as a frame of its own.
 */
import { writeSettings } from './control.ts';
import { type Core, failConnection, settle } from './core.ts';
import { LOAN_BYTES_MIN } from './loan.ts';
import {
  CLIENT_PREFACE,
  DEFAULT_FRAME_BYTES,
  ErrorCode,
  FRAME_HEADER_BYTES,
  Flag,
  FrameType,
} from './protocol.ts';
import { handleFrame } from './receive.ts';

export class FrameReader {
  readonly #core: Core;
  /** Octets of the client's preface that are still to come. */
  #prefaceLeft: number;
  #settingsSeen = false;
  /** A frame that came in part. */
  #held: Buffer | null = null;
  #heldLength = 0;
  /** Octets that are still to come of a DATA frame whose beginning went on already, and its flags and stream. */
  #partLeft = 0;
  #partFlags = 0;
  #partId = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#prefaceLeft = core.isServer ? CLIENT_PREFACE.length : 0;
  }

  get prefaceDone(): boolean {
    return this.#prefaceLeft === 0;
  }

  get heldBytes(): number {
    return this.#heldLength;
  }

  /** Forgets a frame that will never be whole. */
  drop(): void {
    this.#partLeft = 0;
    this.#held = null;
    this.#heldLength = 0;
  }

  read(chunk: Uint8Array): void {
    if (this.#core.closed) return;
    const source =
      chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = this.#prefaceLeft === 0 ? 0 : this.#preface(source);
    if (this.#heldLength > 0) at = this.#completeHeld(source, at);
    else if (this.#partLeft > 0) at = this.#passPart(source, at, this.#partLeft);
    while (!this.#core.closed && source.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + frameLength(source, at);
      if (!this.#admit(source, at)) return;
      if (end > source.length) break;
      this.#frame(source, at, end);
      at = end;
    }
    if (this.#core.closed || at >= source.length) return;
    if (this.#core.lends && this.#isDivisible(source, at)) this.#begin(source, at);
    else this.#hold(source, at);
  }

  /** A DATA frame that was cut, with enough of it here to be worth a frame. */
  #isDivisible(source: Buffer, at: number): boolean {
    if (source.length - at < FRAME_HEADER_BYTES + LOAN_BYTES_MIN) return false;
    return source[at + 3] === FrameType.DATA && ((source[at + 4] as number) & Flag.PADDED) === 0;
  }

  #begin(source: Buffer, at: number): void {
    this.#partLeft = frameLength(source, at);
    this.#partFlags = source[at + 4] as number;
    this.#partId = streamId(source, at);
    this.#passPart(source, at + FRAME_HEADER_BYTES, this.#partLeft);
  }

  /** Passes on what is there of the DATA frame in progress; only its last part ends the stream. Returns where the chunk goes on. */
  #passPart(source: Buffer, from: number, left: number): number {
    const to = Math.min(source.length, from + left);
    this.#partLeft = left - (to - from);
    const flags = this.#partLeft === 0 ? this.#partFlags : this.#partFlags & ~Flag.END_STREAM;
    handleFrame(this.#core, FrameType.DATA, flags, this.#partId, source, from, to);
    settle(this.#core);
    return to;
  }

  /** RFC 9113 §3.4. Anything else than prior knowledge of HTTP/2 gets one answer and the end. */
  #preface(source: Buffer): number {
    const core = this.#core;
    let at = 0;
    while (this.#prefaceLeft > 0 && at < source.length) {
      const place = CLIENT_PREFACE.length - this.#prefaceLeft;
      if (source[at] !== CLIENT_PREFACE[place]) {
        refusePreface(core, source[at] as number, place);
        return source.length;
      }
      at += 1;
      this.#prefaceLeft -= 1;
    }
    if (this.#prefaceLeft === 0) writeSettings(core);
    return at;
  }

  /** Goes on with a frame whose beginning is held. Returns where the chunk goes on. */
  #completeHeld(source: Buffer, from: number): number {
    let at = from;
    if (this.#heldLength < FRAME_HEADER_BYTES) {
      at = this.#append(source, at, FRAME_HEADER_BYTES);
      if (this.#heldLength < FRAME_HEADER_BYTES) return at;
      if (!this.#admit(this.#held as Buffer, 0)) return source.length;
    }
    const total = FRAME_HEADER_BYTES + frameLength(this.#held as Buffer, 0);
    at = this.#append(source, at, total);
    if (this.#heldLength < total) return at;
    const frame = this.#held as Buffer;
    this.drop();
    this.#frame(frame, 0, total);
    return at;
  }

  /** Copies from the chunk until `total` octets are held or the chunk ends. */
  #append(source: Buffer, at: number, total: number): number {
    const count = Math.min(total - this.#heldLength, source.length - at);
    let held = this.#held as Buffer;
    if (held.length < total) {
      held = Buffer.allocUnsafe(total);
      held.set((this.#held as Buffer).subarray(0, this.#heldLength));
      this.#held = held;
    }
    held.set(source.subarray(at, at + count), this.#heldLength);
    this.#heldLength += count;
    return at + count;
  }

  #hold(source: Buffer, at: number): void {
    this.#held = Buffer.from(source.subarray(at));
    this.#heldLength = this.#held.length;
  }

  /** What can be told from the frame's header alone: a frame that is refused is never stored. */
  #admit(source: Buffer, at: number): boolean {
    const core = this.#core;
    const type = source[at + 3] as number;
    const id = streamId(source, at);
    if (frameLength(source, at) > DEFAULT_FRAME_BYTES) {
      failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'frame above SETTINGS_MAX_FRAME_SIZE');
    } else if (
      !this.#settingsSeen &&
      (type !== FrameType.SETTINGS || ((source[at + 4] as number) & 1) !== 0)
    ) {
      failConnection(core, ErrorCode.PROTOCOL_ERROR, 'first frame is not SETTINGS');
    } else if (core.blockId >= 0 && (type !== FrameType.CONTINUATION || id !== core.blockId)) {
      failConnection(core, ErrorCode.PROTOCOL_ERROR, 'frame inside a header block');
    } else if (core.blockId < 0 && type === FrameType.CONTINUATION) {
      failConnection(core, ErrorCode.PROTOCOL_ERROR, 'CONTINUATION without HEADERS');
    } else {
      this.#settingsSeen = true;
      return true;
    }
    return false;
  }

  #frame(source: Buffer, at: number, end: number): void {
    handleFrame(
      this.#core,
      source[at + 3] as number,
      source[at + 4] as number,
      streamId(source, at),
      source,
      at + FRAME_HEADER_BYTES,
      end,
    );
    // Per frame, not per read: what the machine sees must not depend on how the octets were cut.
    settle(this.#core);
  }
}

function frameLength(source: Buffer, at: number): number {
  return ((source[at] as number) << 16) | ((source[at + 1] as number) << 8) | (source[at + 2] as number);
}

/** The reserved bit is ignored (RFC 9113 §4.1). */
function streamId(source: Buffer, at: number): number {
  return (
    (((source[at + 5] as number) & 0x7f) << 24) |
    ((source[at + 6] as number) << 16) |
    ((source[at + 7] as number) << 8) |
    (source[at + 8] as number)
  );
}

/** A client that speaks HTTP/1 understands one line of it, told by the first letters of its methods; others get a GOAWAY. */
function refusePreface(core: Core, octet: number, place: number): void {
  const letters = ['CDGHOT', 'AOU'][place] ?? '';
  if (letters.includes(String.fromCharCode(octet))) {
    const line = Buffer.from(
      'HTTP/1.1 505 HTTP/2 with prior knowledge only\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    );
    core.output.reserve(line.length);
    core.output.octets(line, 0, line.length);
    core.closeWithoutGoAway = true;
  }
  failConnection(core, ErrorCode.PROTOCOL_ERROR, 'no HTTP/2 preface');
}
