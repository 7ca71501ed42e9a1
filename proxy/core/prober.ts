/** Active health checks of one endpoint: `grpc.health.v1.Health/Check` as a stream of its own on the connection calls use. */
import type { HealthConfig } from '../policy/config.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import { headerBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Attempt } from './attempt.ts';
import type { Context } from './context.ts';
import { GRPC, H2, statusOfHttp } from './statuses.ts';
import { OwnedTimer } from './timers.ts';
import type { Timer, TimerOwner } from './timers.ts';
import type { Upstream } from './upstream.ts';

/** A `HealthCheckResponse` is a few octets; more is no such thing. */
const REPLY_BYTES_MAX = 64;
const SERVING = 1;

export class Prober implements TimerOwner {
  readonly #context: Context;
  readonly #upstream: Upstream;
  readonly #config: HealthConfig;
  readonly #request: HeaderBlock;
  readonly #body: Uint8Array;
  readonly #timer: Timer;
  #attempt: Attempt | null = null;
  readonly #reply = new Uint8Array(REPLY_BYTES_MAX);
  #replyLength = 0;
  #checks = 0;
  #stopped = false;

  constructor(context: Context, upstream: Upstream, config: HealthConfig) {
    this.#context = context;
    this.#upstream = upstream;
    this.#config = config;
    this.#request = checkRequest(upstream.endpoint.address);
    this.#body = encodeCheck(config.service);
    this.#timer = new OwnedTimer(this);
  }

  /** The endpoint is connected: checks at once if it has never been checked, else when it is due. */
  begin(): void {
    if (this.#attempt !== null || this.#stopped) return;
    if (this.#checks === 0) {
      this.#context.timers.cancel(this.#timer);
      this.handleTimer();
    } else if (!this.#timer.armed) this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#context.timers.cancel(this.#timer);
    this.#forget(H2.cancel);
  }

  /** The next check is due; none is under way, for the timer rests meanwhile. */
  handleTimer(): void {
    const session = this.#upstream.sessionWithRoom();
    // Not connected: `begin` starts again. No room: the check comes with the next interval.
    if (session === null) {
      if (this.#upstream.connected) this.#schedule();
      return;
    }
    const context = this.#context;
    this.#checks++;
    context.counters.healthChecks++;
    this.#replyLength = 0;
    const attempt = context.takeAttempt();
    attempt.probe = this;
    this.#attempt = attempt;
    const timeoutNs = this.#config.timeoutMs * 1e6;
    context.timers.arm(attempt, context.nowNs, timeoutNs);
    session.open(attempt, this.#request, timeoutNs, 0, false);
    session.link?.sendData(attempt.stream as LinkStream, this.#body, true);
  }

  handleHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    attempt.httpStatus = block.status;
    if (endStream) this.#judge(block.grpcStatus >= 0 ? block.grpcStatus : statusOfHttp(block.status));
  }

  handleData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void {
    const room = REPLY_BYTES_MAX - this.#replyLength;
    const taken = bytes.subarray(0, room);
    this.#reply.set(taken, this.#replyLength);
    this.#replyLength += taken.length;
    attempt.session?.link?.consume(attempt.stream as LinkStream, bytes.length);
    if (endStream) this.#judge(statusOfHttp(attempt.httpStatus));
    else if (bytes.length > room) this.#end(false, 'its health check answered too much', false, H2.cancel);
  }

  handleTrailers(attempt: Attempt, block: HeaderBlock): void {
    this.#judge(block.grpcStatus >= 0 ? block.grpcStatus : statusOfHttp(attempt.httpStatus));
  }

  handleReset(_attempt: Attempt): void {
    this.#end(false, 'its health check was cut off', false, -1);
  }

  handleHung(_attempt: Attempt): void {
    this.#end(false, `no answer to a health check within ${this.#config.timeoutMs} ms`, true, H2.cancel);
  }

  #judge(grpcStatus: number): void {
    // A server without the health service serves (gRFC A17).
    if (grpcStatus === GRPC.unimplemented) return this.#end(true, '', false, -1);
    if (grpcStatus !== GRPC.ok)
      return this.#end(false, `its health check ended with status ${grpcStatus}`, false, -1);
    const serving = decodeStatus(this.#reply.subarray(0, this.#replyLength));
    this.#end(serving === SERVING, `its health check says ${statusName(serving)}`, false, -1);
  }

  #end(success: boolean, trouble: string, hung: boolean, resetCode: number): void {
    this.#forget(resetCode);
    if (!success) this.#context.counters.healthChecksFailed++;
    this.#schedule();
    this.#upstream.handleChecked(success, trouble, hung);
  }

  #forget(resetCode: number): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    this.#attempt = null;
    this.#context.timers.cancel(attempt);
    attempt.session?.release(attempt, resetCode);
  }

  /** The second check comes at a random part of the interval, so that sidecars started together part ways (FO-32). */
  #schedule(): void {
    const { timers, nowNs, random } = this.#context;
    const share = this.#checks === 1 ? random() : 0.9 + 0.2 * random();
    timers.arm(this.#timer, nowNs, Math.max(1e6, Math.floor(this.#config.intervalMs * 1e6 * share)));
  }
}

function checkRequest(authority: string): HeaderBlock {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/grpc.health.v1.Health/Check'],
    [':authority', authority],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'meshwright'],
  ]);
}

/** A framed `HealthCheckRequest { string service = 1 }`. */
function encodeCheck(service: string): Uint8Array {
  const name = new TextEncoder().encode(service).subarray(0, 127);
  const length = name.length === 0 ? 0 : name.length + 2;
  const body = new Uint8Array(5 + length);
  body[4] = length;
  if (length > 0) {
    body[5] = 0x0a;
    body[6] = name.length;
    body.set(name, 7);
  }
  return body;
}

/** `status` of a framed `HealthCheckResponse`; 0 (UNKNOWN) when absent, -1 when it is no such message. */
function decodeStatus(reply: Uint8Array): number {
  if (reply.length < 5 || reply[0] !== 0) return -1;
  const length =
    ((reply[1] as number) << 24) |
    ((reply[2] as number) << 16) |
    ((reply[3] as number) << 8) |
    (reply[4] as number);
  if (length !== reply.length - 5) return -1;
  if (length === 0) return 0;
  return length >= 2 && reply[5] === 0x08 ? (reply[6] as number) : -1;
}

function statusName(status: number): string {
  return ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'][status] ?? 'something it may not say';
}
