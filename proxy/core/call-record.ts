/**
 * What is remembered of a call while it lives, and the timer of its deadline. Flat and pooled: every field is set from the
 * start and again by `clear`. What only some calls need (marks apart) lies in objects that they make then.
 */
import type { HeaderBlock } from '../wire/headers.ts';
import type { Link, LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Failures } from './failures.ts';
import type { MessageMeters } from './message-meter.ts';
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
  /** Its next calls whose responses may be long from the beginning, since one of them was. */
  wideCalls: number;
}

/** What only some calls need. */
class Extras {
  requestTrailers: HeaderBlock | null = null;
  tagger: Tagger | null = null;
  number = -1;
  heldBytes = 0;
  failures: Failures | null = null;
  waiting: WaitPlace | null = null;
  patience: Timer | null = null;
  mirror: MirrorCall | null = null;
  meters: MessageMeters | null = null;
}

/** Only read: what a call has before it needs its own. */
const NO_EXTRAS = new Extras();

export abstract class CallRecord extends Timer {
  /** Its place among all records; it outlives the call. */
  slot = -1;
  session: CallerSession | null = null;
  stream: LinkStream | null = null;
  request: HeaderBlock | null = null;
  attempt: Attempt | null = null;
  attemptsSent = 0;
  /** Where the last attempt went. */
  upstream: Upstream | null = null;
  readonly buffer = new RequestBuffer();
  #marks = 0;
  #extras = NO_EXTRAS;

  get requestTrailers(): HeaderBlock | null {
    return this.#extras.requestTrailers;
  }
  set requestTrailers(value: HeaderBlock | null) {
    CallRecord.#own(this).requestTrailers = value;
  }

  get tagger(): Tagger | null {
    return this.#extras.tagger;
  }
  set tagger(value: Tagger | null) {
    if (value !== this.tagger) CallRecord.#own(this).tagger = value;
  }

  /** The observer's number; -1: not traced. */
  get number(): number {
    return this.#extras.number;
  }
  set number(value: number) {
    if (value !== this.number) CallRecord.#own(this).number = value;
  }

  /** Request octets whose credit the caller has not got back yet. */
  get heldBytes(): number {
    return this.#extras.heldBytes;
  }
  set heldBytes(value: number) {
    CallRecord.#own(this).heldBytes = value;
  }

  /** What attempts that failed left behind; null while none did. */
  get failures(): Failures | null {
    return this.#extras.failures;
  }
  set failures(value: Failures | null) {
    CallRecord.#own(this).failures = value;
  }

  /** Where it waits for an endpoint, or for room on one; null: nowhere. */
  get waiting(): WaitPlace | null {
    return this.#extras.waiting;
  }
  set waiting(value: WaitPlace | null) {
    CallRecord.#own(this).waiting = value;
  }

  /** Armed since it first waited for any endpoint at all, where such waits are bounded; null: it never did. */
  get patience(): Timer | null {
    return this.#extras.patience;
  }
  set patience(value: Timer | null) {
    CallRecord.#own(this).patience = value;
  }

  /** Its copy; null: none. */
  get mirror(): MirrorCall | null {
    return this.#extras.mirror;
  }
  set mirror(value: MirrorCall | null) {
    if (value !== this.mirror) CallRecord.#own(this).mirror = value;
  }

  /** Of its messages; null: none came yet, or nobody measures them. */
  get meters(): MessageMeters | null {
    return this.#extras.meters;
  }
  set meters(value: MessageMeters | null) {
    CallRecord.#own(this).meters = value;
  }

  get isGrpc(): boolean {
    return (this.#marks & GRPC_CALL) !== 0;
  }
  set isGrpc(value: boolean) {
    CallRecord.#mark(this, GRPC_CALL, value);
  }

  /** Response headers went to the caller: no other attempt any more (FO-05). */
  get committed(): boolean {
    return (this.#marks & COMMITTED) !== 0;
  }
  set committed(value: boolean) {
    CallRecord.#mark(this, COMMITTED, value);
  }

  get requestEnded(): boolean {
    return (this.#marks & REQUEST_ENDED) !== 0;
  }
  set requestEnded(value: boolean) {
    CallRecord.#mark(this, REQUEST_ENDED, value);
  }

  clear(): void {
    this.session = null;
    this.stream = null;
    this.request = null;
    this.attempt = null;
    this.attemptsSent = 0;
    this.deadlineNs = Infinity;
    this.upstream = null;
    this.buffer.clear();
    const { mirror } = this;
    this.#extras = NO_EXTRAS;
    this.#marks = 0;
    mirror?.abandon();
  }

  // Static: private methods would cost each call a slot.
  static #mark(call: CallRecord, bit: number, value: boolean): void {
    call.#marks = value ? call.#marks | bit : call.#marks & ~bit;
  }

  static #own(call: CallRecord): Extras {
    if (call.#extras === NO_EXTRAS) call.#extras = new Extras();
    return call.#extras;
  }
}
