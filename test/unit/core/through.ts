/** A sidecar in memory between a caller and an upstream that speak HTTP/2 octets: what one says, the other hears. */
import type { UpstreamPort } from '../../../proxy/core/machine.ts';
import { Sidecar } from '../../../proxy/core/sidecar.ts';
import { DEFAULT_SIDECAR_CONFIG, type SidecarConfig } from '../../../proxy/policy/config.ts';
import { Connection } from '../../../proxy/wire/connection.ts';
import { type HeaderBlock, headerBlock } from '../../../proxy/wire/headers.ts';
import type { WireLimits } from '../../../proxy/wire/limits.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';
import { QUIET, RESPONSE, TRAILERS } from '../wire/kit.ts';

const SECOND_NS = 1e9;

/** One call as it is heard on one side. */
export class Heard {
  stream: LinkStream | null = null;
  head: HeaderBlock | null = null;
  trailers: HeaderBlock | null = null;
  body = Buffer.alloc(0);
  ended = false;
  resetCode = -1;
  /** Blocks of headers that came. */
  blocks = 0;

  get status(): number {
    return this.trailers?.grpcStatus ?? this.head?.grpcStatus ?? -1;
  }
}

/** Fields as `name=value`, in order; pseudo-headers and those of each call's own apart. */
export function fieldsOf(block: HeaderBlock | null): string[] {
  const own = /^(:|grpc-timeout$|te$|content-type$)/;
  return (block?.fields ?? [])
    .filter(({ name }) => !own.test(name))
    .map(({ name, value }) => `${name}=${value}`);
}

export interface ThroughOptions {
  readonly config?: Partial<SidecarConfig>;
  /** How many octets go over next, of those that wait. */
  readonly cut?: () => number;
  readonly callerLimits?: Partial<WireLimits>;
  readonly upstreamLimits?: Partial<WireLimits>;
  /** The upstream has the whole request: it answers. By default its body, and OK. */
  readonly answer?: (server: Connection, stream: LinkStream, request: Heard) => void;
  /** False: the caller reads nothing of this call. */
  readonly reads?: (call: Heard) => boolean;
}

export class Through {
  readonly sidecar: Sidecar;
  readonly caller: Connection;
  /** The sidecar's connection to the upstream, to which octets can be fed by hand. */
  up!: Connection;
  /** What the upstream heard, in order. */
  readonly requests: Heard[] = [];
  readonly #options: ThroughOptions;
  #nowNs = 0;
  readonly #pipes: { from: Connection; to: Connection; waits: Buffer }[] = [];

  constructor(options: ThroughOptions = {}) {
    this.#options = options;
    const ports: UpstreamPort[] = [];
    const config = { ...DEFAULT_SIDECAR_CONFIG, ...options.config };
    this.sidecar = new Sidecar(config, { dial: (port) => void ports.push(port) }, null, () => 0.5);
    this.sidecar.advance(1);
    this.sidecar.handleEndpoints([{ id: 'a', address: 'a:1', draining: false }]);
    for (const port of ports) {
      this.up = new Connection('client', port);
      port.attach(this.up);
      this.#join(this.up, this.#upstream());
    }
    const session = this.sidecar.acceptDownstream();
    const down = new Connection('server', session);
    session.attach(down);
    const events = this.#recorder((stream) => stream.user as Heard);
    this.caller = new Connection(
      'client',
      {
        ...events,
        onData: (stream, bytes, endStream) => {
          events.onData(stream, bytes, endStream);
          if (options.reads?.(stream.user as Heard) !== false) this.caller.consume(stream, bytes.length);
        },
      },
      options.callerLimits,
    );
    this.#join(this.caller, down);
    this.move();
  }

  /** Begins a call; `end` false leaves its request open. */
  call(
    fields: readonly (readonly [string, string])[] = [],
    body: Uint8Array = Buffer.alloc(0),
    end = true,
  ): Heard {
    const heard = new Heard();
    const request = headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/a.B/C'],
      [':authority', 'mesh'],
      ['te', 'trailers'],
      ...fields,
    ]);
    heard.stream = this.caller.openStream(heard, request, -1, 0, false);
    if (body.length > 0 || end) this.caller.sendData(heard.stream, body, end);
    this.move();
    return heard;
  }

  /** Until nothing moves, and nothing would within a second. */
  move(): void {
    for (let moved = true; moved; ) {
      moved = this.#wake();
      for (const pipe of this.#pipes) {
        if (pipe.from.hasOutput) pipe.waits = Buffer.concat([pipe.waits, pipe.from.takeOutput()]);
        if (pipe.waits.length === 0) continue;
        const size = Math.min(pipe.waits.length, this.#options.cut?.() ?? Infinity);
        pipe.to.handleBytes(pipe.waits.subarray(0, size));
        pipe.waits = pipe.waits.subarray(size);
        moved = true;
      }
    }
  }

  /** Lets time pass for who waits for it: small DATA waits for a wider window, but not long. */
  #wake(): boolean {
    if (this.#pipes.some(({ from, waits }) => from.hasOutput || waits.length > 0)) return false;
    const nextNs = Math.min(...this.#pipes.map(({ from }) => from.nextTimeoutNs));
    if (nextNs > this.#nowNs + SECOND_NS) return false;
    this.#nowNs = nextNs;
    for (const { from } of this.#pipes) {
      from.nowNs = nextNs;
      from.handleTimeout();
    }
    return true;
  }

  #join(one: Connection, other: Connection): void {
    this.#pipes.push({ from: one, to: other, waits: Buffer.alloc(0) });
    this.#pipes.push({ from: other, to: one, waits: Buffer.alloc(0) });
  }

  #upstream(): Connection {
    const heardOn = new Map<LinkStream, Heard>();
    const events = this.#recorder((stream) => {
      const heard = heardOn.get(stream) ?? new Heard();
      if (!heardOn.has(stream)) this.requests.push(heard);
      heardOn.set(stream, heard);
      return heard;
    });
    const answer = (stream: LinkStream, heard: Heard): void => {
      if (!heard.ended) return;
      (this.#options.answer ?? echo)(server, stream, heard);
    };
    const own: LinkEvents = {
      ...events,
      onHeaders: (stream, block, endStream) => {
        events.onHeaders(stream, block, endStream);
        answer(stream, heardOn.get(stream) as Heard);
      },
      onData: (stream, bytes, endStream) => {
        events.onData(stream, bytes, endStream);
        server.consume(stream, bytes.length);
        answer(stream, heardOn.get(stream) as Heard);
      },
    };
    const server: Connection = new Connection('server', own, this.#options.upstreamLimits);
    return server;
  }

  #recorder(of: (stream: LinkStream) => Heard): LinkEvents {
    return {
      ...QUIET,
      onHeaders: (stream, block, endStream) => {
        const heard = of(stream);
        heard.head = block;
        heard.blocks++;
        heard.ended = endStream;
      },
      onData: (stream, bytes, endStream) => {
        const heard = of(stream);
        heard.body = Buffer.concat([heard.body, bytes]);
        heard.ended = endStream;
      },
      onTrailers: (stream, block) => {
        const heard = of(stream);
        heard.trailers = block;
        heard.blocks++;
        heard.ended = true;
      },
      onReset: (stream, code) => {
        of(stream).resetCode = code;
      },
    };
  }
}

function echo(server: Connection, stream: LinkStream, { body }: Heard): void {
  server.sendHeaders(stream, RESPONSE, false);
  server.sendData(stream, body, false);
  server.sendTrailers(stream, TRAILERS);
}
