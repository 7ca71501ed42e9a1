/** The request of a call: octets on to the endpoint, kept while a replay may come, and credit back to the caller. */
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import { CallRecord } from './call-record.ts';
import type { Context } from './context.ts';
import { forwardable } from './hop-by-hop.ts';
import { LINGERING } from './lingering.ts';
import { H2 } from './statuses.ts';
import type { UpstreamSession } from './upstream-session.ts';

export abstract class CallRequest extends CallRecord {
  protected readonly context: Context;

  constructor(context: Context) {
    super();
    this.context = context;
  }

  handleRequestData(bytes: Uint8Array, endStream: boolean): void {
    if (endStream) this.requestEnded = true;
    const attempt = this.attempt;
    const retry = this.context.config.retry;
    if (attempt === null) {
      // Nothing may be thrown away while nothing is sent; without credit the caller cannot go on beyond its window.
      this.buffer.append(bytes);
      if (this.buffer.length > retry.bufferBytesMax) this.heldBytes += bytes.length;
      else this.#creditRequest(bytes.length);
      return;
    }
    const stream = attempt.stream as LinkStream;
    (attempt.session as UpstreamSession).link?.sendData(stream, bytes, endStream);
    if (this.buffer.kept && !this.committed) {
      if (this.buffer.length + bytes.length <= retry.bufferBytesMax) this.buffer.append(bytes);
      else this.buffer.drop();
    }
    if (stream.queuedBytes > 0) this.heldBytes += bytes.length;
    else this.#creditRequest(bytes.length);
  }

  handleRequestTrailers(block: HeaderBlock): void {
    this.requestEnded = true;
    this.requestTrailers = forwardable(block);
    const attempt = this.attempt;
    if (attempt === null) return;
    attempt.session?.link?.sendTrailers(attempt.stream as LinkStream, this.requestTrailers);
  }

  /** The endpoint took what was queued toward it. */
  handleRequestDrained(): void {
    this.creditHeld();
  }

  protected replay(attempt: Attempt, session: UpstreamSession): void {
    const stream = attempt.stream as LinkStream;
    const { length } = this.buffer;
    if (length > 0) {
      const endStream = this.requestEnded && this.requestTrailers === null;
      session.link?.sendData(stream, this.buffer.bytes(), endStream);
      if (length > this.context.config.retry.bufferBytesMax) this.buffer.drop();
      if (stream.queuedBytes === 0) this.creditHeld();
    }
    if (this.requestTrailers !== null) session.link?.sendTrailers(stream, this.requestTrailers);
  }

  #creditRequest(byteCount: number): void {
    if (byteCount > 0) this.session?.link?.consume(this.stream as LinkStream, byteCount);
  }

  protected creditHeld(): void {
    if (this.heldBytes === 0) return;
    this.session?.link?.consume(this.stream as LinkStream, this.heldBytes);
    this.heldBytes = 0;
  }

  /** The answer is complete: a caller that still uploads is told to stop (RFC 9113 §8.1), after it took the answer. */
  protected stopUpload(): void {
    const stream = this.stream as LinkStream;
    stream.user = null;
    if (this.requestEnded) return;
    if (stream.queuedBytes > 0) stream.user = LINGERING;
    else this.session?.link?.resetStream(stream, H2.noError);
  }
}
