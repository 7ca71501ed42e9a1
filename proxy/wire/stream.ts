/** One HTTP/2 stream's record and the table that finds it: a ring by id, a Map for what does not fit. */
import type { HeaderBlock } from './headers.ts';
import type { LinkStream } from './link.ts';

/** RFC 9113 §5.1, without idle (no record) and reserved (push is refused). */
export const StreamState = { OPEN: 0, HALF_CLOSED_LOCAL: 1, HALF_CLOSED_REMOTE: 2, CLOSED: 3 } as const;

/** What moves a stream on. */
export const StreamEvent = { LOCAL_END: 0, REMOTE_END: 1, RESET: 2 } as const;

/** Next state by [state][event]; -1: it cannot happen there. */
export const STREAM_TRANSITIONS: readonly (readonly number[])[] = [
  [StreamState.HALF_CLOSED_LOCAL, StreamState.HALF_CLOSED_REMOTE, StreamState.CLOSED],
  [-1, StreamState.CLOSED, StreamState.CLOSED],
  [StreamState.CLOSED, -1, StreamState.CLOSED],
  [-1, -1, -1],
];

/** What the peer may still send. */
export const Expect = { HEAD: 0, BODY: 1, NOTHING: 2 } as const;

export class Stream implements LinkStream {
  readonly id: number;
  user: unknown;
  queuedBytes = 0;
  state: number = StreamState.OPEN;
  expect: number = Expect.HEAD;
  /** Send window less the peer's initial window (which may change under open streams, RFC 9113 §6.9.2). */
  sendDelta = 0;
  /** What the peer may still send us. */
  recvWindow: number;
  /** Received and not yet given back by `consume`. */
  unconsumed = 0;
  /** Given back and not yet announced to the peer. */
  credit = 0;
  /** Octets owed by content-length, -1: not declared. */
  contentLeft = -1;
  /** Budget that unconsumed tiny DATA frames took. */
  tinySpent = 0;
  emptyInRow = 0;
  informationalBytes = 0;
  /** The request's method was HEAD: content-length says nothing about the body. */
  head = false;
  headSent = false;
  endQueued = false;
  /** In the line for connection window or output room. */
  inLine = false;
  queue: Uint8Array[] | null = null;
  /** Octets of `queue[0]` that left already. */
  queueOffset = 0;
  trailersQueued: HeaderBlock | null = null;
  /** When octets last left the queue, or when it began to fill. */
  progressNs = 0;
  /** DATA and response heads in either direction; by it idleness is told. */
  moves = 0;
  movesSeen = -1;
  idleTicks = 0;
  /** `Core.takes` when the stream was opened: equal means that no octet of it left. */
  openedAtTake = 0;

  constructor(id: number, user: unknown, recvWindow: number) {
    this.id = id;
    this.user = user;
    this.recvWindow = recvWindow;
  }

  get localOpen(): boolean {
    return this.state === StreamState.OPEN || this.state === StreamState.HALF_CLOSED_REMOTE;
  }

  get remoteOpen(): boolean {
    return this.state === StreamState.OPEN || this.state === StreamState.HALF_CLOSED_LOCAL;
  }
}

export class StreamTable {
  count = 0;
  #ring: (Stream | null)[] = Array.from<Stream | null>({ length: 8 }).fill(null);
  #overflow: Map<number, Stream> | null = null;

  get(id: number): Stream | null {
    const stream = this.#ring[(id >>> 1) & (this.#ring.length - 1)] as Stream | null;
    if (stream !== null && stream.id === id) return stream;
    return this.#overflow === null ? null : (this.#overflow.get(id) ?? null);
  }

  add(stream: Stream): void {
    this.count += 1;
    if (this.count > this.#ring.length >>> 1 && this.#ring.length < RING_MAX) this.#grow();
    const slot = (stream.id >>> 1) & (this.#ring.length - 1);
    if (this.#ring[slot] === null) this.#ring[slot] = stream;
    else (this.#overflow ??= new Map()).set(stream.id, stream);
  }

  remove(stream: Stream): void {
    const slot = (stream.id >>> 1) & (this.#ring.length - 1);
    if (this.#ring[slot] === stream) this.#ring[slot] = null;
    else if (this.#overflow?.delete(stream.id) !== true) return;
    this.count -= 1;
  }

  /** All streams in the order of their ids. For rare events only. */
  all(): Stream[] {
    const streams = this.#ring.filter((stream) => stream !== null);
    if (this.#overflow !== null) streams.push(...this.#overflow.values());
    return streams.sort((a, b) => a.id - b.id);
  }

  #grow(): void {
    const streams = this.all();
    this.#ring = Array.from<Stream | null>({ length: this.#ring.length * 4 }).fill(null);
    this.#overflow = null;
    for (const stream of streams) {
      const slot = (stream.id >>> 1) & (this.#ring.length - 1);
      if (this.#ring[slot] === null) this.#ring[slot] = stream;
      else (this.#overflow ??= new Map()).set(stream.id, stream);
    }
  }
}

const RING_MAX = 2_048;
