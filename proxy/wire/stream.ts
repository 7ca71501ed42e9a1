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

/** `Stream.idleTicks` when something has moved since the last look. */
export const MOVED = -1;

const STATE_BITS = 3;
const EXPECT_SHIFT = 2;
const HEAD = 1 << 4;
const HEAD_SENT = 1 << 5;
const END_QUEUED = 1 << 6;
const IN_LINE = 1 << 7;
const NARROW = 1 << 8;
const WIDE = 1 << 9;
/** The looks at it that found nothing moved, one more than there were. */
const TICKS_SHIFT = 10;
const TICKS_MAX = (1 << 20) - 1;
const MARKS = (1 << TICKS_SHIFT) - 1;

/** What only some streams need: octets that wait, and what is held against a peer that sends odd frames. */
class Extras {
  queue: Uint8Array[] | null = null;
  queueOffset = 0;
  trailersQueued: HeaderBlock | null = null;
  progressNs = 0;
  tinySpent = 0;
  emptyInRow = 0;
  informationalBytes = 0;
  contentLeft = -1;
}

/** Only read: what a stream has before it needs its own. */
const NO_EXTRAS = new Extras();

/** There is one of it on each side of a call, for as long as the call: hence marks instead of fields, and extras apart. */
export class Stream implements LinkStream {
  readonly id: number;
  user: unknown;
  queuedBytes = 0;
  /** Send window less the peer's initial window (which may change under open streams, RFC 9113 §6.9.2). */
  sendDelta = 0;
  /** What the peer may still send us. */
  recvWindow: number;
  /** Received and not yet given back by `consume`. */
  unconsumed = 0;
  /** Given back and not yet announced to the peer. */
  credit = 0;
  /** `Core.takes` when the stream was opened: equal means that no octet of it left. */
  openedAtTake = 0;
  /** State, expectation, the marks below and `idleTicks`, in the bits of one number. */
  #bits = 0;
  #extras = NO_EXTRAS;

  constructor(id: number, user: unknown, recvWindow: number) {
    this.id = id;
    this.user = user;
    this.recvWindow = recvWindow;
  }

  /** One of `StreamState`. */
  get state(): number {
    return this.#bits & STATE_BITS;
  }
  set state(value: number) {
    this.#bits = (this.#bits & ~STATE_BITS) | value;
  }

  /** One of `Expect`. */
  get expect(): number {
    return (this.#bits >>> EXPECT_SHIFT) & STATE_BITS;
  }
  set expect(value: number) {
    this.#bits = (this.#bits & ~(STATE_BITS << EXPECT_SHIFT)) | (value << EXPECT_SHIFT);
  }

  get localOpen(): boolean {
    return (this.#bits & 1) === 0; // OPEN or HALF_CLOSED_REMOTE
  }

  get remoteOpen(): boolean {
    return (this.#bits & STATE_BITS) <= StreamState.HALF_CLOSED_LOCAL;
  }

  /** The request's method was HEAD: content-length says nothing about the body. */
  get head(): boolean {
    return (this.#bits & HEAD) !== 0;
  }
  set head(value: boolean) {
    Stream.#mark(this, HEAD, value);
  }

  get headSent(): boolean {
    return (this.#bits & HEAD_SENT) !== 0;
  }
  set headSent(value: boolean) {
    Stream.#mark(this, HEAD_SENT, value);
  }

  get endQueued(): boolean {
    return (this.#bits & END_QUEUED) !== 0;
  }
  set endQueued(value: boolean) {
    Stream.#mark(this, END_QUEUED, value);
  }

  /** In the line for connection window or output room. */
  get inLine(): boolean {
    return (this.#bits & IN_LINE) !== 0;
  }
  set inLine(value: boolean) {
    Stream.#mark(this, IN_LINE, value);
  }

  get narrow(): boolean {
    return (this.#bits & NARROW) !== 0;
  }
  set narrow(value: boolean) {
    Stream.#mark(this, NARROW, value);
  }

  /** Its window is the whole one, no more the first one. */
  get wide(): boolean {
    return (this.#bits & WIDE) !== 0;
  }
  set wide(value: boolean) {
    Stream.#mark(this, WIDE, value);
  }

  /** Looks in a row that found that nothing had moved: no DATA and no response head in either direction. */
  get idleTicks(): number {
    return (this.#bits >>> TICKS_SHIFT) - 1;
  }
  set idleTicks(value: number) {
    this.#bits = (this.#bits & MARKS) | (Math.min(value + 1, TICKS_MAX) << TICKS_SHIFT);
  }

  /** Octets owed by content-length, -1: not declared. */
  get contentLeft(): number {
    return this.#extras.contentLeft;
  }
  set contentLeft(value: number) {
    if (value !== this.contentLeft) Stream.#own(this).contentLeft = value;
  }

  get queue(): Uint8Array[] | null {
    return this.#extras.queue;
  }
  set queue(value: Uint8Array[] | null) {
    if (value !== this.queue) Stream.#own(this).queue = value;
  }

  /** Octets of `queue[0]` that left already. */
  get queueOffset(): number {
    return this.#extras.queueOffset;
  }
  set queueOffset(value: number) {
    Stream.#own(this).queueOffset = value;
  }

  get trailersQueued(): HeaderBlock | null {
    return this.#extras.trailersQueued;
  }
  set trailersQueued(value: HeaderBlock | null) {
    if (value !== this.trailersQueued) Stream.#own(this).trailersQueued = value;
  }

  /** When octets last left the queue, or when it began to fill. */
  get progressNs(): number {
    return this.#extras.progressNs;
  }
  set progressNs(value: number) {
    Stream.#own(this).progressNs = value;
  }

  /** Budget that unconsumed tiny DATA frames took. */
  get tinySpent(): number {
    return this.#extras.tinySpent;
  }
  set tinySpent(value: number) {
    Stream.#own(this).tinySpent = value;
  }

  get emptyInRow(): number {
    return this.#extras.emptyInRow;
  }
  set emptyInRow(value: number) {
    if (value !== this.emptyInRow) Stream.#own(this).emptyInRow = value;
  }

  get informationalBytes(): number {
    return this.#extras.informationalBytes;
  }
  set informationalBytes(value: number) {
    Stream.#own(this).informationalBytes = value;
  }

  // Static: private methods would cost each stream a slot.
  static #mark(stream: Stream, bit: number, value: boolean): void {
    stream.#bits = value ? stream.#bits | bit : stream.#bits & ~bit;
  }

  static #own(stream: Stream): Extras {
    if (stream.#extras === NO_EXTRAS) stream.#extras = new Extras();
    return stream.#extras;
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
    this.#ring = Array.from<Stream | null>({ length: this.#ring.length * 2 }).fill(null);
    this.#overflow = null;
    for (const stream of streams) {
      const slot = (stream.id >>> 1) & (this.#ring.length - 1);
      if (this.#ring[slot] === null) this.#ring[slot] = stream;
      else (this.#overflow ??= new Map()).set(stream.id, stream);
    }
  }
}

const RING_MAX = 2_048;
