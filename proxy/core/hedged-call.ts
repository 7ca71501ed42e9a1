/**
 * A call with several attempts side by side (gRFC A6, hedging): all carry the same request, the first good answer is the
 * call's, the others are cancelled. `attempt` is the one that is being looked at; `#rivals` are the others. The class stands
 * in for `Call` where hedging is on, so that other calls pay nothing for it.
 */
import type { HedgingConfig } from '../policy/failover-config.ts';
import { pushbackNs, withinBudget } from '../policy/retry.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import { Call } from './call.ts';
import type { Context } from './context.ts';
import { Failures } from './failures.ts';
import type { AttemptEnd } from './observer.ts';
import { GRPC, H2 } from './statuses.ts';
import type { Timer } from './timers.ts';
import { OwnedTimer } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';

export class HedgedCall extends Call {
  readonly #config: HedgingConfig;
  /** When the next attempt is due. */
  readonly #timer = new OwnedTimer(this);
  /** Attempts alive beside `attempt`; none without it. */
  readonly #rivals: Attempt[] = [];
  /** Where attempts went. */
  readonly #visited: Upstream[] = [];
  /** Attempts that may still be sent, and those alive beyond the first, as counted among the retries alive. */
  #left: number;
  #extra = 0;

  constructor(context: Context, config: HedgingConfig) {
    super(context);
    this.#config = config;
    this.#left = config.attempts;
  }

