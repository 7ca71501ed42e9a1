/**
 * A whole sidecar (machine and engines) between a caller's engine and servers' engines, through pipes that cut, stop and lend their octets, on a
 * clock that jumps: callers and servers do what they like, then all is let end. No octet may be changed or lost, no call stand still
 * while both ends would go on, and nothing may be left of any of it.
 */
import type { UpstreamPort } from '../../proxy/core/machine.ts';
import { slotsUsed } from '../../proxy/core/request-buffer.ts';
import { Sidecar } from '../../proxy/core/sidecar.ts';
import { DEFAULT_SIDECAR_CONFIG, type SidecarConfig } from '../../proxy/policy/config.ts';
import { DEFAULT_HEDGING } from '../../proxy/policy/failover-config.ts';
import { clusterPolicies } from '../../proxy/policy/routes/config.ts';
import { Connection } from '../../proxy/wire/connection.ts';
import type { WireLimits } from '../../proxy/wire/limits.ts';
import { FuzzedCaller, FuzzedServer } from './fuzzed-ends.ts';
import { Pipe } from './fuzzed-pipe.ts';
import { Random } from './random.ts';

const MS = 1e6;
const ENDPOINTS = ['a', 'b', 'c'];

/** What is wrong with this seed's story, or ''. */
export function fuzzSidecar(seed: number): string {
  const story = new Story(new Random(seed));
  try {
    story.happen(60 + (seed % 400));
    story.end();
    return story.flaw();
  } catch (error) {
    return (error as Error).stack ?? String(error);
  }
}

