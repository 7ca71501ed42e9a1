// Callers as conforming gRPC clients: so many calls a second over a few connections, and long streams beside them. After a
// GOAWAY new calls go over a new connection; what was provably never taken is sent once more. Everything else that fails is lost.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Connection } from '../../proxy/wire/connection.ts';
import { type HeaderBlock, headerBlock } from '../../proxy/wire/headers.ts';
import type { LinkEvents, LinkStream } from '../../proxy/wire/link.ts';

const LANES = 4;
const TICK_MS = 2;
/** A new long stream so often, over all; each sends a message now and then until its end. */
const STREAM_EVERY_MS = 250;
const STREAM_MESSAGE_MS = 500;
const TIMEOUT_NS = 30e9;
const MESSAGE = Uint8Array.from([0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from('World')]);

interface Call {
  isStream: boolean;
  tries: number;
}

export interface Tally {
  calls: number;
  /** Long streams. */
  streams: number;
  lostCalls: number;
  lostStreams: number;
  /** Sent once more because nobody had taken them. */
  repeated: number;
  /** How often each way of losing one occurred. */
  reasons: Map<string, number>;
}

export class Callers {
  readonly tally: Tally = {
    calls: 0,
    streams: 0,
    lostCalls: 0,
    lostStreams: 0,
    repeated: 0,
    reasons: new Map(),
  };
  open = 0;
  #lanes: Lane[] = [];
  #timer: NodeJS.Timeout | null = null;
  #next = 0;
  readonly #rate: number;
  readonly #streamMs: number;

  constructor(rate: number, streamMs: number) {
    this.#rate = rate;
    this.#streamMs = streamMs;
  }