  override handleRequestData(bytes: Uint8Array, endStream: boolean): void {
    // A copy, since who sends octets may write its frame's header in front of them.
    for (const { session, stream } of this.#rivals)
      session?.link?.sendData(stream as LinkStream, bytes.slice(), endStream);
    super.handleRequestData(bytes, endStream);
    if (!this.buffer.kept && !this.committed) this.#commit();
  }

  override handleRequestTrailers(block: HeaderBlock): void {
    super.handleRequestTrailers(block);
    const trailers = this.requestTrailers as HeaderBlock;
    for (const { session, stream } of this.#rivals)
      session?.link?.sendTrailers(stream as LinkStream, trailers);
  }

  override handleResponseHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    this.#lookAt(attempt);
    const alien = block.grpcStatus === -1 && (block.status !== 200 || !block.isGrpc || endStream);
    const failed = this.isGrpc && (alien || (endStream && block.grpcStatus !== GRPC.ok));
    if (!failed) {
      if (attempt.number > 1) this.context.counters.hedgesWon++;
      this.#commit();
    }
    super.handleResponseHeaders(attempt, block, endStream);
  }

  override handleResponseReset(attempt: Attempt, code: number, unprocessed: boolean, reason: string): void {
    this.#lookAt(attempt);
    super.handleResponseReset(attempt, code, unprocessed, reason);
  }

  override handlePerTryTimeout(attempt: Attempt): void {
    this.#lookAt(attempt);
    super.handlePerTryTimeout(attempt);
  }

  override handleTimer(timer: Timer): void {
    if (timer !== this.#timer) return super.handleTimer(timer);
    this.#hedge();
    this.#endIfIdle();
  }

  override sendOn(session: UpstreamSession): void {
    if (this.attempt !== null) this.#rivals.push(this.attempt);
    super.sendOn(session);
    this.#visited.push(session.upstream);
    this.#left--;
    this.#count();
    this.#armNext(this.#config.delayMs * 1e6);
  }

  /** An attempt failed, which need not be the end of the others. */
  protected override fail(
    status: number,
    message: string,
    block: HeaderBlock | null,
    end: AttemptEnd,
    neverProcessed: boolean,
  ): void {
    if (!this.isGrpc || this.committed) return super.fail(status, message, block, end, neverProcessed);
    const failures = (this.failures ??= new Failures(this));
    failures.status = status;
    failures.message = message;
    failures.block = block;
    failures.tried.push(this.upstream as Upstream);
    const pushback = pushbackNs(block?.get('grpc-retry-pushback-ms'));
    const isFatal = !this.#config.nonFatalStatuses.includes(status);
    const free = neverProcessed && !failures.transparentUsed && this.buffer.kept;
    if (!free && (!isFatal || pushback === -1)) this.context.throttle?.failed();
    if (isFatal && !free) return this.giveUp(failures);
    this.attempt = this.#rivals.pop() ?? null;
    this.#creditTaken();
    this.#count();
    // What was let go of cannot be sent again, and nobody is to wait for that.
    if (pushback === -1 || !this.buffer.kept) this.#left = 0;
    this.context.timers.cancel(this.#timer);
    if (free) {
      failures.transparentUsed = true;
      this.context.counters.retriesTransparent++;
      this.#left++;
      this.#send();
    } else if (pushback !== null) this.#armNext(pushback);
    else this.#hedge();
    this.#endIfIdle();
  }

  protected override end(grpcStatus: number, madeHere: boolean): void {
    const tooLate = madeHere && grpcStatus === GRPC.deadlineExceeded;
    this.#commit(tooLate ? 'deadline' : 'cancelled');
    this.#visited.length = 0;
    this.#left = this.#config.attempts;
    super.end(grpcStatus, madeHere);
  }

  /** The attempt that something happened to becomes the one that is looked at. */
  #lookAt(attempt: Attempt): void {
    this.upstream = (attempt.session as UpstreamSession).upstream;
    if (attempt === this.attempt) return;
    this.#rivals[this.#rivals.indexOf(attempt)] = this.attempt as Attempt;
    this.attempt = attempt;
  }

  /** From here on `attempt` alone counts: the others are cancelled, and no more are sent (FO-17). */
  #commit(end: AttemptEnd = 'cancelled'): void {
    this.#left = 0;
    this.context.timers.cancel(this.#timer);
    const winner = this.attempt;
    for (const rival of this.#rivals.splice(0)) {
      this.attempt = rival;
      this.endAttempt(end, -1, H2.cancel);
    }
    this.attempt = winner;
    this.#creditTaken();
    this.#count();
  }

  /** What waited for an attempt that is gone goes back to the caller, unless this one has not taken it either. */
  #creditTaken(): void {
    const { attempt } = this;
    if (attempt !== null && (attempt.stream as LinkStream).queuedBytes === 0) this.creditHeld();
  }

  /** The next attempt, where policy and budget allow it. */
  #hedge(): void {
    const { config, counters, throttle, gate, breaker } = this.context;
    if (this.#left <= 0 || !this.buffer.kept || !this.isGrpc || this.waiting !== null) return;
    if (throttle !== null && !throttle.allows) {
      counters.retriesThrottled++;
      this.#left = 0;
      return;
    }
    const within = withinBudget(config.retry, counters.retriesAlive, counters.callsAlive);
    if (!within) counters.retriesOverBudget++;
    const admitted = within && (gate === null || gate.admitsRetry());
    if (admitted && (breaker === null || breaker.mayBegin())) {
      if (this.attempt === null) counters.hedges++;
      this.#send();
    } else if (this.attempt !== null) this.#armNext(this.#config.delayMs * 1e6);
  }

  /** To an endpoint that has none yet. Beside another attempt only where there is room at once. */
  #send(): void {
    const upstream = this.context.pickRetry(this.request as HeaderBlock, this.#visited);
    if (this.attempt === null) {
      if (upstream === null) this.waitOrFail();
      else this.sendTo(upstream);
      return;
    }
    const { breaker } = this.context;
    const session = upstream?.sessionWithRoom() ?? null;
    if (session === null || breaker?.isFull(session.upstream) === true) {
      this.#armNext(this.#config.delayMs * 1e6);
      return;
    }
    this.context.counters.hedges++;
    this.sendOn(session);
  }

  /** Nothing is alive and nothing may follow (FO-18). */
  #endIfIdle(): void {
    if (this.stream === null || this.attempt !== null || this.waiting !== null || this.#timer.armed) return;
    this.giveUp(this.failures as Failures);
  }

  #armNext(durationNs: number): void {
    const { timers, nowNs } = this.context;
    timers.cancel(this.#timer);
    if (this.#left > 0 && this.isGrpc) timers.arm(this.#timer, nowNs, durationNs);
  }

  /** Attempts beyond the first count as retries alive, so that the budget bounds them. */
  #count(): void {
    let extra = this.attempt === null || this.attempt.number === 1 ? 0 : 1;
    for (const rival of this.#rivals) if (rival.number > 1) extra++;
    this.context.counters.retriesAlive += extra - this.#extra;
    this.#extra = extra;
  }
}