class Story {
  readonly #random: Random;
  readonly #sidecar: Sidecar;
  readonly #slotsBefore = slotsUsed();
  readonly #hasMirror: boolean;
  #nowNs = 2 ** 32;
  #isEnding = false;
  #ports: UpstreamPort[] = [];
  readonly #pipes: Pipe[] = [];
  /** The sidecar's own connections. */
  readonly #own: Connection[] = [];
  readonly #down: Connection;
  readonly #caller: FuzzedCaller;
  readonly #servers: FuzzedServer[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#hasMirror = random.chance(30);
    const environment = {
      dial: (port: UpstreamPort): void => void this.#ports.push(port),
      abandon: (port: UpstreamPort): void => {
        this.#ports = this.#ports.filter((other) => other !== port);
      },
    };
    const uniform = (): number => random.uint32() / 2 ** 32;
    this.#sidecar = new Sidecar(anyConfig(random, this.#hasMirror), environment, null, uniform);
    this.#look();
    this.#sidecar.handleEndpoints(ENDPOINTS.map(endpoint));
    if (this.#hasMirror) this.#sidecar.handleEndpoints([endpoint('m')], 'mirrored');
    const session = this.#sidecar.acceptDownstream();
    this.#down = new Connection('server', session, anyLimits(random));
    this.#down.nowNs = this.#nowNs;
    session.attach(this.#down);
    this.#caller = new FuzzedCaller(random, anyLimits(random));
    this.#join(this.#down, this.#caller.connection);
  }

  happen(deeds: number): void {
    const random = this.#random;
    for (let deed = 0; deed < deeds; deed++) {
      this.#look();
      const what = random.below(100);
      if (what < 30) this.#move(random.pick(this.#pipes));
      else if (what < 55) this.#caller.act();
      else if (what < 78) this.#servers[random.below(this.#servers.length)]?.act();
      else if (what < 84) this.#dial();
      else if (what < 85) this.#cut(random.pick(this.#own));
      else if (what < 89) random.pick(this.#pipes).stopped = random.chance(20);
      else this.#pass(random.pick([0, 1, 20, 150]));
    }
  }

  /** All read on, and what has no end yet gets one. */
  end(): void {
    this.#isEnding = true;
    for (const pipe of this.#pipes) pipe.stopped = false;
    this.#look();
    for (const end of [this.#caller, ...this.#servers]) end.readOn();
    // Windows of a few octets let little through at a time: all have stopped when nothing came for 2 s.
    for (let before = -1; before !== this.#arrived; this.#settle(20, 100)) before = this.#arrived;
    // A copy of a call may end before it has all of it.
    if (!this.#hasMirror) for (const server of this.#servers) server.expectNoStandstill(this.#caller);
    this.#look();
    this.#caller.cancelAll();
    this.#settle(12, 100);
    this.#look();
    for (const server of this.#servers) server.resetAll();
    this.#settle(12, 100);
    for (const port of this.#ports.splice(0)) port.handleDialFailed('refused');
    this.#settle(10, 2_000);
  }

  flaw(): string {
    const { callsAlive, attemptsAlive, retriesAlive, callsWaiting, requestBytesKept } = this.#sidecar.stats();
    const gauges = { callsAlive, attemptsAlive, retriesAlive, callsWaiting, requestBytesKept };
    const left = Object.entries(gauges).filter(([, value]) => value !== 0);
    if (left.length > 0) return `left over: ${JSON.stringify(Object.fromEntries(left))}`;
    if (slotsUsed() !== this.#slotsBefore) return 'slots of kept octets were not given back';
    for (const { closing, role, streamsOpen, windowTakenBytes, heldBytes } of this.#own) {
      if (!closing && streamsOpen + windowTakenBytes + heldBytes !== 0)
        return `a ${role} still has ${JSON.stringify({ streamsOpen, windowTakenBytes, heldBytes })}`;
    }
    if (this.#down.closing) return 'the caller lost its connection';
    return this.#caller.flaw(this.#servers.flatMap(({ streams }) => streams));
  }

  #look(): void {
    this.#sidecar.advance(this.#nowNs);
    for (const { from } of this.#pipes) from.nowNs = this.#nowNs;
  }

  #move(pipe: Pipe): boolean {
    this.#look();
    return pipe.move(() => {
      // The octets of a read are lent only until the read is over.
      for (const { from, isDead, takes } of this.#pipes) if (from.holdsLoans && !isDead) takes();
    });
  }

  #pass(durationMs: number): void {
    this.#nowNs += durationMs * MS;
    this.#look();
    if (this.#sidecar.nextTimeoutNs <= this.#nowNs) this.#sidecar.handleTimeout();
    for (const { from, isDead } of this.#pipes)
      if (!isDead && from.nextTimeoutNs <= this.#nowNs) from.handleTimeout();
  }

  get #arrived(): number {
    return [this.#caller, ...this.#servers].reduce((sum, { gotBytes }) => sum + gotBytes, 0);
  }

  #settle(rounds: number, stepMs: number): void {
    for (let round = 0; round < rounds; round++) {
      this.#rest();
      this.#pass(stepMs);
    }
    this.#rest();
  }

  #rest(): void {
    for (let turns = 0; this.#pipes.map((pipe) => this.#move(pipe)).includes(true); turns++)
      if (turns > 20_000) throw new Error('it never comes to rest');
  }

  #dial(): void {
    const random = this.#random;
    const port = this.#ports.splice(random.below(this.#ports.length), 1)[0];
    if (port === undefined) return;
    if (random.chance(10)) return port.handleDialFailed('refused');
    const up = new Connection('client', port, anyLimits(random));
    const server = new FuzzedServer(random, anyLimits(random), () => this.#isEnding);
    for (const connection of [up, server.connection]) connection.nowNs = this.#nowNs;
    this.#servers.push(server);
    this.#join(up, server.connection);
    port.attach(up);
  }

  #join(own: Connection, other: Connection): void {
    this.#own.push(own);
    own.borrows = true;
    this.#pipes.push(new Pipe(this.#random, own, other), new Pipe(this.#random, other, own));
  }

  /** An endpoint's connection breaks. */
  #cut(own: Connection): void {
    if (own === this.#down || !this.#random.chance(50)) return;
    for (const pipe of this.#pipes) if (pipe.from === own || pipe.to === own) pipe.isDead = true;
    const ends = this.#pipes.filter(({ to }) => to === own).map(({ from }) => from);
    for (const server of this.#servers) if (ends.includes(server.connection)) server.isCut = true;
    own.handleEof('cut');
  }
}

function endpoint(id: string): { id: string; address: string; draining: boolean } {
  return { id, address: `${id}:1`, draining: false };
}

function anyConfig(random: Random, hasMirror: boolean): SidecarConfig {
  const { retry, timeout } = DEFAULT_SIDECAR_CONFIG;
  const config: SidecarConfig = {
    ...DEFAULT_SIDECAR_CONFIG,
    retry: {
      ...retry,
      attempts: random.pick([1, 3]),
      perTryTimeoutMs: random.pick([0, 200]),
      bufferBytesMax: random.pick([0, 500, 65_536]),
    },
    hedging: random.chance(40) ? { ...DEFAULT_HEDGING, attempts: 3, delayMs: random.pick([0, 20]) } : null,
    messageLimit: random.chance(30) ? { requestBytesMax: 6_000, responseBytesMax: 6_000 } : null,
    waitForReady: random.chance(30) ? { maxMs: 200, maxPending: 10 } : null,
    timeout: { ...timeout, callMs: random.pick([0, 700]) },
  };
  if (!hasMirror) return config;
  const clusters = [{ name: 'mirrored', policies: clusterPolicies(config) }];
  const targets = [{ cluster: 'default', weight: 1, policies: null }];
  const mirror = { cluster: 'mirrored', share: 1, concurrentMax: 3 };
  return {
    ...config,
    routing: { clusters, routes: [{ name: 'all', match: {}, targets, mirror, rewrite: null }] },
  };
}

/** Small windows and tables; what bounds attackers is out of the way. */
function anyLimits(random: Random): Partial<WireLimits> {
  return {
    dribbleBurst: random.pick([1, 64]),
    windowShutTimeoutMs: random.pick([1_000, 300_000]),
    keepaliveTimeMs: random.pick([0, 500]),
    pingIntervalMs: 0,
    windowUpdatesBase: 1e9,
    glitchBurst: 1e9,
    resetBurst: 1e9,
    emptyFramesPerSecond: 1e6,
    emptyFramesInRow: 1e6,
    tinyDataBudgetBytes: 2 ** 31 - 1,
    ...(random.chance(50) ? anyWindows(random) : {}),
    ...(random.chance(30) ? { outputBytesMax: 16_384 } : {}),
    ...(random.chance(20) ? { decoderTableBytes: random.pick([0, 200]) } : {}),
  };
}

function anyWindows(random: Random): Partial<WireLimits> {
  return {
    streamWindowBytes: random.pick([256, 1_000, 65_536]),
    firstWindowBytes: random.pick([256, 8_192]),
  };
}