  /** From now on calls go to these, HOST:PORT each; what goes over other connections ends there. */
  aim(addresses: readonly string[]): void {
    this.#lanes = addresses.flatMap((address) => {
      const known = this.#lanes.filter((lane) => lane.address === address);
      return known.length > 0 ? known : Array.from({ length: LANES }, () => new Lane(address, this));
    });
  }

  begin(): void {
    const beganMs = performance.now();
    let sent = 0;
    let streams = 0;
    this.#timer = setInterval(() => {
      const elapsedMs = performance.now() - beganMs;
      for (const due = Math.floor((elapsedMs * this.#rate) / 1_000); sent < due; sent++) this.#call(false);
      for (const due = Math.floor(elapsedMs / STREAM_EVERY_MS); streams < due; streams++) this.#call(true);
      for (const lane of this.#lanes) lane.flush();
    }, TICK_MS);
  }

  /** No more calls; resolves when all have ended, and counts those that have not after `graceMs`. */
  async end(graceMs: number): Promise<Tally> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const untilMs = performance.now() + graceMs;
    while (this.open > 0 && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (; this.open > 0; ) this.lost({ isStream: false, tries: 1 }, 'never answered');
    for (const lane of this.#lanes) lane.close();
    return this.tally;
  }

  /** How long a stream of this kind lasts, ms. */
  get streamMs(): number {
    return this.#streamMs;
  }

  well(): void {
    this.open--;
  }

  lost(call: Call, reason: string): void {
    this.open--;
    if (call.isStream) this.tally.lostStreams++;
    else this.tally.lostCalls++;
    const { reasons } = this.tally;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }

  #call(isStream: boolean): void {
    if (isStream) this.tally.streams++;
    else this.tally.calls++;
    this.open++;
    const lane = this.#lanes[this.#next++ % this.#lanes.length] as Lane;
    lane.send({ isStream, tries: 0 });
  }
}

/** One connection's worth of callers to one address: the connection in use, and calls that wait for it to come up. */
class Lane {
  readonly address: string;
  readonly callers: Callers;
  readonly #waiting: Call[] = [];
  #line: Line | null = null;

  constructor(address: string, callers: Callers) {
    this.address = address;
    this.callers = callers;
  }

  send(call: Call): void {
    this.#waiting.push(call);
    this.#line ??= new Line(this);
    this.#line.take();
  }

  /** What was never taken goes out once more. */
  again(call: Call, reason: string): void {
    if (call.tries > 1) return this.callers.lost(call, reason);
    this.callers.tally.repeated++;
    this.send(call);
  }

  next(): Call | undefined {
    return this.#waiting.shift();
  }

  /** This line takes no new calls. */
  leave(line: Line): void {
    if (this.#line === line) this.#line = null;
  }

  /** It never came up: a client fails fast. */
  refused(line: Line, reason: string): void {
    this.leave(line);
    for (const call of this.#waiting.splice(0)) this.callers.lost(call, reason);
  }

  flush(): void {
    this.#line?.flush();
  }

  close(): void {
    this.#line?.destroy();
  }
}

class Line implements LinkEvents {
  readonly #lane: Lane;
  readonly #socket: Socket;
  readonly #connection: Connection;
  #isUp = false;
  #over = false;
  #streams = 0;

  constructor(lane: Lane) {
    this.#lane = lane;
    this.#connection = new Connection('client', this, {});
    const [host = '', port] = lane.address.split(':');
    this.#socket = connect({ host, port: Number(port), noDelay: true });
    this.#socket.on('connect', () => this.flush());
    this.#socket.on('data', (chunk: Buffer) => {
      this.#enter();
      this.#connection.handleBytes(chunk);
      this.flush();
    });
    this.#socket.on('error', (error) => this.#end(`connection failed: ${error.message}`));
    this.#socket.on('close', () => this.#end('connection closed'));
  }

  /** Takes as many waiting calls as there is room for. */
  take(): void {
    if (!this.#isUp) return;
    this.#enter();
    while (this.#connection.streamCapacity > 0) {
      const call = this.#lane.next();
      if (call === undefined) return;
      this.#open(call);
    }
  }

  flush(): void {
    this.take();
    const connection = this.#connection;
    for (let writes = 0; writes < 64 && connection.hasOutput; writes++) {
      const taken = connection.takeOutput();
      this.#socket.write(taken);
      if (this.#socket.writableLength === 0) connection.recycle(taken);
    }
    if (connection.wantsClose) this.#socket.end();
  }

  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  onHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    if (endStream) this.#answered(stream, block.grpcStatus);
  }

  onData(stream: LinkStream, bytes: Uint8Array): void {
    this.#connection.consume(stream, bytes.length);
  }

  onTrailers(stream: LinkStream, block: HeaderBlock): void {
    this.#answered(stream, block.grpcStatus);
  }

  onReset(stream: LinkStream, code: number, unprocessed: boolean): void {
    const call = this.#taken(stream);
    if (call === null) return;
    const reason = code < 0 ? 'connection lost' : `reset with code ${code}`;
    if (unprocessed) this.#lane.again(call, reason);
    else this.#lane.callers.lost(call, reason);
  }

  onDrained(): void {}

  onCapacity(goingAway: boolean): void {
    this.#isUp = true;
    if (!goingAway) return;
    this.#over = true;
    this.#lane.leave(this);
    if (this.#streams === 0) this.#socket.end();
  }

  onClose(): void {
    this.#lane.leave(this);
  }

  #open(call: Call): void {
    call.tries++;
    this.#streams++;
    const path = call.isStream ? 'Echo' : 'MyMethod';
    const request = REQUESTS[path];
    const connection = this.#connection;
    const stream = connection.openStream(call, request, TIMEOUT_NS, 0, false);
    connection.sendData(stream, MESSAGE, !call.isStream);
    if (!call.isStream) return;
    let leftMs = this.#lane.callers.streamMs;
    const talk = setInterval(() => {
      if (stream.user !== call) return clearInterval(talk);
      leftMs -= STREAM_MESSAGE_MS;
      this.#enter();
      connection.sendData(stream, MESSAGE, leftMs <= 0);
      this.flush();
      if (leftMs <= 0) clearInterval(talk);
    }, STREAM_MESSAGE_MS);
  }

  #answered(stream: LinkStream, status: number): void {
    const call = this.#taken(stream);
    if (call === null) return;
    if (status === 0) this.#lane.callers.well();
    else this.#lane.callers.lost(call, `status ${status}`);
  }

  /** The call of a stream that has ended. */
  #taken(stream: LinkStream): Call | null {
    const call = stream.user as Call | null;
    stream.user = null;
    if (call === null) return null;
    this.#streams--;
    if (this.#over && this.#streams === 0) this.#socket.end();
    return call;
  }

  #end(reason: string): void {
    if (this.#over && this.#streams === 0) return this.#lane.leave(this);
    this.#over = true;
    this.#connection.handleEof(reason);
    if (this.#isUp) this.#lane.leave(this);
    else this.#lane.refused(this, reason);
  }

  #enter(): void {
    this.#connection.nowNs = Math.floor(performance.now() * 1e6);
  }
}

const REQUESTS = { Echo: requestOf('Echo'), MyMethod: requestOf('MyMethod') } as const;

function requestOf(method: string): HeaderBlock {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `/my_service.MyService/${method}`],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ]);
}
