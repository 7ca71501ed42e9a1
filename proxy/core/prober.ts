/** Active health checks of one endpoint: `grpc.health.v1.Health/Check` as a stream of its own on the connection calls use. */
import { nextCheckNs } from '../policy/check-schedule.ts';
import type { HealthConfig } from '../policy/config.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import { decodeStatus, REPLY_BYTES_MAX, SERVING, statusName } from './health-probe.ts';
import { HealthStream } from './health-stream.ts';
import { GRPC, H2, statusOfHttp } from './statuses.ts';
import type { Upstream } from './upstream.ts';

export class Prober extends HealthStream {
  #checks = 0;
  #startedNs = 0;
  #stopped = false;

  constructor(context: Context, upstream: Upstream, config: HealthConfig) {
    super(context, upstream, config, 'Check');
  }

  /** The endpoint is connected: checks at once if it has never been checked, else when it is due. */
  begin(): void {
    if (this.attempt !== null || this.#stopped) return;
    if (this.#checks === 0) {
      this.context.timers.cancel(this);
      this.handleTimer();
    } else if (!this.armed) {
      this.#startedNs = this.context.nowNs;
      this.#schedule();
    }
  }

  /** A check under way ends by itself: it is short. */
  leave(): void {}

  override stop(): void {
    this.#stopped = true;
    super.stop();
  }

  /** The next check is due; none is under way, for the timer rests meanwhile. */
  handleTimer(): void {
    const session = this.upstream.sessionWithRoom();
    this.#startedNs = this.context.nowNs;
    // Not connected: `begin` starts again. No room: the check comes with the next interval.
    if (session === null) {
      if (this.upstream.connected) this.#schedule();
      return;
    }
    this.#checks++;
    this.open(session, this.config.timeoutMs * 1e6);
  }

  handleData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void {
    const room = REPLY_BYTES_MAX - this.replyLength;
    const taken = bytes.subarray(0, room);
    this.reply.set(taken, this.replyLength);
    this.replyLength += taken.length;
    attempt.session?.link?.consume(attempt.stream as LinkStream, bytes.length);
    if (endStream) this.handleStatus(statusOfHttp(attempt.httpStatus));
    else if (bytes.length > room) this.#end(false, 'its health check answered too much', false, H2.cancel);
  }

  handleReset(_attempt: Attempt): void {
    this.#end(false, 'its health check was cut off', false, -1);
  }

  handleHung(_attempt: Attempt): void {
    this.#end(false, `no answer to a health check within ${this.config.timeoutMs} ms`, true, H2.cancel);
  }

  protected handleStatus(grpcStatus: number): void {
    // A server without the health service serves (gRFC A17).
    if (grpcStatus === GRPC.unimplemented) return this.#end(true, '', false, -1);
    if (grpcStatus !== GRPC.ok)
      return this.#end(false, `its health check ended with status ${grpcStatus}`, false, -1);
    const serving = decodeStatus(this.reply.subarray(0, this.replyLength));
    this.#end(serving === SERVING, `its health check says ${statusName(serving)}`, false, -1);
  }

  #end(success: boolean, trouble: string, hung: boolean, resetCode: number): void {
    this.forget(resetCode);
    if (!success) this.context.counters.healthChecksFailed++;
    this.upstream.handleChecked(success, trouble, hung);
    this.#schedule();
  }

  #schedule(): void {
    const { timers, nowNs, random } = this.context;
    const { onEdge } = this.upstream.health;
    timers.arm(this, nowNs, nextCheckNs(this.config, this.#startedNs, nowNs, this.#checks, onEdge, random()));
  }
}
