/** The clients' connection to one sidecar, on the same machine: no delay, no loss. It reads answers as a gRPC client would. */
import { fnv1a32 } from '../base/fnv.ts';
import type { DownstreamPort } from '../../proxy/core/machine.ts';
import type { HeaderBlock } from '../../proxy/wire/headers.ts';
import type { Link, LinkStream } from '../../proxy/wire/link.ts';
import type { LoadSource } from './load-source.ts';
import { PREFIX_BYTES } from './messages.ts';
import type { SidecarHost } from './sidecar-host.ts';

const CANCEL = 8;
const UNKNOWN = 2;
const INTERNAL = 13;
const UNAVAILABLE = 14;
/** RST_STREAM codes as gRPC statuses (PROTOCOL-HTTP2, "Errors"); what is not listed is INTERNAL. */
const STATUS_OF_RESET: Readonly<Record<number, number>> = { 7: UNAVAILABLE, 8: 1, 11: 8, 12: 7 };

/** One call of a client. Pooled by its load. */
export class ClientCall implements LinkStream {
  readonly load: LoadSource;
  id = 0;
  user: unknown = null;
  readonly queuedBytes = 0;
  readonly narrow = false;
  /** The journal's number. */
  number = -1;
  host: SidecarHost | null = null;
  deadlineNs = 0;
  status = 0;
  /** FNV-1a 32 of the reply's message octets; 0: no reply. */
  replyHash = 0;
  /** Octets of a reply that came in pieces. */
  pieces: Uint8Array | null = null;
  ended = false;
  /** Neighbours among the load's open calls, the earliest deadline first. */
  previous: ClientCall | null = null;
  next: ClientCall | null = null;

  constructor(load: LoadSource) {
    this.load = load;
  }
}

export class CallerLink implements Link {
  readonly streamCapacity = 0;
  readonly peerReads = true;
  readonly pingedTooOften = false;
  readonly #host: SidecarHost;
  readonly #session: DownstreamPort;
  /** GOAWAY came: clients use another connection for new calls. */
  goingAway = false;
  #lastId = -1;

  constructor(host: SidecarHost, session: DownstreamPort) {
    this.#host = host;
    this.#session = session;
  }

  slowPings(): void {}

  /** A client calls. */
  call(call: ClientCall, request: HeaderBlock, body: Uint8Array): void {
    const host = this.#host;
    call.id = this.#lastId += 2;
    call.host = host;
    host.enter();
    this.#session.onHeaders(call, request, false);
    if (!call.ended) this.#session.onData(call, body, true);
    host.leave();
  }

  /** A client gives up. */
  giveUp(call: ClientCall, status: number): void {
    this.#finish(call, status);
    this.#host.enter();
    this.#session.onReset(call, CANCEL, false);
    this.#host.leave();
  }

  openStream(): LinkStream {
    throw new TypeError('openStream is for the client role');
  }

  sendHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    if (!endStream) return;
    const status = block.grpcStatus >= 0 ? block.grpcStatus : block.status === 200 ? UNKNOWN : UNAVAILABLE;
    this.#finish(stream as ClientCall, status);
  }

  sendData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    const call = stream as ClientCall;
    if (call.ended) return;
    if (call.pieces === null && isWhole(bytes)) {
      call.replyHash = call.load.hashOf(bytes);
    } else {
      const pieces = join(call.pieces, bytes);
      call.pieces = pieces;
      if (isWhole(pieces)) call.replyHash = fnv1a32(pieces, PREFIX_BYTES) | 0;
    }
    if (endStream) this.#finish(call, UNKNOWN);
  }

  sendTrailers(stream: LinkStream, block: HeaderBlock): void {
    this.#finish(stream as ClientCall, block.grpcStatus >= 0 ? block.grpcStatus : UNKNOWN);
  }

  resetStream(stream: LinkStream, code: number): void {
    this.#finish(stream as ClientCall, STATUS_OF_RESET[code] ?? INTERNAL);
  }

  consume(): void {}

  widen(): void {}

  goAway(): void {
    this.goingAway = true;
  }

  close(): void {
    for (const call of this.#host.openCalls()) this.#finish(call, UNAVAILABLE);
  }

  #finish(call: ClientCall, status: number): void {
    if (call.ended) return;
    call.ended = true;
    call.status = status;
    this.#host.callEnded(call);
  }
}

/** Whether the octets are exactly one framed message. */
function isWhole(bytes: Uint8Array): boolean {
  if (bytes.length < PREFIX_BYTES) return false;
  const high = ((bytes[1] as number) << 24) | ((bytes[2] as number) << 16);
  return bytes.length - PREFIX_BYTES === (high | ((bytes[3] as number) << 8) | (bytes[4] as number));
}

function join(first: Uint8Array | null, second: Uint8Array): Uint8Array {
  if (first === null) return second.slice();
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
