/**
 * Copies of calls to another cluster: sent and forgotten. A copy is a call of its own whose caller is this file; whatever
 * becomes of it, the call that it copies does not notice.
 */
import { markMirror } from '../policy/routes/rewrite.ts';
import { type HeaderBlock, blockOf } from '../wire/headers.ts';
import type { Link, LinkStream } from '../wire/link.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import type { Counters } from './counters.ts';

/** A copy whose endpoint does not take its octets as fast as the caller sends them is given up at this. */
export const MIRROR_BYTES_MAX = 524_288;

/** The copies of one route. */
export class Mirrors {
  /** Copies alive. */
  alive = 0;
  readonly context: Context;
  readonly #share: number;
  readonly #concurrentMax: number;
  /** The machine's: copies have counters of their own otherwise. */
  readonly #counters: Counters;

  constructor(context: Context, share: number, concurrentMax: number, counters: Counters) {
    this.context = context;
    this.#share = share;
    this.#concurrentMax = concurrentMax;
    this.#counters = counters;
  }

  /** The copy of a call that begins with these headers; null: none. */
  begin(request: HeaderBlock, endStream: boolean): MirrorCall | null {
    const { context } = this;
    if (this.#share < 1 && context.random() >= this.#share) return null;
    if (this.alive >= this.#concurrentMax) {
      this.#counters.mirrorsDropped++;
      return null;
    }
    this.#counters.mirrorsStarted++;
    this.alive++;
    const copy = new MirrorCall(this);
    context.takeCall().start(copy, copy, blockOf(markMirror(request.fields)), endStream);
    return copy;
  }
}

/** One copy: the caller of it, as far as its machine can see. */
export class MirrorCall implements Link, LinkStream {
  readonly id = 0;
  readonly queuedBytes = 0;
  readonly narrow = false;
  readonly streamCapacity = 0;
  readonly peerReads = true;
  readonly pingedTooOften = false;
  wideCalls = 0;
  readonly link: Link = this;
  readonly #mirrors: Mirrors;
  /** Octets that its endpoint has not taken yet. */
  #owedBytes = 0;
  #call: Call | null = null;

  constructor(mirrors: Mirrors) {
    this.#mirrors = mirrors;
  }

  /** The machine's record; null once it has ended. */
  get user(): unknown {
    return this.#call;
  }
  set user(call: unknown) {
    this.#call = call as Call | null;
    if (call === null) this.#mirrors.alive--;
  }

  /** Octets of the request; they are copied. */
  handleData(bytes: Uint8Array, endStream: boolean): void {
    if (this.#call === null) return;
    this.#owedBytes += bytes.length;
    this.#call.handleRequestData(bytes.slice(), endStream);
    if (this.#owedBytes > MIRROR_BYTES_MAX) this.#giveUp();
  }

  handleTrailers(block: HeaderBlock): void {
    this.#call?.handleRequestTrailers(block);
  }

  /** The call that it copies is over: without the rest of the request the copy is, too. */
  abandon(): void {
    if (this.#call !== null && !this.#call.requestEnded) this.#giveUp();
  }

  openStream(): LinkStream {
    throw new TypeError('openStream is for the client role');
  }

  sendHeaders(): void {}
  sendData(): void {}
  sendTrailers(): void {}
  resetStream(): void {}
  goAway(): void {}
  close(): void {}

  slowPings(): void {}
  widen(): void {}

  consume(_stream: LinkStream, byteCount: number): void {
    this.#owedBytes -= byteCount;
  }

  #giveUp(): void {
    this.#call?.handleCancelled();
  }
}
