/** A fake driver for tests of the machine: links that write down what they are told, and time that tests move by hand. */
import { Sidecar } from '../../../proxy/core/sidecar.ts';
import type { UpstreamPort } from '../../../proxy/core/machine.ts';
import type { Observer } from '../../../proxy/core/observer.ts';
import type { Endpoint, SidecarConfig } from '../../../proxy/policy/config.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import type { HeaderBlock } from '../../../proxy/wire/headers.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { Link, LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';

export const MS = 1e6;

/** One stream, with all that the machine sent on it. */
export class FakeStream implements LinkStream {
  readonly id: number;
  user: unknown = null;
  queuedBytes = 0;
  narrow = false;
  widened = false;
  headers: HeaderBlock | null = null;
  trailers: HeaderBlock | null = null;
  timeoutNs = -1;
  previousAttempts = 0;
  body: number[] = [];
  ended = false;
  resetCode: number | null = null;
  consumed = 0;

  constructor(id: number) {
    this.id = id;
  }

  get text(): string {
    return Buffer.from(this.body).toString('latin1');
  }

  /** grpc-status that went out, wherever it stood; -1: none. */
  get status(): number {
    return this.trailers?.grpcStatus ?? this.headers?.grpcStatus ?? -1;
  }

  get message(): string {
    return decodeURIComponent((this.trailers ?? this.headers)?.get('grpc-message') ?? '');
  }
}

/** A link that records. `blocked`: nothing sent on it goes out. */
export class FakeLink implements Link {
  capacity = 100;
  blocked = false;
  closed = false;
  peerReads = true;
  pingedTooOften = false;
  /** How many times rarer keepalive PINGs are to be. */
  slowness = 1;
  goAways: boolean[] = [];
  readonly streams: FakeStream[] = [];

  slowPings(times: number): void {
    this.slowness = times;
  }

  get open(): FakeStream[] {
    return this.streams.filter((stream) => stream.resetCode === null && stream.user !== null);
  }

  get last(): FakeStream {
    return this.streams.at(-1) as FakeStream;
  }

  get streamCapacity(): number {
    return this.closed ? 0 : this.capacity - this.open.length;
  }

  openStream(
    user: unknown,
    request: HeaderBlock,
    timeoutNs: number,
    previous: number,
    end: boolean,
  ): FakeStream {
    const stream = new FakeStream(this.streams.length * 2 + 1);
    stream.user = user;
    stream.headers = request;
    stream.timeoutNs = timeoutNs;
    stream.previousAttempts = previous;
    stream.ended = end;
    this.streams.push(stream);
    return stream;
  }

  sendHeaders(stream: FakeStream, block: HeaderBlock, endStream: boolean): void {
    if (stream.ended) throw new Error('headers after the end');
    stream.headers = block;
    stream.ended = endStream;
  }

  sendData(stream: FakeStream, bytes: Uint8Array, endStream: boolean): void {
    if (stream.ended) throw new Error('data after the end');
    stream.body.push(...bytes);
    stream.ended = endStream;
    if (this.blocked) stream.queuedBytes += bytes.length;
  }

  sendTrailers(stream: FakeStream, block: HeaderBlock): void {
    if (stream.ended) throw new Error('trailers after the end');
    stream.trailers = block;
    stream.ended = true;
  }

  resetStream(stream: FakeStream, code: number): void {
    stream.resetCode ??= code;
  }

  widen(stream: FakeStream): void {
    stream.widened = true;
    stream.narrow = false;
  }

  consume(stream: FakeStream, byteCount: number): void {
    stream.consumed += byteCount;
  }

  goAway(_code: number, final: boolean): void {
    this.goAways.push(final);
  }

  close(): void {
    this.closed = true;
  }
}

export interface MeshOptions {
  config?: Partial<Omit<SidecarConfig, 'retry'>> & { retry?: Partial<SidecarConfig['retry']> };
  observer?: Observer;
  random?: () => number;
  /** Leaves dials unanswered. */
  silent?: boolean;
}

/** A machine with one caller's connection; dials are answered at once unless `silent`. */
export class FakeMesh {
  readonly sidecar: Sidecar;
  nowNs = 1e9;
  readonly dialled: UpstreamPort[] = [];
  readonly abandoned: UpstreamPort[] = [];
  /** The newest link of each address. */
  readonly links = new Map<string, FakeLink>();
  readonly ports = new Map<string, UpstreamPort>();
  readonly caller = new FakeLink();
  readonly session: LinkEvents;
  silent: boolean;

  constructor(endpoints: readonly string[] | number, options: MeshOptions = {}) {
    this.silent = options.silent ?? false;
    const config = {
      ...DEFAULT_SIDECAR_CONFIG,
      ...options.config,
      retry: { ...DEFAULT_SIDECAR_CONFIG.retry, ...options.config?.retry },
    };
    const environment = {
      dial: (port: UpstreamPort): void => void this.dialled.push(port),
      abandon: (port: UpstreamPort): void => void this.abandoned.push(port),
    };
    this.sidecar = new Sidecar(config, environment, options.observer ?? null, options.random ?? (() => 0));
    this.sidecar.advance(this.nowNs);
    const session = this.sidecar.acceptDownstream();
    session.attach(this.caller);
    this.session = session;
    const names = typeof endpoints === 'number' ? [...'abcdefghijklmnop'].slice(0, endpoints) : endpoints;
    this.endpoints(names);
  }

  endpoints(names: readonly string[], draining: readonly string[] = []): void {
    this.sidecar.handleEndpoints(names.map((id) => endpoint(id, draining.includes(id))));
    if (!this.silent) this.connectAll();
  }

  connectAll(): void {
    for (const port of this.dialled.splice(0)) this.connect(port);
  }

  connect(port: UpstreamPort, link = new FakeLink()): FakeLink {
    this.links.set(port.endpoint.id, link);
    this.ports.set(port.endpoint.id, port);
    port.handleConnected(link);
    return link;
  }

  /** Connects with a link that takes nothing off what is sent on it. */
  connectBlocked(port: UpstreamPort): FakeLink {
    const link = new FakeLink();
    link.blocked = true;
    return this.connect(port, link);
  }

  /** Connects with a link that has no room for a stream. */
  connectFull(port: UpstreamPort): FakeLink {
    const link = new FakeLink();
    link.capacity = 0;
    return this.connect(port, link);
  }

  /** The socket stands; the link counts as connected with its first `onCapacity`. */
  connectLater(port: UpstreamPort): FakeLink {
    const link = new FakeLink();
    this.links.set(port.endpoint.id, link);
    this.ports.set(port.endpoint.id, port);
    port.attach(link);
    return link;
  }

  link(id: string): FakeLink {
    const link = this.links.get(id);
    if (link === undefined) throw new Error(`no link to ${id}`);
    return link;
  }

  port(id: string): UpstreamPort {
    const port = this.ports.get(id);
    if (port === undefined) throw new Error(`no connection to ${id}`);
    return port;
  }

  /** Lets time pass; timers fire when they are due. */
  pass(durationNs: number): void {
    const untilNs = this.nowNs + durationNs;
    for (let turns = 0; turns < 10_000 && this.sidecar.nextTimeoutNs <= untilNs; turns++) {
      this.nowNs = Math.max(this.nowNs, this.sidecar.nextTimeoutNs);
      this.sidecar.advance(this.nowNs);
      this.sidecar.handleTimeout();
      if (!this.silent) this.connectAll();
    }
    this.nowNs = untilNs;
    this.sidecar.advance(untilNs);
  }

  /** A caller's request; `body` null leaves it open. */
  call(body: string | null = 'hi', extra: readonly [string, string][] = []): FakeStream {
    const stream = new FakeStream(this.caller.streams.length * 2 + 1);
    this.caller.streams.push(stream);
    this.session.onHeaders(stream, request(extra), false);
    if (body !== null) this.session.onData(stream, Buffer.from(body), true);
    return stream;
  }

  /** Which endpoint holds the newest stream of each, by who got one more since `before`. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [id, link] of this.links) counts[id] = link.streams.length;
    return counts;
  }

  /** The endpoint where a stream is open that no one has answered. */
  where(): string[] {
    return [...this.links].filter(([, link]) => link.open.length > 0).map(([id]) => id);
  }

  /** Answers the newest stream of an endpoint: headers, one body, trailers. */
  reply(id: string, body = 'ok', status = 0): void {
    const stream = this.link(id).last;
    this.port(id).onHeaders(stream, RESPONSE, false);
    this.port(id).onData(stream, Buffer.from(body), false);
    this.port(id).onTrailers(stream, headerBlock([['grpc-status', String(status)]]));
  }

  /** A trailers-only answer on the newest stream. */
  refuse(id: string, status: number, extra: readonly [string, string][] = []): void {
    this.port(id).onHeaders(
      this.link(id).last,
      headerBlock([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', String(status)],
        ['grpc-message', 'said the endpoint'],
        ...extra,
      ]),
      true,
    );
  }

  reset(id: string, code: number, unprocessed = false): void {
    this.port(id).onReset(this.link(id).last, code, unprocessed);
  }

  /** The connection goes: resets first, then the close, as carriers do. */
  cut(id: string): void {
    const port = this.port(id);
    const link = this.link(id);
    const { open } = link;
    link.closed = true;
    for (const stream of open) port.onReset(stream, -1, false);
    port.onClose('reset by peer');
  }
}

export const RESPONSE = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);

export function request(extra: readonly [string, string][] = []): HeaderBlock {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/my_service.MyService/MyMethod'],
    [':authority', 'mesh'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ...extra,
  ]);
}

export function endpoint(id: string, draining = false): Endpoint {
  return { id, address: `${id}:1`, draining };
}
