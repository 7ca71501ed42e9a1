/**
 * Watches one endpoint's health: `grpc.health.v1.Health/Watch` as a stream that stays open on a connection calls use (gRFC A17).
 * What it says counts at once, without thresholds. A stream that breaks means unhealthy until a new one, after the interval, says
 * otherwise; a server without the service serves, and is not asked again on this connection.
 */
import { nextCheckNs } from '../policy/check-schedule.ts';
import type { HealthConfig } from '../policy/config.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import { decodeStatus, framedLength, REPLY_BYTES_MAX, SERVING, statusName } from './health-probe.ts';
import { HealthStream } from './health-stream.ts';
import { GRPC, H2, statusOfHttp } from './statuses.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** Streams part ways by themselves: they begin when something happens. */
const AFTER_FIRST = 2;
/** The endpoint is told no deadline: only the first word has to come in time. */
const NO_DEADLINE = -1;

export class Watcher extends HealthStream {
  constructor(context: Context, upstream: Upstream, config: HealthConfig) {
    super(context, upstream, config, 'Watch');
  }

  begin(): void {
    if (this.attempt !== null) return;
    this.context.timers.cancel(this);
    this.handleTimer();
  }

  leave(session: UpstreamSession): void {
    if (this.attempt?.session === session) this.forget(H2.cancel);
  }

  /** A stream is due. Not connected: `begin` starts again. No room: with the next interval. */
  handleTimer(): void {
    const session = this.upstream.sessionWithRoom();
    if (session === null) return this.#schedule();
    this.open(session, NO_DEADLINE);
  }

  /** A message may come in pieces, and several at once. */
  handleData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void {
    attempt.session?.link?.consume(attempt.stream as LinkStream, bytes.length);
    const all = new Uint8Array(this.replyLength + bytes.length);
    all.set(this.reply.subarray(0, this.replyLength));
    all.set(bytes, this.replyLength);
    let rest = all;
    let said = -2;
    for (let length = framedLength(rest); length <= rest.length; length = framedLength(rest)) {
      said = decodeStatus(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    const endless =
      rest.length > REPLY_BYTES_MAX || (rest.length >= 5 && framedLength(rest) > REPLY_BYTES_MAX);
    if (endless) return this.#failed('its health watch said too much', H2.cancel);
    this.reply.set(rest);
    this.replyLength = rest.length;
    if (said !== -2) this.#said(attempt, said);
    if (endStream) this.handleStatus(statusOfHttp(attempt.httpStatus));
  }

  handleReset(_attempt: Attempt): void {
    this.#failed('its health watch was cut off', -1);
  }

  handleHung(_attempt: Attempt): void {
    this.#failed(`no answer to a health watch within ${this.config.timeoutMs} ms`, H2.cancel, true);
  }

  protected handleStatus(grpcStatus: number): void {
    if (grpcStatus !== GRPC.unimplemented)
      return this.#failed(`its health watch ended with status ${grpcStatus}`, -1);
    this.forget(-1);
    this.upstream.handleChecked(true, '', false);
  }

  #said(attempt: Attempt, status: number): void {
    this.context.timers.cancel(attempt);
    if (status !== SERVING) this.context.counters.healthChecksFailed++;
    this.upstream.handleChecked(status === SERVING, `its health watch says ${statusName(status)}`, false);
  }

  #failed(trouble: string, resetCode: number, hung = false): void {
    this.forget(resetCode);
    this.context.counters.healthChecksFailed++;
    this.#schedule();
    this.upstream.handleChecked(false, trouble, hung);
  }

  #schedule(): void {
    if (this.upstream.connections === 0) return;
    const { timers, nowNs, random } = this.context;
    timers.arm(this, nowNs, nextCheckNs(this.config, nowNs, nowNs, AFTER_FIRST, false, random()));
  }
}
