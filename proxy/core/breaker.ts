/** Circuit breaking at work in one machine: what is under way is counted anyway, so nothing can leak (OV-03). */
import {
  admitsConnection,
  admitsEndpointPending,
  admitsEndpointRequest,
  admitsPending,
  admitsRequest,
  admitsRetry,
} from '../policy/breaker.ts';
import type { BreakerConfig } from '../policy/failover-config.ts';
import type { Context } from './context.ts';
import type { Upstream } from './upstream.ts';

export class Breaker {
  /** Why the last refusal was, for people. */
  reason = '';
  readonly #context: Context;
  readonly #config: BreakerConfig;

  constructor(context: Context, config: BreakerConfig) {
    this.#context = context;
    this.#config = config;
  }

  /** One more attempt, wherever it may go. */
  mayBegin(): boolean {
    const { attemptsAlive, callsWaiting } = this.#context.cluster.counters;
    if (admitsRequest(this.#config, attemptsAlive + callsWaiting)) return true;
    return this.#overRequests(`${this.#config.maxRequests} calls in flight`);
  }

  /** The endpoint has all the attempts that it may have. */
  isFull(upstream: Upstream): boolean {
    return !admitsEndpointRequest(this.#config, upstream.active);
  }

  /** Where a call that was given `upstream` may go: there, to one other if that one has its fill, or nowhere. */
  place(upstream: Upstream): Upstream | null {
    const { balancer, nowNs } = this.#context;
    const config = this.#config;
    let chosen = upstream;
    if (this.isFull(upstream)) {
      chosen = balancer.pickRetry([upstream], nowNs, 0) as Upstream;
      if (this.isFull(chosen)) {
        this.#overRequests(`${config.endpointMaxRequests} calls in flight to an endpoint`);
        return null;
      }
    }
    if (chosen.sessionWithRoom() !== null) return chosen;
    if (admitsEndpointPending(config, chosen.waitingCount)) return this.mayWait() ? chosen : null;
    this.#overPending(`${config.endpointMaxPending} calls waiting for an endpoint`);
    return null;
  }

  /** One more call may wait. */
  mayWait(): boolean {
    if (admitsPending(this.#config, this.#context.cluster.counters.callsWaiting)) return true;
    return this.#overPending(`${this.#config.maxPending} calls waiting`);
  }

  mayRetry(): boolean {
    if (admitsRetry(this.#config, this.#context.cluster.counters.retriesAlive)) return true;
    this.#context.counters.breakerOverRetries++;
    return false;
  }

  mayConnect(own: number): boolean {
    const { counters, dialling } = this.#context.cluster;
    return admitsConnection(this.#config, own, counters.connectionsUpstream + dialling);
  }

  #overRequests(what: string): false {
    this.#context.counters.breakerOverRequests++;
    this.reason = `the circuit breaker is open: ${what}`;
    return false;
  }

  #overPending(what: string): false {
    this.#context.counters.breakerOverPending++;
    this.reason = `the circuit breaker is open: ${what}`;
    return false;
  }
}
