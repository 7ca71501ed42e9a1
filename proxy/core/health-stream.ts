/** A stream of `grpc.health.v1.Health` to one endpoint, on a connection that calls use: what a check and a watch have in common. It is the timer of the next one. */
import type { HealthConfig } from '../policy/config.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import {
  encodeCheck,
  type HealthProbe,
  healthRequest,
  type ProbeStream,
  REPLY_BYTES_MAX,
} from './health-probe.ts';
import { H2, statusOfHttp } from './statuses.ts';
import { Timer } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';

export abstract class HealthStream extends Timer implements HealthProbe, ProbeStream {
  protected readonly context: Context;
  protected readonly upstream: Upstream;
  protected readonly config: HealthConfig;
  /** The stream that is open. */
  protected attempt: Attempt | null = null;
  /** What came of a message that is not whole yet. */
  protected readonly reply = new Uint8Array(REPLY_BYTES_MAX);
  protected replyLength = 0;
  readonly #request: HeaderBlock;
  readonly #body: Uint8Array;

  constructor(context: Context, upstream: Upstream, config: HealthConfig, method: 'Check' | 'Watch') {
    super();
    this.context = context;
    this.upstream = upstream;
    this.config = config;
    this.#request = healthRequest(upstream.endpoint.address, method);
    this.#body = encodeCheck(config);
  }

  abstract begin(): void;
  abstract leave(session: UpstreamSession): void;

  stop(): void {
    this.context.timers.cancel(this);
    this.forget(H2.cancel);
  }

  /** It hangs when nothing cancels the attempt's timer in time; `toldNs` is the deadline that the endpoint is told, -1 for none. */
  protected open(session: UpstreamSession, toldNs: number): void {
    const { context } = this;
    context.counters.healthChecks++;
    this.replyLength = 0;
    const attempt = context.takeAttempt();
    attempt.probe = this;
    this.attempt = attempt;
    context.timers.arm(attempt, context.nowNs, this.config.timeoutMs * 1e6);
    session.open(attempt, this.#request, toldNs, 0, false);
    session.link?.sendData(attempt.stream as LinkStream, this.#body, true);
  }

  /** `resetCode` -1: it ended by itself. */
  protected forget(resetCode: number): void {
    const { attempt } = this;
    if (attempt === null) return;
    this.attempt = null;
    this.context.timers.cancel(attempt);
    attempt.session?.release(attempt, resetCode);
  }

  handleHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    attempt.httpStatus = block.status;
    if (endStream) this.handleTrailers(attempt, block);
  }

  handleTrailers(attempt: Attempt, block: HeaderBlock): void {
    this.handleStatus(block.grpcStatus >= 0 ? block.grpcStatus : statusOfHttp(attempt.httpStatus));
  }

  abstract handleData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void;
  /** The stream ended with this grpc-status. */
  protected abstract handleStatus(grpcStatus: number): void;
  abstract handleReset(attempt: Attempt): void;
  abstract handleHung(attempt: Attempt): void;
}
