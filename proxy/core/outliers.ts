/** Outlier detection at work in one machine: ends of attempts as results, sweeps by the machine's timers. */
import type { OutlierConfig } from '../policy/failover-config.ts';
import { OutlierDetector } from '../policy/outlier.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import type { AttemptEnd } from './observer.ts';
import { GRPC, statusOfHttp } from './statuses.ts';
import type { TimerOwner } from './timers.ts';
import { OwnedTimer } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';

export class Outliers implements TimerOwner {
  readonly #context: Context;
  readonly #config: OutlierConfig;
  readonly #timer = new OwnedTimer(this);
  readonly detector: OutlierDetector<Upstream>;

  constructor(context: Context, config: OutlierConfig) {
    this.#context = context;
    this.#config = config;
    this.detector = new OutlierDetector<Upstream>(config, context.random);
  }

  membersChanged(): void {
    this.detector.membersChanged(this.#context.members);
    if (!this.#timer.armed) this.#arm();
  }

  /** Its cluster is gone. */
  stop(): void {
    this.#context.timers.cancel(this.#timer);
  }

  handleTimer(): void {
    this.detector.sweep(this.#context.nowNs);
    this.#arm();
  }

  /** A health check went well. */
  handleHealthy(upstream: Upstream): void {
    if (this.#config.healthyCheckUnejects) this.detector.uneject(upstream);
  }

  /** Lets go of an attempt that ended, and takes what that says about its endpoint. */
  release(attempt: Attempt, end: AttemptEnd, grpcStatus: number, resetCode: number): void {
    const session = attempt.session as UpstreamSession;
    const { upstream } = session;
    const status = judgedStatus(attempt, end, grpcStatus);
    session.release(attempt, resetCode);
    if (status >= 0 && !upstream.removed) this.detector.record(upstream, status, this.#context.nowNs);
  }

  #arm(): void {
    this.#context.timers.arm(this.#timer, this.#context.nowNs, this.#config.intervalMs * 1e6);
  }
}

/** By which status the endpoint is judged (FO-21, FO-23); -1: not at all, for it was the caller's doing, or never begun. */
function judgedStatus(attempt: Attempt, end: AttemptEnd, grpcStatus: number): number {
  if (end === 'complete') return grpcStatus >= 0 ? grpcStatus : statusOfHttp(attempt.httpStatus);
  if (end === 'reset' || end === 'connection_lost') return GRPC.unavailable;
  if (end === 'per_try_timeout' || end === 'deadline') return GRPC.deadlineExceeded;
  return -1;
}
