/**
 * One socket and its connection. Octets in go to the connection at once; octets out leave in one write per loop turn.
 * While the peer does not read, nothing is taken from the connection, so that back-pressure reaches whoever sends.
 */
import type { Socket } from 'node:net';
import type { ConnectionRole } from '../wire/connection.ts';
import { Connection } from '../wire/connection.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkEvents, LinkStream } from '../wire/link.ts';
import { HOST_LIMITS } from './limits-table.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Loop } from './loop.ts';

export class Carrier extends Connection {
  /** It stands in the loop's list of connections to look at before the turn ends. */
  dirty = false;
  /** It stands in the list of those with only lazy output. */
  lazy = false;
  /** It stands in the loop's list of those that hold octets on loan. */
  borrowing = false;
  readonly #socket: Socket;
  readonly #loop: Loop;
  readonly #unwrittenBytesMax: number;
  readonly #lingerMs: number;
  #blocked = false;
  #ending = false;

  constructor(
    role: ConnectionRole,
    events: LinkEvents,
    socket: Socket,
    loop: Loop,
    limits: ConnectionLimits,
  ) {
    super(role, events, limits);
    this.borrows = true;
    this.#socket = socket;
    this.#loop = loop;
    this.#unwrittenBytesMax = limits.unwrittenBytesMax ?? HOST_LIMITS.unwrittenBytesMax.byDefault;
    this.#lingerMs = limits.lingerMs ?? HOST_LIMITS.lingerMs.byDefault;
    socket.on('drain', () => {
      this.#blocked = false;
      this.borrows = true;
      socket.resume();
      loop.mark(this);
      loop.turn();
    });
  }

  /** Octets came. `nowNs` of this connection and of the machine are set. */
  receive(chunk: Uint8Array): void {
    this.handleBytes(chunk);
    this.#loop.mark(this);
  }

  /** The same for a chunk that is its own: it is passed on without a copy, and free again after `loop.settleLoans`. */
  receiveLent(chunk: Uint8Array): void {
    this.handleLentBytes(chunk);
    this.#loop.mark(this);
  }

  /** Writes what is there. `everything`: acknowledgements too. */
  flush(everything: boolean): void {
    if (this.#ending) return;
    if (this.#blocked) {
      // Who reads nothing will not read the GOAWAY either.
      if (this.wantsClose) this.finish();
      return;
    }
    for (let writes = 0; writes < 64 && (everything ? this.hasOutput : this.hasUrgentOutput); writes++) {
      const taken = this.#write();
      // Written synchronously: the buffer is free again. Else it belongs to the socket until it is gone.
      if (this.#socket.writableLength === 0) this.recycle(taken);
      else if (this.#socket.writableLength > this.#unwrittenBytesMax) {
        this.#blocked = true;
        this.borrows = false;
        this.#socket.pause();
        return;
      }
    }
    if (this.wantsClose && !this.hasOutput) this.finish();
  }

  /** One write for all that is there. Returns what to recycle. */
  #write(): Uint8Array {
    const socket = this.#socket;
    if (!this.holdsLoans) {
      const taken = this.takeOutput();
      socket.write(taken);
      return taken;
    }
    const chunks: Uint8Array[] = [];
    const own = this.takeChunks(chunks);
    if (chunks.length > 1) socket.cork();
    for (const chunk of chunks) socket.write(chunk);
    if (chunks.length > 1) socket.uncork();
    return own;
  }

  /** Octets that the system has not taken yet. */
  get unwrittenBytes(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength;
  }

  /** All octets are with the system. */
  get flushed(): boolean {
    return !this.hasOutput && this.#socket.writableLength === 0;
  }

  /** Ends the socket politely, then for good. */
  finish(): void {
    if (this.#ending) return;
    this.#ending = true;
    const socket = this.#socket;
    socket.end();
    setTimeout(() => socket.destroy(), this.#lingerMs).unref();
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  override openStream(
    user: unknown,
    request: HeaderBlock,
    timeoutNs: number,
    previousAttempts: number,
    endStream: boolean,
  ): LinkStream {
    if (!this.dirty) this.#loop.mark(this);
    return super.openStream(user, request, timeoutNs, previousAttempts, endStream);
  }

  override sendHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    if (!this.dirty) this.#loop.mark(this);
    super.sendHeaders(stream, block, endStream);
  }

  override sendData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    if (!this.dirty) this.#loop.mark(this);
    super.sendData(stream, bytes, endStream);
    if (this.holdsLoans && !this.borrowing) this.#loop.markBorrower(this);
  }

  override sendTrailers(stream: LinkStream, block: HeaderBlock): void {
    if (!this.dirty) this.#loop.mark(this);
    super.sendTrailers(stream, block);
  }

  override resetStream(stream: LinkStream, code: number): void {
    if (!this.dirty) this.#loop.mark(this);
    super.resetStream(stream, code);
  }

  override consume(stream: LinkStream, byteCount: number): void {
    if (!this.dirty) this.#loop.mark(this);
    super.consume(stream, byteCount);
  }

  override widen(stream: LinkStream): void {
    if (!this.dirty) this.#loop.mark(this);
    super.widen(stream);
  }

  override goAway(code: number, final: boolean): void {
    if (!this.dirty) this.#loop.mark(this);
    super.goAway(code, final);
  }

  override close(): void {
    if (!this.dirty) this.#loop.mark(this);
    super.close();
  }
}
