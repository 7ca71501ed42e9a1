/**
 * What a call has to pass before anything is done for it, in this order: the rate limit, the limit of calls in flight (those
 * that matter least are refused first), the circuit breaker. Who is refused has an answer at once, before the body is read
 * (OV-06), is not retried, and no endpoint is blamed for it (OV-04).
 */
import type { LoadShedConfig, RateLimitConfig } from '../policy/failover-config.ts';
import { TokenBucket } from '../policy/token-bucket.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { GRPC } from './statuses.ts';

export class Gate {
  readonly #context: Context;
  readonly #rate: RateLimitConfig | null;
  readonly #bucket: TokenBucket | null;
  readonly #shed: LoadShedConfig | null;
  /** Bounds what is in flight where nothing is learned. */
  readonly #fixed: number;

  /** `parent`: where the same rate limit is meant, as a route's that says nothing of its own, it is one limit. */
  constructor(context: Context, parent: Gate | null) {
    const { rateLimit, loadShed, circuitBreaker } = context.config;
    this.#context = context;
    this.#rate = rateLimit;
    this.#shed = loadShed;
    if (rateLimit === null) this.#bucket = null;
    else if (parent !== null && isSame(rateLimit, parent.#rate)) this.#bucket = parent.#bucket;
    else this.#bucket = new TokenBucket(rateLimit);
    const maxRequests = circuitBreaker === null ? 0 : circuitBreaker.maxRequests;
    this.#fixed = maxRequests === 0 ? Infinity : maxRequests;
  }

  /** False: the call has been answered. */
  admits(call: Call): boolean {
    const { counters, breaker, nowNs } = this.#context;
    if (this.#bucket !== null && !this.#bucket.take(nowNs)) {
      counters.callsRateLimited++;
      const { perSecond, status } = this.#rate as RateLimitConfig;
      call.answer(status, `more than ${perSecond} calls a second`);
      return false;
    }
    if (!this.#hasRoom(call)) {
      counters.callsShed++;
      call.answer(GRPC.unavailable, 'too many calls are in flight');
      return false;
    }
    if (breaker === null || breaker.mayBegin()) return true;
    call.answer(GRPC.unavailable, breaker.reason);
    return false;
  }

  /** One more retry or hedge: the first to be refused. */
  admitsRetry(): boolean {
    const { counters, breaker } = this.#context;
    const share = this.#shed === null ? 1 : this.#shed.retriesAt;
    if (this.#inFlight() >= share * this.#limit()) {
      counters.retriesShed++;
      return false;
    }
    return breaker === null || breaker.mayRetry();
  }

  #hasRoom(call: Call): boolean {
    const inFlight = this.#inFlight();
    const { concurrency } = this.#context;
    if (concurrency !== null && inFlight >= concurrency.limit) return false;
    if (this.#shed === null || inFlight < this.#shed.lowPriorityAt * this.#limit()) return true;
    return !mattersLittle(call.request as HeaderBlock, this.#shed);
  }

  #inFlight(): number {
    const { attemptsAlive, callsWaiting } = this.#context.cluster.counters;
    return attemptsAlive + callsWaiting;
  }

  #limit(): number {
    const { concurrency } = this.#context;
    return concurrency === null ? this.#fixed : Math.min(concurrency.limit, this.#fixed);
  }
}

function mattersLittle(request: HeaderBlock, { priorityHeader, lowPriority }: LoadShedConfig): boolean {
  return (
    request.get(priorityHeader) === lowPriority || request.get('grpc-previous-rpc-attempts') !== undefined
  );
}

function isSame(one: RateLimitConfig, other: RateLimitConfig | null): boolean {
  if (other === null) return false;
  return one.perSecond === other.perSecond && one.burst === other.burst && one.status === other.status;
}
