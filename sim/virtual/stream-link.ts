/** A connection from a sidecar to an instance at the level of streams: header blocks and chunks as they are, no octets on a wire. */
import type { HeaderBlock } from '../../proxy/wire/headers.ts';
import { CONNECTION_LOST, type Link, type LinkEvents, type LinkStream } from '../../proxy/wire/link.ts';
import { type AttemptStream, Phase } from './attempt-stream.ts';
import type { Instance } from './instance.ts';
import { OK_TRAILERS, REQUEST_HEADER_BYTES, reportingBlock, RESPONSE_HEADERS } from './messages.ts';
import { HOP_NS, Lane } from './network.ts';
import type { SidecarHost } from './sidecar-host.ts';

/** SETTINGS_MAX_CONCURRENT_STREAMS of the instances: what RFC 9113 §6.5.2 recommends as the least. */
export const STREAMS_MAX = 100;

export class StreamLink implements Link {
  readonly host: SidecarHost;
  readonly instance: Instance;
  readonly events: LinkEvents;
  readonly toInstance = new Lane();
  readonly toSidecar = new Lane();
  /** Streams that the sidecar has open. */
  open = 0;
  /** The instance said GOAWAY and the sidecar heard it. */
  goingAway = false;
  /** The instance knows that no new stream can be on its way. */
  quiet = false;
  /** The instance's end is gone. */
  broken = false;
  /** The news of that waits for the network to come back. */
  newsWithheld = false;
  /** The sidecar's end is gone. */
  closed = false;
  #reason = '';
  #lastId = -1;
  #first: AttemptStream | null = null;
  #last: AttemptStream | null = null;

  constructor(host: SidecarHost, instance: Instance, events: LinkEvents) {
    this.host = host;
    this.instance = instance;
    this.events = events;
  }

  readonly peerReads = true;
  readonly pingedTooOften = false;

  slowPings(): void {}

  get streamCapacity(): number {
    return this.goingAway || this.closed ? 0 : STREAMS_MAX - this.open;
  }

  openStream(
    user: unknown,
    request: HeaderBlock,
    _timeoutNs: number,
    _previousAttempts: number,
    endStream: boolean,
  ): AttemptStream {
    const { kernel, pool } = this.instance;
    const stream = pool.take();
    stream.id = this.#lastId += 2;
    stream.user = user;
    stream.link = this;
    stream.call = -1;
    stream.attempt = -1;
    stream.request = request;
    stream.requestBytes = REQUEST_HEADER_BYTES;
    stream.phase = Phase.uploading;
    stream.closed = false;
    stream.stays = false;
    stream.cancelledNs = Infinity;
    stream.dueNs = Infinity;
    stream.previous = this.#last;
    stream.next = null;
    if (this.#last === null) this.#first = stream;
    else this.#last.next = stream;
    this.#last = stream;
    this.open++;
    kernel.lastOpened = stream;
    if (endStream) this.instance.sendRequest(stream);
    return stream;
  }

  sendHeaders(_stream: LinkStream, _block: HeaderBlock, _endStream: boolean): void {
    throw new TypeError('sendHeaders is for the server role');
  }

  sendData(given: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    const stream = given as AttemptStream;
    if (stream.closed || stream.phase !== Phase.uploading) return;
    stream.requestBytes += bytes.length;
    if (bytes.length > 0)
      stream.body = stream.body === null ? this.instance.keepBody(bytes) : joined(stream.body, bytes);
    if (endStream) this.instance.sendRequest(stream);
  }

  sendTrailers(given: LinkStream, _block: HeaderBlock): void {
    const stream = given as AttemptStream;
    if (!stream.closed && stream.phase === Phase.uploading) this.instance.sendRequest(stream);
  }

  resetStream(given: LinkStream, _code: number): void {
    const stream = given as AttemptStream;
    if (stream.closed || stream.link !== this) return;
    stream.cancelledNs = this.instance.kernel.nowNs + HOP_NS;
    this.#end(stream);
  }

  consume(): void {}

  widen(): void {}

  goAway(): void {}

  close(): void {
    if (this.closed) return;
    this.closed = true;
    const cancelledNs = this.instance.kernel.nowNs + HOP_NS;
    for (let stream = this.#first; stream !== null; stream = this.#first) {
      stream.cancelledNs = cancelledNs;
      this.#end(stream);
    }
    this.instance.forget(this);
  }

  /** The answer of one stream arrives at the sidecar. */
  deliver(stream: AttemptStream): void {
    const { host, events } = this;
    host.enter();
    const wasFull = this.open >= STREAMS_MAX;
    const { status, reply } = stream;
    if (status !== 0 && !stream.afterHeaders) {
      this.#end(stream);
      events.onHeaders(stream, this.#lastBlock(stream, true), true);
    } else {
      events.onHeaders(stream, RESPONSE_HEADERS, false);
      if (!stream.closed && status === 0 && reply !== null) events.onData(stream, reply, false);
      if (!stream.closed && !stream.stays) {
        this.#end(stream);
        events.onTrailers(stream, this.#lastBlock(stream, false));
      }
    }
    if (wasFull && !this.closed && !this.goingAway) events.onCapacity(false);
    host.leave();
  }

  /** GOAWAY arrives: open streams go on, new ones must go elsewhere. */
  deliverGoAway(): void {
    if (this.closed || this.goingAway) return;
    this.goingAway = true;
    this.host.enter();
    this.events.onCapacity(true);
    this.host.leave();
  }

  /** The instance's end is gone; the sidecar learns of it when the news comes through. */
  break(reason: string): void {
    if (this.broken || this.closed) return;
    this.broken = true;
    this.#reason = reason;
    const { kernel, network } = this.instance;
    const tNs = this.toSidecar.arrivalNs(kernel.nowNs, HOP_NS, 0, network.bytesPerSecond);
    kernel.later(tNs, () => {
      if (network.muted) this.newsWithheld = true;
      else this.deliverClose();
    });
  }

  /** The sidecar learns that the connection is gone. */
  deliverClose(reason = this.#reason): void {
    if (this.closed) return;
    this.broken = true;
    this.closed = true;
    this.host.enter();
    for (let stream = this.#first; stream !== null; stream = this.#first) {
      this.#end(stream);
      this.events.onReset(stream, CONNECTION_LOST, false);
    }
    this.events.onClose(reason);
    this.host.leave();
    this.instance.forget(this);
  }

  /** A bandwidth limit went: what waited in the queue is sent now. */
  reflow(): void {
    this.toInstance.clear();
    this.toSidecar.clear();
    for (let stream = this.#first; stream !== null; stream = stream.next) this.instance.resend(stream);
  }

  /** Trailers, or an answer that is nothing else. */
  #lastBlock({ status, report }: AttemptStream, isOnly: boolean): HeaderBlock {
    const { statuses, failMessage } = this.instance;
    if (report !== null) return reportingBlock(isOnly, status, failMessage, report);
    if (isOnly) return statuses.trailersOnly(status, failMessage);
    return status === 0 ? OK_TRAILERS : statuses.trailers(status, failMessage);
  }

  /** The sidecar is done with a stream. Only what the pool checks may be touched afterwards. */
  #end(stream: AttemptStream): void {
    if (stream.closed) return;
    stream.closed = true;
    if (stream.previous === null) this.#first = stream.next;
    else stream.previous.next = stream.next;
    if (stream.next === null) this.#last = stream.previous;
    else stream.next.previous = stream.previous;
    stream.previous = null;
    stream.next = null;
    this.open--;
    this.host.retire(stream);
    if (this.quiet && this.open === 0 && !this.closed) this.instance.closeQuiet(this);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
