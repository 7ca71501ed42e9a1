/** What is remembered of a call while it lives. Flat and pooled: every field is set from the start and again by `clear`. */
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Call } from './call.ts';
import type { DownstreamSession } from './downstream-session.ts';
import { RequestBuffer } from './request-buffer.ts';
import { GRPC } from './statuses.ts';
import type { Tagger } from './tagger.ts';
import type { Upstream } from './upstream.ts';
import type { WaitList } from './wait-list.ts';

export class CallRecord {
  /** Its place among all records; it outlives the call. */
  slot = -1;
  session: DownstreamSession | null = null;
  stream: LinkStream | null = null;
  request: HeaderBlock | null = null;
  requestTrailers: HeaderBlock | null = null;
  attempt: Attempt | null = null;
  tagger: Tagger | null = null;
  /** The observer's number; -1: not traced. */
  number = -1;
  isGrpc = false;
  /** Response headers went to the caller: no other attempt any more (FO-05). */
  committed = false;
  requestEnded = false;
  attemptsSent = 0;
  /** Retries by policy so far, and their order in the backoff series since the last pushback. */
  retries = 0;
  backoffStep = 0;
  transparentUsed = false;
  /** Counted among the retries alive. */
  retryAlive = false;
  /** Request octets whose credit the caller has not got back yet. */
  heldBytes = 0;
  /** Infinity: none. */
  deadlineNs = Infinity;
  /** What ended the last attempt, when the sidecar has to make the answer. */
  failureStatus: number = GRPC.unavailable;
  failureMessage = '';
  /** The endpoint's own trailers-only answer, when that ended the last attempt. */
  failureBlock: HeaderBlock | null = null;
  /** Where the last attempt went, and where failed ones went. */
  upstream: Upstream | null = null;
  readonly tried: Upstream[] = [];
  readonly buffer = new RequestBuffer();
  waitList: WaitList | null = null;
  waitPrevious: Call | null = null;
  waitNext: Call | null = null;

  clear(): void {
    this.session = null;
    this.stream = null;
    this.request = null;
    this.requestTrailers = null;
    this.attempt = null;
    this.tagger = null;
    this.number = -1;
    this.isGrpc = false;
    this.committed = false;
    this.requestEnded = false;
    this.attemptsSent = 0;
    this.retries = 0;
    this.backoffStep = 0;
    this.transparentUsed = false;
    this.retryAlive = false;
    this.heldBytes = 0;
    this.deadlineNs = Infinity;
    this.failureStatus = GRPC.unavailable;
    this.failureMessage = '';
    this.failureBlock = null;
    this.upstream = null;
    if (this.tried.length > 0) this.tried.length = 0;
    this.buffer.clear();
  }
}
