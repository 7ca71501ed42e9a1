/**
 * One call from its request headers to its final status: picks, sends, replays, answers. Pooled and flat: what a call
 * needs on its way costs no allocation. The carrier's events come in through the two sessions.
 */
import type { WaitForReadyConfig } from '../policy/failover-config.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Breaker } from './breaker.ts';
import { CallRequest } from './call-request.ts';
import type { CallerSession } from './call-record.ts';
import { Failures } from './failures.ts';
import type { AttemptEnd } from './observer.ts';
import { refusesRequest, refusesResponse } from './message-limit.ts';
import { retryWaitNs } from './retry-wait.ts';
import { forwardable } from './hop-by-hop.ts';
import { GRPC, H2, statusOfHttp, statusOfReset } from './statuses.ts';
import { withStatus } from './answers.ts';
import type { Timer } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';
import { mayWaitForReady } from './wait-for-ready.ts';

/** After a response that was longer than its first window. */
const WIDE_CALLS = 16;

export class Call extends CallRequest {
  /** The request's headers are here. */
  start(session: CallerSession, stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    const context = this.context;
    context.counters.callsStarted++;
    stream.user = this;
    this.session = session;
    this.stream = stream;
    this.isGrpc = block.isGrpc;
    this.requestEnded = endStream;
    this.request = forwardable(block);
    if (context.observer !== null) this.number = context.observer.callStarted(context.nowNs, stream, block);
    let timeoutNs = block.timeoutNs;
    if (timeoutNs === -1) timeoutNs = context.callNs === 0 ? -1 : context.callNs;
    else if (timeoutNs === -2) return this.answer(GRPC.internal, 'malformed grpc-timeout in the request');
    else if (timeoutNs === 0) return this.answer(GRPC.deadlineExceeded, 'the deadline had passed on arrival');
    else if (timeoutNs > context.callMaxNs) timeoutNs = context.callMaxNs;
    if (timeoutNs > 0) context.timers.arm(this, context.nowNs, timeoutNs);
    if (context.gate !== null && !context.gate.admits(this)) return;
    const upstream = context.pickFirst(this.request);
    if (upstream === null) this.waitOrFail();
    else this.sendTo(upstream);
  }

  /** Octets from the caller. */
  takeRequestData(bytes: Uint8Array, endStream: boolean): void {
    if (!refusesRequest(this.context, this, bytes, endStream)) this.handleRequestData(bytes, endStream);
  }

  /** The caller took what was queued toward it. */
  handleResponseDrained(): void {
    const attempt = this.attempt;
    if (attempt === null || attempt.heldBytes === 0) return;
    this.#consumeResponse(attempt, attempt.heldBytes);
    attempt.heldBytes = 0;
  }

