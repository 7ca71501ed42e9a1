/**
 * The white-box trace: one JSON array per line on a file descriptor, written in batches. Times are nanoseconds since the
 * epoch given on the command line (monotonic clock); `call` is the number in the request's `x-meshwright-call`; attempts
 * count from 1 and travel upstream as grpc-previous-rpc-attempts (absent: 1, n: n + 1). Lines:
 *
 * - `["attempt.sent", tNs, call, attempt, endpointId]`
 * - `["response.started", tNs, call, attempt]`
 * - `["attempt.ended", tNs, call, attempt, endpointId, end, grpcStatus]`
 * - `["call.ended", tNs, call, grpcStatus, madeHere ? 1 : 0]`
 * - `["endpoint.changed", tNs, endpointId, change]`
 * - `["source.asked", tNs]`: the registry was asked for a watch
 * - `["cpu", tNs, microseconds]`: processor time used since the start, every 100 ms and at the end
 */
import { writeSync } from 'node:fs';
import type { AttemptEnd, EndpointChange, Observer } from '../core/observer.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';

export const CALL_HEADER = 'x-meshwright-call';
const CPU_EVERY_MS = 100;
const BATCH_CHARS = 16_384;
const FLUSH_AFTER_MS = 10;
/** Unwritten text at most; a reader that stops reading loses lines rather than stopping the sidecar. */
const UNWRITTEN_CHARS_MAX = 8_388_608;

export class Trace implements Observer {
  /** Lines given up because nobody read them. */
  lost = 0;
  readonly #fd: number;
  /** Added to the machine's time. */
  readonly #offsetNs: number;
  readonly #clock: () => number;
  readonly #ticker: NodeJS.Timeout;
  #batch = '';
  #flush: NodeJS.Timeout | null = null;
  #rest: Buffer = Buffer.alloc(0);

  constructor(fd: number, offsetNs: number, clock: () => number) {
    this.#fd = fd;
    this.#offsetNs = offsetNs;
    this.#clock = clock;
    this.#ticker = setInterval(() => this.#cpu(), CPU_EVERY_MS);
    this.#ticker.unref();
    this.#cpu();
  }

  callStarted(_nowNs: number, _stream: LinkStream, request: HeaderBlock): number {
    const text = request.get(CALL_HEADER);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : -1;
  }

  attemptSent(nowNs: number, call: number, attempt: number, endpointId: string): void {
    this.#write(`["attempt.sent",${this.#time(nowNs)},${call},${attempt},${JSON.stringify(endpointId)}]\n`);
  }

  responseStarted(nowNs: number, call: number, attempt: number): void {
    this.#write(`["response.started",${this.#time(nowNs)},${call},${attempt}]\n`);
  }

  attemptEnded(
    nowNs: number,
    call: number,
    attempt: number,
    endpointId: string,
    end: AttemptEnd,
    grpcStatus: number,
  ): void {
    const id = JSON.stringify(endpointId);
    this.#write(`["attempt.ended",${this.#time(nowNs)},${call},${attempt},${id},"${end}",${grpcStatus}]\n`);
  }

  callEnded(nowNs: number, call: number, grpcStatus: number, madeHere: boolean): void {
    this.#write(`["call.ended",${this.#time(nowNs)},${call},${grpcStatus},${madeHere ? 1 : 0}]\n`);
  }

  endpointChanged(nowNs: number, endpointId: string, change: EndpointChange): void {
    this.#write(`["endpoint.changed",${this.#time(nowNs)},${JSON.stringify(endpointId)},"${change}"]\n`);
  }

  sourceAsked(nowNs: number): void {
    this.#write(`["source.asked",${this.#time(nowNs)}]\n`);
  }

  /** The last word: processor time so far, and all that is not written yet, as far as it goes at once. */
  end(): void {
    clearInterval(this.#ticker);
    this.#cpu();
    this.#send();
    for (let tries = 0; tries < 1_000 && this.#rest.length > 0; tries++) this.#send();
  }

  #time(nowNs: number): number {
    return nowNs + this.#offsetNs;
  }

  #cpu(): void {
    const { user, system } = process.cpuUsage();
    this.#write(`["cpu",${this.#time(this.#clock())},${user + system}]\n`);
  }

  #write(line: string): void {
    if (this.#batch.length + this.#rest.length > UNWRITTEN_CHARS_MAX) {
      this.lost++;
      return;
    }
    this.#batch += line;
    if (this.#batch.length >= BATCH_CHARS) return this.#send();
    this.#flush ??= setTimeout(() => this.#send(), FLUSH_AFTER_MS).unref();
  }

  #send(): void {
    if (this.#flush !== null) clearTimeout(this.#flush);
    this.#flush = null;
    let bytes = Buffer.from(this.#batch);
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    this.#batch = '';
    this.#rest = Buffer.alloc(0);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A pipe that is full for now: the rest goes with the next batch. Anything else: nobody listens any more.
      if (code === 'EAGAIN') this.#keep(bytes.subarray(written));
    }
  }

  #keep(bytes: Buffer): void {
    this.#rest = bytes;
    this.#flush ??= setTimeout(() => this.#send(), FLUSH_AFTER_MS).unref();
  }
}
