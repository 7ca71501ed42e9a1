/**
 * A whole sidecar without sockets, attacked: the real machine, an honest upstream, an innocent caller, and one hostile
 * connection whose octets a row gives. Everything is measured after every piece; time is the row's.
 */
import { Sidecar } from '../../proxy/core/sidecar.ts';
import type { UpstreamPort } from '../../proxy/core/machine.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../proxy/policy/config.ts';
import { Connection, type ConnectionRole } from '../../proxy/wire/connection.ts';
import { headerBlock } from '../../proxy/wire/headers.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../proxy/wire/limits.ts';
import type { LinkEvents, LinkStream } from '../../proxy/wire/link.ts';
import {
  type Frame,
  PREFACE,
  QUIET,
  REQUEST,
  RESPONSE,
  TRAILERS,
  frames,
  settings,
} from '../unit/wire/kit.ts';
import { leftovers } from './leftovers.ts';
import { type Measured, emptyMeasured } from './measured.ts';

/** The parties that are not attacked take whatever comes. */
const PATIENT: Partial<WireLimits> = {
  firstWindowBytes: 65_536,
  resetBurst: Infinity,
  glitchBurst: Infinity,
  windowUpdatesBase: Infinity,
  concurrentStreamsMax: 100_000,
  openStreamsMax: 100_000,
  queuedControlFramesMax: Infinity,
  settingsTimeoutMs: Infinity,
  settingsAckTimeoutMs: Infinity,
  prefaceTimeoutMs: Infinity,
  streamIdleTimeoutMs: Infinity,
  connectionIdleTimeoutMs: Infinity,
  windowShutTimeoutMs: Infinity,
  pingStrikesMax: Infinity,
};
/** An honest upstream never answers these, or answers with 1 MB. */
export const HOLD_PATH = '/my.Hold/Hold';
export const BIG_PATH = '/my.Big/Big';

export interface RigOptions {
  readonly role: ConnectionRole;
  readonly limits: Partial<WireLimits>;
  /** The hostile peer reads what we write. */
  readonly reads: boolean;
  /** Calls under way towards a hostile upstream. */
  readonly open: number;
  /** Octets with which the hostile peer begins. */
  readonly opening: Buffer | null;
}

export class Rig {
  nowNs = 1e9;
  readonly measured: Measured = emptyMeasured();
  readonly sidecar: Sidecar;
  hostile!: Connection;
  readonly #options: RigOptions;
  readonly #dials: UpstreamPort[] = [];
  readonly #pipes: [Connection, Connection][] = [];
  readonly #innocent: Connection;
  readonly #answered = new Set<LinkStream>();
  readonly #failed = new Set<LinkStream>();
  #servedByHonest = 0;

  constructor(options: RigOptions) {
    this.#options = options;
    const hostileUp = options.role === 'client';
    this.sidecar = new Sidecar(
      { ...DEFAULT_SIDECAR_CONFIG, retry: { ...DEFAULT_SIDECAR_CONFIG.retry, attempts: 1 } },
      { dial: (port) => this.#dials.push(port) },
      null,
      () => 0.5,
    );
    this.sidecar.advance(this.nowNs);
    const names = hostileUp ? ['hostile:1', 'honest:1'] : ['honest:1'];
    this.sidecar.handleEndpoints(names.map((address) => ({ address, id: address, draining: false })));
    this.pump();
    this.#innocent = this.#caller();
    if (hostileUp) {
      this.#say(options.opening ?? settings([3, 1_000_000]));
      for (let i = 0; i < options.open * 2; i++) this.callInnocent();
    } else {
      const session = this.sidecar.acceptDownstream();
      this.hostile = this.#connection('server', session, options.limits);
      session.attach(this.hostile);
      this.#say(options.opening ?? Buffer.concat([PREFACE, settings()]));
    }
    this.pump();
  }

  /** One piece of the attack. */
  feed(piece: Uint8Array): void {
    const { measured, hostile } = this;
    this.#say(piece);
    measured.octetsIn += piece.length;
    if (hostile.closing && measured.closedAtOctet < 0) measured.closedAtOctet = measured.octetsIn;
    measured.streamsMax = Math.max(measured.streamsMax, hostile.streamsOpen);
    measured.attemptsMax = Math.max(measured.attemptsMax, this.sidecar.stats().attemptsAlive);
  }

  /** Moves everything that is under way, then measures. */
  pump(): void {
    for (let rounds = 0; rounds < 10_000; rounds++) {
      let moved = this.#dial();
      for (const [from, to] of this.#pipes) {
        from.nowNs = this.nowNs;
        to.nowNs = this.nowNs;
        if (!from.hasOutput) continue;
        to.handleBytes(Buffer.from(from.takeOutput()));
        moved = true;
      }
      if (this.#options.reads && this.#takeHostile()) moved = true;
      if (!moved) break;
    }
    this.#measure();
  }

  /** Time passes; every timer that is due fires, in order. */
  advance(ms: number): void {
    const untilNs = this.nowNs + ms * 1e6;
    for (let i = 0; i < 10_000; i++) {
      const dueNs = Math.min(this.sidecar.nextTimeoutNs, this.hostile.nextTimeoutNs);
      if (dueNs > untilNs) break;
      this.nowNs = Math.max(this.nowNs, dueNs);
      this.sidecar.advance(this.nowNs);
      if (this.sidecar.nextTimeoutNs <= this.nowNs) this.sidecar.handleTimeout();
      this.hostile.nowNs = this.nowNs;
      if (this.hostile.nextTimeoutNs <= this.nowNs) this.hostile.handleTimeout();
      this.pump();
    }
    this.nowNs = untilNs;
    this.sidecar.advance(this.nowNs);
    this.hostile.nowNs = untilNs;
  }

  /** The innocent caller makes a call with a deadline of 5 s. */
  callInnocent(): void {
    this.measured.innocentCalls += 1;
    this.sidecar.advance(this.nowNs);
    this.#innocent.nowNs = this.nowNs;
    this.#innocent.openStream(null, headerBlock(REQUEST), 5e9, 0, true);
    this.pump();
  }

  /** The attacker leaves; what it left behind is counted. */
  finish(): Measured {
    this.advance(6_000);
    this.#takeHostile();
    this.hostile.handleEof();
    this.#takeHostile();
    this.pump();
    const { measured } = this;
    const stats = this.sidecar.stats();
    measured.attemptsStarted = stats.attemptsStarted;
    const ends = new Set([this.hostile, ...this.#pipes.flat()]);
    measured.leftBehind = leftovers(this.sidecar, ends).join(' ');
    measured.innocentAnswered = this.#answered.size;
    measured.innocentEnded = this.#answered.size + this.#failed.size;
    measured.servedByHonest = this.#servedByHonest;
    return measured;
  }

  #connection(role: ConnectionRole, events: LinkEvents, limits: Partial<WireLimits>): Connection {
    const connection = new Connection(role, events, limits);
    connection.nowNs = this.nowNs;
    return connection;
  }

  #say(octets: Uint8Array): void {
    this.sidecar.advance(this.nowNs);
    this.hostile.nowNs = this.nowNs;
    this.hostile.handleBytes(octets);
  }

  #dial(): boolean {
    const ports = this.#dials.splice(0);
    for (const port of ports) {
      const hostile = port.endpoint.address === 'hostile:1';
      const { firstWindowBytes = DEFAULT_WIRE_LIMITS.firstWindowBytes } = this.#options.limits;
      const limits = hostile ? this.#options.limits : { ...PATIENT, firstWindowBytes };
      const ours = this.#connection('client', port, limits);
      port.attach(ours);
      if (hostile) this.hostile ??= ours;
      else this.#join(ours, this.#honestServer());
    }
    return ports.length > 0;
  }

  #join(one: Connection, other: Connection): void {
    this.#pipes.push([one, other], [other, one]);
  }

