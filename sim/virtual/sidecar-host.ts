/** Drives one machine of a sidecar on the virtual clock: entries with the time told, one armed wake-up, connections, the callers' link. */
import type { SidecarEnvironment, SidecarMachine, UpstreamPort } from '../../proxy/core/machine.ts';
import type { Observer } from '../../proxy/core/observer.ts';
import type { Endpoint, SidecarConfig } from '../../proxy/policy/config.ts';
import {
  clusterPolicies,
  type ClusterPolicies,
  type RoutingConfig,
} from '../../proxy/policy/routes/config.ts';
import type { AttemptStream, StreamPool } from './attempt-stream.ts';
import { CallerLink, type ClientCall } from './caller-link.ts';
import { Dial } from './dial.ts';
import type { Instance } from './instance.ts';
import type { LoadSource } from './load-source.ts';
import { JournalObserver } from './journal-observer.ts';
import { type Kernel, Op } from './kernel.ts';

/** Makes the machine; another one may be given to judge a changed one. */
export type SidecarFactory = (
  config: SidecarConfig,
  environment: SidecarEnvironment,
  observer: Observer | null,
  random: () => number,
) => SidecarMachine;

/** What all hosts of one world share. */
export interface Surroundings {
  kernel: Kernel;
  pool: StreamPool;
  configOf: (sidecar: number) => SidecarConfig;
  instanceAt: ReadonlyMap<string, Instance>;
  indexOf: ReadonlyMap<string, number>;
  loads: readonly LoadSource[];
}

export class SidecarHost implements SidecarEnvironment {
  /** The sidecar's. */
  readonly index: number;
  /** Which machine of that sidecar it is, from 0, and its place among all machines: wake-ups name it. */
  readonly generation: number;
  readonly slot: number;
  /** Set while it drains; called once, when nothing is in flight any more. */
  onDrained: (() => void) | null = null;
  #alive = true;
  readonly kernel: Kernel;
  /** What it does where nobody says anything else. */
  readonly policies: ClusterPolicies;
  readonly machine: SidecarMachine;
  readonly observer: JournalObserver;
  /** When it was told of endpoints for the first time; -1: not yet. */
  toldNs = -1;
  readonly callers: CallerLink;
  readonly #pool: StreamPool;
  readonly #loads: readonly LoadSource[];
  readonly #instanceAt: ReadonlyMap<string, Instance>;
  readonly #dials = new Map<UpstreamPort, Dial>();
  /** Filled while the machine works, emptied when it has returned; only the first `Count` of each mean anything. */
  readonly #retired: AttemptStream[] = [];
  readonly #endedCalls: ClientCall[] = [];
  #retiredCount = 0;
  #endedCount = 0;
  #wakeNs = Infinity;

  constructor(
    place: { index: number; generation: number; slot: number },
    surroundings: Surroundings,
    make: SidecarFactory,
  ) {
    const { kernel, pool, configOf, instanceAt, indexOf, loads } = surroundings;
    const { index, generation, slot } = place;
    this.index = index;
    this.generation = generation;
    this.slot = slot;
    this.#loads = loads;
    const config = configOf(index);
    this.policies = clusterPolicies(config);
    this.kernel = kernel;
    this.#pool = pool;
    this.#instanceAt = instanceAt;
    this.observer = new JournalObserver(index, kernel, indexOf);
    const first = kernel.random.fork('sidecar').fork(index);
    const random = generation === 0 ? first : first.fork('generation').fork(generation);
    this.machine = make(config, this, this.observer, () => random.nextUnit());
    this.enter();
    const session = this.machine.acceptDownstream();
    this.callers = new CallerLink(this, session);
    session.attach(this.callers);
    this.leave();
  }

  dial(upstream: UpstreamPort): void {
    this.#dials.set(upstream, new Dial(this, this.#instanceAt.get(upstream.endpoint.address), upstream));
  }

  abandon(upstream: UpstreamPort): void {
    this.#dials.get(upstream)?.abandon();
  }

  dialEnded(upstream: UpstreamPort): void {
    this.#dials.delete(upstream);
  }

  /** Before every entry into the machine. */
  enter(): void {
    this.machine.advance(this.kernel.nowNs);
  }

  /** After every entry: calls that ended are told of, records go back, the wake-up is armed. */
  leave(): void {
    this.#tell();
    if (this.onDrained !== null && this.machine.drained) this.#drained(this.onDrained);
    const { nextTimeoutNs } = this.machine;
    if (nextTimeoutNs < this.#wakeNs) {
      const { nowNs } = this.kernel;
      this.#wakeNs = nextTimeoutNs > nowNs ? Math.ceil(nextTimeoutNs) : nowNs;
      this.kernel.schedule(this.#wakeNs, Op.wake, this.slot);
    }
  }

  /** The process or machine is gone: its connections break, and its callers have their answer now. */
  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.onDrained = null;
    for (const dial of this.#dials.values()) dial.abandon();
    for (const instance of this.#instanceAt.values()) {
      for (const link of [...instance.links]) if (link.host === this) link.close();
    }
    this.callers.close();
    this.#tell();
  }

  get alive(): boolean {
    return this.#alive;
  }

  #drained(tell: () => void): void {
    this.onDrained = null;
    // Whoever entered has not come back yet.
    this.kernel.later(this.kernel.nowNs, tell);
  }

  #tell(): void {
    for (let at = 0; at < this.#endedCount; at++) {
      const call = this.#endedCalls[at] as ClientCall;
      call.load.handleCallEnd(call);
    }
    this.#endedCount = 0;
    for (let at = 0; at < this.#retiredCount; at++) this.#pool.giveIfDone(this.#retired[at] as AttemptStream);
    this.#retiredCount = 0;
  }

  /** The wake-up is due, or an older one that is not needed any more. */
  handleWake(): void {
    if (this.kernel.nowNs < this.#wakeNs || !this.#alive) return;
    this.#wakeNs = Infinity;
    this.enter();
    if (this.machine.nextTimeoutNs <= this.kernel.nowNs) this.machine.handleTimeout();
    this.leave();
  }

  /** What discovery tells of clusters and routes, whole. */
  handleRouting(routing: RoutingConfig | null): void {
    this.enter();
    this.machine.handleRouting(routing);
    this.leave();
  }

  /** What discovery tells: the set of each cluster. */
  handleSets(sets: ReadonlyMap<string, readonly Endpoint[]>): void {
    if (this.toldNs < 0) this.toldNs = this.kernel.nowNs;
    this.enter();
    for (const [cluster, endpoints] of sets) this.machine.handleEndpoints(endpoints, cluster);
    this.leave();
  }

  /** Calls of this sidecar that have no answer yet. */
  openCalls(): ClientCall[] {
    return this.#loads.flatMap((load) => load.openCalls().filter((call) => call.host === this));
  }

  /** A stream that the machine is done with: it goes back when the machine has returned. */
  retire(stream: AttemptStream): void {
    this.#retired[this.#retiredCount++] = stream;
  }

  /** A call that has its answer: its client hears of it when the machine has returned. */
  callEnded(call: ClientCall): void {
    this.#endedCalls[this.#endedCount++] = call;
  }
}
