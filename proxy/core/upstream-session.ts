/** One connection to an endpoint, from dialling to its end: the carrier's events for attempts and checks come in here. */
import type { Endpoint } from '../policy/config.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { Link, LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import type { UpstreamPort } from './machine.ts';
import type { Upstream } from './upstream.ts';

/** From 5 minutes, the least that endpoints take for granted, to three days. */
const PING_SLOWNESS_MAX = 1_024;

const RESET_NAMES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

export class UpstreamSession implements UpstreamPort {
  readonly upstream: Upstream;
  readonly endpoint: Endpoint;
  /** For people: `id (address)`. */
  readonly name: string;
  /** Null until connected. */
  link: Link | null = null;
  /** No new streams: GOAWAY came, or its endpoint left. */
  retired = false;
  /** The connection ended, or was never wanted any more. */
  over = false;
  attempts = 0;
  /** Looks in a row that found it idle. */
  idleLooks = 0;
  connectedNs = 0;
  /** Something was answered on it. */
  served = false;
  /** How many times rarer than configured its keepalive PINGs are. */
  #pingSlowness = 1;
  #first: Attempt | null = null;
  /** The link whose SETTINGS are awaited. */
  #awaited: Link | null = null;
  /** Nothing is to be heard of its end any more. */
  #closed = false;
  readonly #context: Context;

  constructor(context: Context, upstream: Upstream) {
    this.#context = context;
    this.upstream = upstream;
    this.endpoint = upstream.endpoint;
    this.name = upstream.name;
  }

  attach(link: Link): void {
    this.#awaited = link;
  }

  handleLosing(): void {
    if (this.link !== null) this.#lost();
  }

  handleConnected(link: Link): void {
    if (this.over) return link.close();
    this.link = link;
    this.upstream.handleConnected(this);
  }

  handleDialFailed(reason: string): void {
    if (this.over) return;
    this.over = true;
    this.upstream.handleDialFailed(this, reason);
  }

  /** Opens a stream for an attempt; there is room. */
  open(
    attempt: Attempt,
    request: HeaderBlock,
    timeoutNs: number,
    previous: number,
    endStream: boolean,
  ): void {
    attempt.session = this;
    const head = this.#first;
    attempt.next = head;
    if (head !== null) head.previous = attempt;
    this.#first = attempt;
    this.attempts++;
    this.idleLooks = 0;
    if (attempt.probe === null) {
      this.upstream.attemptsAlive++;
      this.upstream.attemptsStarted++;
      this.#context.counters.attemptsStarted++;
      this.#context.counters.attemptsAlive++;
    }
    attempt.stream = (this.link as Link).openStream(attempt, request, timeoutNs, previous, endStream);
  }

  /** Lets go of an attempt's record. `resetCode` -1: its stream has ended by itself. */
  release(attempt: Attempt, resetCode: number): void {
    const stream = attempt.stream as LinkStream;
    if (attempt.heldBytes > 0) this.link?.consume(stream, attempt.heldBytes);
    stream.user = null;
    if (resetCode >= 0) this.link?.resetStream(stream, resetCode);
    if (attempt.previous === null) this.#first = attempt.next;
    else attempt.previous.next = attempt.next;
    if (attempt.next !== null) attempt.next.previous = attempt.previous;
    this.attempts--;
    if (attempt.probe === null) {
      this.upstream.attemptsAlive--;
      this.#context.counters.attemptsAlive--;
    }
    attempt.call = null;
    attempt.probe = null;
    attempt.session = null;
    attempt.stream = null;
    attempt.heldBytes = 0;
    attempt.httpStatus = 0;
    attempt.previous = null;
    attempt.next = null;
    this.#context.giveAttempt(attempt);
    if (this.retired && this.attempts === 0) this.close();
  }

  slowPings(times: number): void {
    this.#pingSlowness = times;
    if (times > 1) this.link?.slowPings(times);
  }

