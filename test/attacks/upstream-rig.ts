/** The sans-IO sidecar between one caller and upstreams that misbehave, honest ones beside them; time is the test's. */
import type { UpstreamPort } from '../../proxy/core/machine.ts';
import { Sidecar } from '../../proxy/core/sidecar.ts';
import { DEFAULT_SIDECAR_CONFIG, type SidecarConfig } from '../../proxy/policy/config.ts';
import { Connection } from '../../proxy/wire/connection.ts';
import { headerBlock } from '../../proxy/wire/headers.ts';
import type { WireLimits } from '../../proxy/wire/limits.ts';
import type { LinkEvents, LinkStream } from '../../proxy/wire/link.ts';
import { QUIET, REQUEST, RESPONSE, TRAILERS } from '../unit/wire/kit.ts';
import { HostilePeer } from './hostile-peer.ts';
import type { HostileUpstream, Step } from './hostile-upstreams.ts';
import { leftovers } from './leftovers.ts';

/** What a connection takes to come about. */
const DIAL_NS = 1e6;
const CANCEL = 8;
const TURNS_MAX = 100_000;

export interface Ended {
  status: number;
  bytes: number;
}

/** A connection of the sidecar, and how to move what it says and hears. */
interface Wire {
  readonly ours: Connection;
  /** Moves octets; true when there were any. */
  move(): boolean;
}

export class UpstreamRig {
  nowNs = 1e9;
  /** Requests that came to upstreams. */
  arrived = 0;
  /** Connections that upstreams accepted, by address. */
  readonly dials = new Map<string, number>();
  readonly sidecar: Sidecar;
  readonly #rows: ReadonlyMap<string, HostileUpstream | null>;
  #dialled: { readonly port: UpstreamPort; readonly dueNs: number }[] = [];
  readonly #wires = new Map<UpstreamPort | null, Wire>();
  /** Connections to upstreams, those that are over too. */
  readonly #made: Connection[] = [];
  readonly #caller: Connection;
  readonly #ended = new Map<LinkStream, Ended>();
  readonly #unread = new Set<LinkStream>();

  /** Upstreams by address; null is an honest one, which echoes. */
  constructor(rows: ReadonlyMap<string, HostileUpstream | null>, config: Partial<SidecarConfig> = {}) {
    this.#rows = rows;
    this.sidecar = new Sidecar(
      { ...DEFAULT_SIDECAR_CONFIG, ...config },
      {
        dial: (port) => void this.#dialled.push({ port, dueNs: this.nowNs + DIAL_NS }),
        abandon: (port) => this.#abandon(port),
      },
      null,
      () => 0.5,
    );
    this.sidecar.advance(this.nowNs);
    this.#caller = this.#connectCaller();
    this.sidecar.handleEndpoints(
      [...rows.keys()].map((address) => ({ address, id: address, draining: false })),
    );
    this.advance(10);
  }

  /** A call with a deadline; its end comes with time. `reads` false: the caller takes none of the answer's octets. */
  call(
    message: Uint8Array,
    request: 'ended' | 'open',
    deadlineMs: number,
    reads = true,
  ): () => Ended | undefined {
    this.#tellTime();
    const stream = this.#caller.openStream(null, headerBlock(REQUEST), deadlineMs * 1e6, 0, false);
    if (!reads) this.#unread.add(stream);
    this.#caller.sendData(stream, message, request === 'ended');
    this.#pump();
    return () => this.#ended.get(stream);
  }