  #consumeResponse(attempt: Attempt, byteCount: number): void {
    const stream = attempt.stream as LinkStream;
    const link = attempt.session?.link;
    link?.consume(stream, byteCount);
    if (!stream.narrow || this.session?.link?.peerReads !== true) return;
    link?.widen(stream);
    this.session.wideCalls = WIDE_CALLS;
  }

  /** The caller reset the stream or went away (MS-16). */
  handleCancelled(): void {
    this.endAttempt('cancelled', -1, H2.cancel);
    this.end(GRPC.cancelled, false);
  }

  handleResponseHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    attempt.httpStatus = block.status;
    if (this.context.timesAttempts) this.context.timeAnswer(attempt, block.grpcStatus);
    if (this.context.readsReports && endStream) this.context.noteReport(attempt, block);
    if (this.isGrpc && block.grpcStatus === -1 && (block.status !== 200 || !block.isGrpc || endStream)) {
      return this.#handleAlien(attempt, block, endStream);
    }
    const link = this.session?.link;
    const stream = this.stream as LinkStream;
    const out = forwardable(block);
    if (endStream) {
      if (this.isGrpc && block.grpcStatus > 0) return this.#handleRefusal(attempt, block);
      link?.sendHeaders(stream, out, true);
      this.#complete(block.grpcStatus);
      return;
    }
    const context = this.context;
    this.committed = true;
    this.buffer.drop();
    context.timers.cancel(attempt);
    if (context.config.tag !== null) this.tagger = context.taggerFor(this.isGrpc, block);
    link?.sendHeaders(stream, out, false);
    if (this.number >= 0) context.observer?.responseStarted(context.nowNs, this.number, attempt.number);
  }

  handleResponseData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void {
    if (refusesResponse(this.context, this, attempt, bytes)) return;
    const stream = this.stream as LinkStream;
    const link = this.session?.link;
    const out = this.tagger === null ? bytes : this.tagger.pass(bytes, endStream);
    const closes = endStream && !this.isGrpc;
    if (out.length > 0 || closes) link?.sendData(stream, out, closes);
    if (endStream) {
      // The attempt's end gives it back: nobody will drain it any more.
      attempt.heldBytes += bytes.length;
      if (this.isGrpc) {
        const status = statusOfHttp(attempt.httpStatus);
        const message = `${attempt.sentTo} ended its response without grpc-status`;
        this.context.counters.answersNotGrpc++;
        link?.sendTrailers(stream, this.context.answers.trailers(status, message));
        this.#complete(status);
      } else this.#complete(-1);
      return;
    }
    if (stream.queuedBytes > 0) attempt.heldBytes += bytes.length;
    else this.#consumeResponse(attempt, bytes.length);
  }

  handleResponseTrailers(attempt: Attempt, block: HeaderBlock): void {
    if (this.context.readsReports) this.context.noteReport(attempt, block);
    const stream = this.stream as LinkStream;
    const link = this.session?.link;
    const rest = this.tagger?.rest();
    if (rest !== undefined && rest.length > 0) link?.sendData(stream, rest, false);
    if (block.grpcStatus >= 0 || !this.isGrpc) {
      link?.sendTrailers(stream, forwardable(block));
      this.#complete(block.grpcStatus);
      return;
    }
    const status = statusOfHttp(attempt.httpStatus);
    const message = `${attempt.sentTo} sent trailers without grpc-status`;
    this.context.counters.answersNotGrpc++;
    link?.sendTrailers(stream, withStatus(forwardable(block), status, message));
    this.#complete(status);
  }

  /** The attempt's stream ended abnormally. `reason` is for people. */
  handleResponseReset(attempt: Attempt, code: number, unprocessed: boolean, reason: string): void {
    const end = unprocessed ? 'unprocessed' : code < 0 ? 'connection_lost' : 'reset';
    const name = attempt.sentTo;
    const { counters } = this.context;
    if (unprocessed) counters.attemptsUnprocessed++;
    else if (code < 0) counters.attemptsLost++;
    else counters.attemptsReset++;
    this.endAttempt(end, -1, -1);
    const never = unprocessed || code === H2.refusedStream;
    this.fail(statusOfReset(code), `${name}: ${reason}`, null, end, never);
  }

  handlePerTryTimeout(attempt: Attempt): void {
    const name = attempt.sentTo;
    this.context.counters.attemptsTimedOut++;
    this.endAttempt('per_try_timeout', -1, H2.cancel);
    const message = `${name}: no answer within ${this.context.config.retry.perTryTimeoutMs} ms per try`;
    this.fail(GRPC.unavailable, message, null, 'per_try_timeout', false);
  }

  handleTimer(timer: Timer): void {
    const { failures, attempt } = this;
    if (timer !== this) {
      if (timer === this.patience) this.#waitedTooLong();
      else this.#retryNow(failures as Failures);
      return;
    }
    let where = attempt === null ? 'before it could be sent' : `waiting for ${attempt.session?.name}`;
    if (this.#waitsForAny) where += `: ${this.context.cluster.trouble()}`;
    const last = failures === null ? '' : `; before that ${failures.message}`;
    this.endHere('deadline', GRPC.deadlineExceeded, `the deadline passed ${where}${last}`);
  }

  /** The endpoint it waited for cannot take it, or one became pickable. */
  pickAgain(): void {
    const context = this.context;
    const { failures } = this;
    const request = this.request as HeaderBlock;
    const upstream =
      failures === null ? context.pickFirst(request) : context.pickRetry(request, failures.tried);
    if (upstream === null) this.waitOrFail();
    else this.sendTo(upstream);
  }

  /** Opens the stream; the session has room. */
  sendOn(session: UpstreamSession): void {
    const context = this.context;
    const { nowNs } = context;
    const attempt = context.takeAttempt();
    attempt.call = this;
    attempt.number = ++this.attemptsSent;
    this.attempt = attempt;
    this.upstream = session.upstream;
    let timeoutNs = this.deadlineNs === Infinity ? -1 : this.deadlineNs - nowNs;
    if (context.perTryNs > 0) {
      if (timeoutNs < 0 || timeoutNs > context.perTryNs) timeoutNs = context.perTryNs;
      context.timers.arm(attempt, nowNs, context.perTryNs);
    }
    const buffered = this.buffer.length;
    const endStream = this.requestEnded && buffered === 0 && this.requestTrailers === null;
    if (context.timesAttempts) attempt.sentNs = nowNs;
    session.open(attempt, this.request as HeaderBlock, timeoutNs, this.attemptsSent - 1, endStream);
    const caller = this.session as CallerSession;
    if (caller.wideCalls > 0 && caller.link?.peerReads === true) {
      caller.wideCalls--;
      session.link?.widen(attempt.stream as LinkStream);
    }
    if (this.number >= 0) {
      context.observer?.attemptSent(nowNs, this.number, this.attemptsSent, session.upstream.id);
    }
    if (buffered > 0 || this.requestTrailers !== null) this.replay(attempt, session);
  }

  /** Ends the call with an answer made here. */
  answer(grpcStatus: number, message: string): void {
    const link = this.session?.link;
    const stream = this.stream as LinkStream;
    const { answers } = this.context;
    if (this.isGrpc) {
      if (this.committed) link?.sendTrailers(stream, answers.trailers(grpcStatus, message));
      else link?.sendHeaders(stream, answers.trailersOnly(grpcStatus, message), true);
    } else if (this.committed) {
      link?.resetStream(stream, grpcStatus === GRPC.cancelled ? H2.cancel : H2.internalError);
    } else {
      link?.sendHeaders(stream, answers.http(grpcStatus), false);
      link?.sendData(stream, new TextEncoder().encode(`${message}\n`), true);
    }
    this.end(grpcStatus, true);
  }

  /** Ends the call with an answer made here, and the attempt that is alive. */
  endHere(end: AttemptEnd, grpcStatus: number, message: string): void {
    this.endAttempt(end, -1, H2.cancel);
    this.answer(grpcStatus, message);
  }

  protected sendTo(picked: Upstream): void {
    const { breaker } = this.context;
    const upstream = breaker === null ? picked : breaker.place(picked);
    if (upstream === null) return this.#refuse((breaker as Breaker).reason);
    const session = upstream.sessionWithRoom();
    if (session === null) upstream.enqueue(this);
    else this.sendOn(session);
  }

  protected waitOrFail(): void {
    const { cluster, breaker } = this.context;
    const isPatient = mayWaitForReady(this.context, this);
    if (cluster.pickable === 0 && (cluster.warming > 0 || isPatient)) {
      if (breaker !== null && !breaker.mayWait()) return this.#refuse(breaker.reason);
      cluster.waiting.push(this, isPatient);
      return;
    }
    this.#findNobody('');
  }

  get #waitsForAny(): boolean {
    return this.waiting !== null && this.waiting.list === this.context.cluster.waiting;
  }

  /** One that was sent meanwhile, or that waits for room, goes on; it will not wait again. */
  #waitedTooLong(): void {
    if (!this.#waitsForAny) return;
    const { maxMs } = this.context.config.waitForReady as WaitForReadyConfig;
    this.#findNobody(`, and none came within ${maxMs} ms`);
  }

  #findNobody(waited: string): void {
    const { cluster } = this.context;
    if (this.failures !== null) this.giveUp(this.failures);
    else this.answer(cluster.emptyStatus, cluster.trouble() + waited);
  }

  /** A gRPC call got an answer that is not gRPC: the HTTP status says what it means (MS-05, MS-10). */
  #handleAlien(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    const status = statusOfHttp(block.status);
    const type = block.get('content-type') ?? 'none';
    const name = attempt.sentTo;
    this.context.counters.answersNotGrpc++;
    this.endAttempt('complete', -1, endStream ? -1 : H2.cancel);
    const message = `${name} answered HTTP ${block.status} without grpc-status, content-type ${type}`;
    this.fail(status, message, null, 'complete', false);
  }

  /** A trailers-only answer with a status other than OK. */
  #handleRefusal(attempt: Attempt, block: HeaderBlock): void {
    const name = attempt.sentTo;
    this.endAttempt('complete', block.grpcStatus, this.requestEnded ? -1 : H2.cancel);
    this.fail(block.grpcStatus, `${name} answered status ${block.grpcStatus}`, block, 'complete', false);
  }

  /** An attempt failed: try again if the rules allow, else tell the caller. */
  protected fail(
    status: number,
    message: string,
    block: HeaderBlock | null,
    end: AttemptEnd,
    neverProcessed: boolean,
  ): void {
    const failures = (this.failures ??= new Failures(this));
    failures.status = status;
    failures.message = message;
    failures.block = block;
    if (this.committed || !this.buffer.kept) return this.giveUp(failures);
    failures.tried.push(this.upstream as Upstream);
    const { counters, timers, nowNs } = this.context;
    if (neverProcessed && !failures.transparentUsed) {
      failures.transparentUsed = true;
      counters.retriesTransparent++;
      return this.#retryNow(failures);
    }
    const atOnce = end === 'connection_lost' && failures.retries === 0;
    const waitNs = retryWaitNs(this.context, this, failures, atOnce);
    if (waitNs < 0) return this.giveUp(failures);
    failures.retries++;
    failures.retryAlive = true;
    counters.retries++;
    counters.retriesAlive++;
    if (waitNs === 0) this.#retryNow(failures);
    else timers.arm(failures.backoffTimer, nowNs, waitNs);
  }

  #retryNow(failures: Failures): void {
    const { breaker } = this.context;
    if (breaker !== null && !breaker.mayBegin()) return this.giveUp(failures);
    const upstream = this.context.pickRetry(this.request as HeaderBlock, failures.tried);
    if (upstream === null) this.waitOrFail();
    else this.sendTo(upstream);
  }

  /** Nothing more may be begun: a first attempt fails for that, another one for what made it necessary. */
  #refuse(reason: string): void {
    if (this.failures === null) this.answer(GRPC.unavailable, reason);
    else this.giveUp(this.failures);
  }

  /** Tells the caller of the last failure. */
  protected giveUp({ status, message, block }: Failures): void {
    if (block !== null && !this.committed) {
      this.session?.link?.sendHeaders(this.stream as LinkStream, forwardable(block), true);
      this.end(status, false);
      return;
    }
    const tries = this.attemptsSent > 1 ? ` (attempt ${this.attemptsSent})` : '';
    this.answer(status, message + tries);
  }

  /** The endpoint ended its response properly and all of it was passed on. */
  #complete(grpcStatus: number): void {
    if (grpcStatus === GRPC.ok && this.context.throttle !== null) this.context.throttle.succeeded();
    this.endAttempt('complete', grpcStatus, this.requestEnded ? -1 : H2.cancel);
    this.end(grpcStatus, false);
  }

  /** Lets go of the attempt, if there is one. `resetCode` -1: its stream has ended by itself. */
  protected endAttempt(end: AttemptEnd, grpcStatus: number, resetCode: number): void {
    const context = this.context;
    const attempt = this.attempt;
    this.#endRetry();
    if (attempt === null) return;
    this.attempt = null;
    if (this.number >= 0) {
      const { id } = (attempt.session as UpstreamSession).upstream;
      context.observer?.attemptEnded(context.nowNs, this.number, attempt.number, id, end, grpcStatus);
    }
    if (context.timesAttempts) context.timeEnd(attempt, end);
    context.timers.cancel(attempt);
    if (context.outliers === null) attempt.session?.release(attempt, resetCode);
    else context.outliers.release(attempt, end, grpcStatus, resetCode);
  }

  #endRetry(): void {
    if (this.failures === null || !this.failures.retryAlive) return;
    this.failures.retryAlive = false;
    this.context.counters.retriesAlive--;
  }

  /** The caller has its answer, or is gone: counts the call and puts the record back. */
  protected end(grpcStatus: number, madeHere: boolean): void {
    const context = this.context;
    if (this.number >= 0) context.observer?.callEnded(context.nowNs, this.number, grpcStatus, madeHere);
    context.counters.callEnded(grpcStatus, this.isGrpc);
    if (madeHere) context.counters.callsAnsweredHere++;
    this.waiting?.list.remove(this.waiting);
    this.#endRetry();
    context.timers.cancel(this);
    if (this.failures !== null) context.timers.cancel(this.failures.backoffTimer);
    if (this.patience !== null) context.timers.cancel(this.patience);
    this.creditHeld();
    this.stopUpload();
    this.clear();
    context.giveCall(this);
  }
}