  /** What it takes from now on, as it says: twice that where they came too often. */
  get wantedSlowness(): number {
    const isTooOften = this.link?.pingedTooOften === true;
    return isTooOften ? Math.min(this.#pingSlowness * 2, PING_SLOWNESS_MAX) : this.#pingSlowness;
  }

  /** Ends the connection now; attempts on it fail as lost with it. */
  fail(reason: string): void {
    const link = this.link as Link;
    this.onClose(reason);
    link.close();
  }

  /** Takes no new streams and closes when the last one ended. */
  retire(): void {
    this.retired = true;
    if (this.attempts === 0) this.close();
  }

  /** Ends an idle connection, or gives up a dial. */
  close(): void {
    if (this.over) return;
    this.over = true;
    this.#closed = true;
    if (this.link === null) this.#context.environment.abandon?.(this);
    else {
      this.#context.counters.connectionsUpstream--;
      this.link.close();
    }
  }

  onHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    this.served = true;
    const attempt = stream.user as Attempt | null;
    if (attempt === null) return;
    if (attempt.probe !== null) attempt.probe.handleHeaders(attempt, block, endStream);
    else attempt.call?.handleResponseHeaders(attempt, block, endStream);
  }

  onData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    const attempt = stream.user as Attempt | null;
    if (attempt === null) this.link?.consume(stream, bytes.length);
    else if (attempt.probe !== null) attempt.probe.handleData(attempt, bytes, endStream);
    else attempt.call?.handleResponseData(attempt, bytes, endStream);
  }

  onTrailers(stream: LinkStream, block: HeaderBlock): void {
    const attempt = stream.user as Attempt | null;
    if (attempt === null) return;
    if (attempt.probe !== null) attempt.probe.handleTrailers(attempt, block);
    else attempt.call?.handleResponseTrailers(attempt, block);
  }

  onReset(stream: LinkStream, code: number, unprocessed: boolean): void {
    if (code < 0) this.#lost();
    const attempt = stream.user as Attempt | null;
    if (attempt !== null) this.#failAttempt(attempt, this.over ? -1 : code, unprocessed, '');
  }

  onDrained(stream: LinkStream): void {
    (stream.user as Attempt | null)?.call?.handleRequestDrained();
  }

  onCapacity(goingAway: boolean): void {
    if (this.over) return;
    if (this.link === null) {
      if (goingAway) this.handleDialFailed('GOAWAY before anything else');
      else if (this.#awaited !== null) this.handleConnected(this.#awaited);
      return;
    }
    if (!goingAway) this.upstream.sendQueued();
    else if (!this.retired) this.upstream.handleGoingAway(this);
  }

  onClose(reason: string): void {
    if (this.link === null) return this.handleDialFailed(reason);
    if (this.over && this.#first === null && this.#closed) return;
    this.#closed = true;
    this.#lost();
    for (let left = this.attempts; left > 0 && this.#first !== null; left--) {
      this.#failAttempt(this.#first, -1, false, reason);
    }
    this.upstream.handleClosed(this, reason);
  }

  /** The connection is gone: no pick may come here from now on, even before `onClose`. */
  #lost(): void {
    if (this.over) return;
    this.over = true;
    const { counters } = this.#context;
    counters.connectionsUpstream--;
    if (!this.retired) counters.connectionsLost++;
    this.upstream.handleLost(this);
  }

  #failAttempt(attempt: Attempt, code: number, unprocessed: boolean, reason: string): void {
    if (attempt.probe !== null) return attempt.probe.handleReset(attempt);
    const told =
      code < 0
        ? `the connection was lost${reason === '' ? '' : `: ${reason}`}`
        : resetText(code, unprocessed);
    attempt.call?.handleResponseReset(attempt, code, unprocessed, told);
  }
}

function resetText(code: number, unprocessed: boolean): string {
  if (unprocessed) return 'the stream was refused unprocessed';
  return `the stream was reset with ${RESET_NAMES[code] ?? `code ${code}`}`;
}
