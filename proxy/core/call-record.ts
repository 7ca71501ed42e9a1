/**
 * What is remembered of a call while it lives, and the timer of its deadline. Flat and pooled: every field is set from the
 * start and again by `clear`. What only some calls need (marks apart) lies in objects that they make then.
 */
import type { HeaderBlock } from '../wire/headers.ts';
import type { Link, LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Failures } from './failures.ts';
import type { MirrorCall } from './mirror.ts';
import { RequestBuffer } from './request-buffer.ts';
import type { Tagger } from './tagger.ts';
import { Timer } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { WaitPlace } from './wait-list.ts';

const GRPC_CALL = 1;
const COMMITTED = 2;
const REQUEST_ENDED = 4;

/** Where a call came from. */
export interface CallerSession {
  readonly link: Link | null;
}

export abstract class CallRecord extends Timer {
  /** Its place among all records; it outlives the call. */
  slot = -1;
  session: CallerSession | null = null;
  stream: LinkStream | null = null;
  request: HeaderBlock | null = null;
  requestTrailers: HeaderBlock | null = null;
  attempt: Attempt | null = null;
  tagger: Tagger | null = null;
  /** The observer's number; -1: not traced. */
  number = -1;
  attemptsSent = 0;
  /** Request octets whose credit the caller has not got back yet. */
  heldBytes = 0;
  /** Where the last attempt went. */
  upstream: Upstream | null = null;
  /** What attempts that failed left behind; null while none did. */
  failures: Failures | null = null;
  readonly buffer = new RequestBuffer();
  /** Where it waits for an endpoint, or for room on one; null: nowhere. */
  waiting: WaitPlace | null = null;
  /** Its copy; null: none. */
  mirror: MirrorCall | null = null;
  #marks = 0;

  get isGrpc(): boolean {
    return (this.#marks & GRPC_CALL) !== 0;
  }
  set isGrpc(value: boolean) {
    this.#mark(GRPC_CALL, value);
  }

  /** Response headers went to the caller: no other attempt any more (FO-05). */
  get committed(): boolean {
    return (this.#marks & COMMITTED) !== 0;
  }
  set committed(value: boolean) {
    this.#mark(COMMITTED, value);
  }

  get requestEnded(): boolean {
    return (this.#marks & REQUEST_ENDED) !== 0;
  }
  set requestEnded(value: boolean) {
    this.#mark(REQUEST_ENDED, value);
  }

  clear(): void {
    this.session = null;
    this.stream = null;
    this.request = null;
    this.requestTrailers = null;
    this.attempt = null;
    this.tagger = null;
    this.number = -1;
    this.attemptsSent = 0;
    this.heldBytes = 0;
    this.deadlineNs = Infinity;
    this.upstream = null;
    this.failures = null;
    this.buffer.clear();
    if (this.mirror !== null) this.#leaveMirror(this.mirror);
    this.#marks = 0;
  }

  #leaveMirror(mirror: MirrorCall): void {
    this.mirror = null;
    mirror.abandon();
  }

  #mark(bit: number, value: boolean): void {
    this.#marks = value ? this.#marks | bit : this.#marks & ~bit;
  }
}
