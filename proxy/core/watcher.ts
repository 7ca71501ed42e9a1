/**
 * Watches one endpoint's health: `grpc.health.v1.Health/Watch` as a stream that stays open on a connection calls use (gRFC A17).
 * What it says counts at once, without thresholds. A stream that breaks means unhealthy until a new one, after the interval, says
 * otherwise; a server without the service serves, and is not asked again on this connection.
 */
import type { HealthConfig } from '../policy/config.ts';
import { nextCheckNs } from '../policy/check-schedule.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import {
  decodeStatus,
  encodeCheck,
  framedLength,
  type HealthProbe,
  healthRequest,
  type ProbeStream,
  REPLY_BYTES_MAX,
  SERVING,
  statusName,
} from './health-probe.ts';
import { GRPC, H2, statusOfHttp } from './statuses.ts';
import type { Timer, TimerOwner } from './timers.ts';
import { OwnedTimer } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** Streams part ways by themselves: they begin when something happens. */
const AFTER_FIRST = 2;

export class Watcher implements TimerOwner, HealthProbe, ProbeStream {
  readonly #context: Context;
  readonly #upstream: Upstream;
  readonly #config: HealthConfig;
  readonly #request: HeaderBlock;
  readonly #body: Uint8Array;
  readonly #timer: Timer;
  #attempt: Attempt | null = null;
  readonly #reply = new Uint8Array(REPLY_BYTES_MAX);
  #replyLength = 0;

  constructor(context: Context, upstream: Upstream, config: HealthConfig) {
    this.#context = context;
    this.#upstream = upstream;
    this.#config = config;
    this.#request = healthRequest(upstream.endpoint.address, 'Watch');
    this.#body = encodeCheck(config);
    this.#timer = new OwnedTimer(this);
  }

  begin(): void {
    if (this.#attempt !== null) return;
    this.#context.timers.cancel(this.#timer);
    this.handleTimer();
  }

  stop(): void {
    this.#context.timers.cancel(this.#timer);
    this.#forget(H2.cancel);
  }

  leave(session: UpstreamSession): void {
    if (this.#attempt?.session === session) this.#forget(H2.cancel);
  }

  /** A stream is due. Not connected: `begin` starts again. No room: with the next interval. */
  handleTimer(): void {
    const context = this.#context;
    const session = this.#upstream.sessionWithRoom();
    if (session === null) return this.#schedule();
    context.counters.healthChecks++;
    this.#replyLength = 0;
    const attempt = context.takeAttempt();
    attempt.probe = this;
    this.#attempt = attempt;
    // Only the first word has to come in time; the stream then has none.
    context.timers.arm(attempt, context.nowNs, this.#config.timeoutMs * 1e6);
    session.open(attempt, this.#request, -1, 0, false);
    session.link?.sendData(attempt.stream as LinkStream, this.#body, true);
  }

  handleHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    attempt.httpStatus = block.status;
    if (endStream) this.#ended(block.grpcStatus >= 0 ? block.grpcStatus : statusOfHttp(block.status));
  }

  /** A message may come in pieces, and several at once. */
  handleData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void {
    attempt.session?.link?.consume(attempt.stream as LinkStream, bytes.length);
    const all = new Uint8Array(this.#replyLength + bytes.length);
    all.set(this.#reply.subarray(0, this.#replyLength));
    all.set(bytes, this.#replyLength);
    let rest = all;
    let said = -2;
    for (let length = framedLength(rest); length <= rest.length; length = framedLength(rest)) {
      said = decodeStatus(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    const endless =
      rest.length > REPLY_BYTES_MAX || (rest.length >= 5 && framedLength(rest) > REPLY_BYTES_MAX);
    if (endless) return this.#failed('its health watch said too much', H2.cancel);
    this.#reply.set(rest);
    this.#replyLength = rest.length;
    if (said !== -2) this.#said(attempt, said);
    if (endStream) this.#ended(statusOfHttp(attempt.httpStatus));
  }

  handleTrailers(attempt: Attempt, block: HeaderBlock): void {
    this.#ended(block.grpcStatus >= 0 ? block.grpcStatus : statusOfHttp(attempt.httpStatus));
  }

  handleReset(_attempt: Attempt): void {
    this.#failed('its health watch was cut off', -1);
  }

  handleHung(_attempt: Attempt): void {
    const { timeoutMs } = this.#config;
    this.#failed(`no answer to a health watch within ${timeoutMs} ms`, H2.cancel, true);
  }

  #said(attempt: Attempt, status: number): void {
    this.#context.timers.cancel(attempt);
    if (status !== SERVING) this.#context.counters.healthChecksFailed++;
    this.#upstream.handleChecked(status === SERVING, `its health watch says ${statusName(status)}`, false);
  }

  #ended(grpcStatus: number): void {
    if (grpcStatus !== GRPC.unimplemented)
      return this.#failed(`its health watch ended with status ${grpcStatus}`, -1);
    this.#forget(-1);
    this.#upstream.handleChecked(true, '', false);
  }

  #failed(trouble: string, resetCode: number, hung = false): void {
    this.#forget(resetCode);
    this.#context.counters.healthChecksFailed++;
    this.#schedule();
    this.#upstream.handleChecked(false, trouble, hung);
  }

  #forget(resetCode: number): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    this.#attempt = null;
    this.#context.timers.cancel(attempt);
    attempt.session?.release(attempt, resetCode);
  }

  #schedule(): void {
    if (this.#upstream.connections === 0) return;
    const { timers, nowNs, random } = this.#context;
    const waitNs = nextCheckNs(this.#config, nowNs, nowNs, AFTER_FIRST, false, random());
    timers.arm(this.#timer, nowNs, waitNs);
  }
}