  /** Callers that read nothing throw away what came, and give up. */
  cancelUnread(): void {
    this.#tellTime();
    for (const stream of this.#unread) {
      this.#caller.consume(stream, Infinity);
      this.#caller.resetStream(stream, CANCEL);
      if (!this.#ended.has(stream)) this.#ended.set(stream, { status: 1, bytes: 0 });
    }
    this.#unread.clear();
    this.#pump();
  }

  /** Time passes; what is due happens in order. */
  advance(ms: number): void {
    const untilNs = this.nowNs + ms * 1e6;
    this.#pump();
    for (let turns = 0; ; turns++) {
      if (turns > TURNS_MAX) throw new Error('it does not come to rest');
      const dueNs = this.#nextNs();
      if (dueNs > untilNs) break;
      this.nowNs = Math.max(this.nowNs, dueNs);
      this.#tellTime();
      this.#connectDialled();
      if (this.sidecar.nextTimeoutNs <= this.nowNs) this.sidecar.handleTimeout();
      for (const { ours } of this.#wires.values()) if (ours.nextTimeoutNs <= this.nowNs) ours.handleTimeout();
      if (this.#caller.nextTimeoutNs <= this.nowNs) this.#caller.handleTimeout();
      this.#pump();
    }
    this.nowNs = untilNs;
    this.#tellTime();
  }

  /** As in `/stats`: there the driver adds it up. */
  get peerErrorsUpstream(): number {
    return this.#made.reduce((sum, { peerErrors }) => sum + peerErrors, 0);
  }

  /** All calls have ended: what is left of them. */
  leftovers(): string[] {
    return leftovers(this.sidecar, [this.#caller, ...[...this.#wires.values()].map(({ ours }) => ours)]);
  }

  /** Only this upstream is left. */
  only(address: string): void {
    this.sidecar.handleEndpoints([{ address, id: address, draining: false }]);
    this.advance(10);
  }

  /** Everybody leaves: what is left of connections and timers. */
  leftoversAtTheEnd(): string[] {
    this.sidecar.handleEndpoints([]);
    this.#caller.close();
    this.advance(60_000);
    this.sidecar.handleTimeout();
    const { connectionsDownstream, connectionsUpstream, timersArmed } = this.sidecar.stats();
    const gauges = { connectionsDownstream, connectionsUpstream, timersArmed, wires: this.#wires.size };
    const left = Object.entries(gauges).filter(([, value]) => value !== 0);
    const { nextTimeoutNs } = this.sidecar;
    return [
      ...left.map(([name, value]) => `${name}=${value}`),
      ...(nextTimeoutNs === Infinity ? [] : ['a timer that wakes for nobody']),
    ];
  }

  #tellTime(): void {
    this.sidecar.advance(this.nowNs);
    this.#caller.nowNs = this.nowNs;
    for (const { ours } of this.#wires.values()) ours.nowNs = this.nowNs;
  }

  #nextNs(): number {
    let nextNs = Math.min(this.sidecar.nextTimeoutNs, this.#caller.nextTimeoutNs);
    for (const { dueNs } of this.#dialled) nextNs = Math.min(nextNs, dueNs);
    for (const { ours } of this.#wires.values()) nextNs = Math.min(nextNs, ours.nextTimeoutNs);
    return nextNs;
  }

  #pump(): void {
    for (let rounds = 0, moved = true; moved; rounds++) {
      if (rounds > TURNS_MAX) throw new Error('octets without end');
      moved = false;
      for (const { move } of [...this.#wires.values()]) if (move()) moved = true;
    }
  }

  #connectDialled(): void {
    const due = this.#dialled.filter(({ dueNs }) => dueNs <= this.nowNs);
    this.#dialled = this.#dialled.filter(({ dueNs }) => dueNs > this.nowNs);
    for (const { port } of due) {
      const { address } = port.endpoint;
      this.dials.set(address, (this.dials.get(address) ?? 0) + 1);
      const ours = this.#connection('client', port);
      this.#made.push(ours);
      port.attach(ours);
      const row = this.#rows.get(address) ?? null;
      if (row === null) this.#wires.set(port, this.#join(port, ours, this.#honestServer()));
      else this.#meet(port, ours, row);
    }
  }

  #abandon(port: UpstreamPort): void {
    this.#dialled = this.#dialled.filter((each) => each.port !== port);
    this.#lose(port, 'abandoned');
  }

  /** What a driver does when a socket ends. */
  #lose(port: UpstreamPort, reason: string): void {
    const wire = this.#wires.get(port);
    if (wire === undefined) return;
    this.#wires.delete(port);
    if (wire.ours.closing) return;
    port.handleLosing();
    wire.ours.handleEof(reason);
  }

  #meet(port: UpstreamPort, ours: Connection, row: HostileUpstream): void {
    let said: Step[] = [];
    const peer = new HostilePeer(
      row,
      (step) => void said.push(step),
      () => void this.arrived++,
    );
    this.#wires.set(port, {
      ours,
      move: () => {
        const heard = ours.hasOutput ? Buffer.from(ours.takeOutput()) : null;
        if (heard !== null) peer.hear(heard);
        const steps = said;
        said = [];
        for (const step of steps) {
          if (step === 'FIN') this.#lose(port, 'closed by the endpoint');
          else if (step === 'RST') this.#lose(port, 'ECONNRESET');
          else ours.handleBytes(step);
        }
        if (ours.wantsClose && !ours.hasOutput) this.#wires.delete(port);
        return heard !== null || steps.length > 0;
      },
    });
    peer.greet();
  }

  #join(port: UpstreamPort | null, ours: Connection, theirs: Connection, closed = () => {}): Wire {
    return {
      ours,
      move: () => {
        theirs.nowNs = this.nowNs;
        let moved = false;
        for (const [from, to] of [
          [ours, theirs],
          [theirs, ours],
        ] as const) {
          if (!from.hasOutput) continue;
          to.handleBytes(Buffer.from(from.takeOutput()));
          moved = true;
        }
        if (moved || !(ours.wantsClose || theirs.wantsClose)) return moved;
        this.#wires.delete(port);
        if (!ours.closing) ours.handleEof('closed');
        closed();
        return true;
      },
    };
  }

  #connection(role: 'client' | 'server', events: LinkEvents, limits: Partial<WireLimits> = {}): Connection {
    const connection = new Connection(role, events, limits);
    connection.nowNs = this.nowNs;
    return connection;
  }

  /** Sends back what it gets, as fast as it is taken. */
  #honestServer(): Connection {
    const server: Connection = this.#connection('server', {
      ...QUIET,
      onHeaders: (stream) => {
        this.arrived++;
        server.sendHeaders(stream, RESPONSE, false);
      },
      onData: (stream, bytes, endStream) => {
        server.sendData(stream, bytes, false);
        server.consume(stream, bytes.length);
        if (endStream) server.sendTrailers(stream, TRAILERS);
      },
    });
    return server;
  }

  #connectCaller(): Connection {
    const session = this.sidecar.acceptDownstream();
    const ours = this.#connection('server', session);
    session.attach(ours);
    const end = (stream: LinkStream, status: number): void => {
      if (this.#ended.has(stream)) throw new Error('a second end of a call');
      this.#ended.set(stream, { status, bytes: Number(stream.user ?? 0) });
    };
    const events: LinkEvents = {
      ...QUIET,
      onHeaders: (stream, block, endStream) => {
        if (endStream) end(stream, block.grpcStatus);
      },
      onData: (stream, bytes) => {
        stream.user = Number(stream.user ?? 0) + bytes.length;
        if (!this.#unread.has(stream)) caller.consume(stream, bytes.length);
      },
      onTrailers: (stream, block) => end(stream, block.grpcStatus),
      // After its end a request that nobody needs any more is stopped.
      onReset: (stream, code) => {
        if (code !== 0 || !this.#ended.has(stream)) end(stream, -1 - code);
      },
    };
    // Less than an endpoint's first window: what is not read is held in the sidecar.
    const caller: Connection = this.#connection('client', events, { streamWindowBytes: 4_096 });
    this.#wires.set(
      null,
      this.#join(null, ours, caller, () => session.onClose()),
    );
    return caller;
  }
}