  #honestServer(): Connection {
    const queued = new Map<LinkStream, number>();
    const answer = (stream: LinkStream): void => {
      const path = stream.user as string;
      if (path === HOLD_PATH) return;
      if (path === '/my_service.MyService/MyMethod') this.#servedByHonest += 1;
      server.sendHeaders(stream, RESPONSE, false);
      server.sendData(stream, new Uint8Array(path === BIG_PATH ? 1_000_000 : 100), false);
      server.sendTrailers(stream, TRAILERS);
    };
    const server: Connection = this.#connection(
      'server',
      {
        ...QUIET,
        onHeaders(stream, block, end) {
          stream.user = block.path;
          if (end) answer(stream);
        },
        onData(stream, bytes, end) {
          // Requests of the held method are never read: back-pressure reaches the attacker.
          if (stream.user !== HOLD_PATH) server.consume(stream, bytes.length);
          else queued.set(stream, bytes.length);
          if (end) answer(stream);
        },
        onTrailers: answer,
      },
      PATIENT,
    );
    return server;
  }

  #caller(): Connection {
    const session = this.sidecar.acceptDownstream();
    const ours = this.#connection('server', session, PATIENT);
    session.attach(ours);
    const caller: Connection = this.#connection(
      'client',
      {
        ...QUIET,
        onHeaders: (stream, block, end) => {
          if (end) (block.grpcStatus === 0 ? this.#answered : this.#failed).add(stream);
        },
        onData: (stream, bytes) => {
          stream.user = Number(stream.user ?? 0) + bytes.length;
          caller.consume(stream, bytes.length);
        },
        onTrailers: (stream, block) => {
          const whole = block.grpcStatus === 0 && stream.user === 100;
          (whole ? this.#answered : this.#failed).add(stream);
        },
        onReset: (stream) => this.#failed.add(stream),
      },
      PATIENT,
    );
    this.#join(caller, ours);
    return caller;
  }

  /** What the hostile peer is told. */
  #takeHostile(): boolean {
    const { hostile, measured } = this;
    if (hostile === undefined || !hostile.hasOutput) return false;
    const taken = Buffer.from(hostile.takeOutput());
    measured.octetsOut += taken.length;
    if (taken.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
      measured.plainLine = taken.toString('latin1');
      return true;
    }
    for (const frame of frames(taken)) this.#hear(frame);
    return true;
  }

  #hear({ type, id, flags, payload }: Frame): void {
    const { measured } = this;
    if (type === 0) measured.dataFrames += 1;
    if (type === 1 && (flags & 1) === 0) measured.answers += 1;
    if (type === 3) measured.resets.set(id, payload.readUInt32BE(0));
    if (type !== 7) return;
    if (payload.readUInt32BE(4) === 0 && !this.hostile.closing) measured.politeGoAway = true;
    else {
      measured.goAway = payload.readUInt32BE(4);
      measured.reason = payload.subarray(8).toString('latin1');
    }
  }

  #measure(): void {
    if (this.hostile === undefined) return;
    const { measured } = this;
    measured.bufferedMax = Math.max(measured.bufferedMax, this.hostile.bufferedBytes);
    const alive = this.sidecar.stats().attemptsAlive;
    measured.attemptsMax = Math.max(measured.attemptsMax, alive);
  }
}
