/** The sidecar's machine: streams in, streams out, time passed in. Its drivers are proxy/host (sockets) and sim/virtual. */
import type { Endpoint, SidecarConfig } from '../policy/config.ts';
import { DEFAULT_CLUSTER } from '../policy/routes/config.ts';
import { Context } from './context.ts';
import { Counters } from './counters.ts';
import { DownstreamSession } from './downstream-session.ts';
import type { ClusterEndpoint, SidecarEnvironment, SidecarMachine, SidecarStats } from './machine.ts';
import type { Observer } from './observer.ts';
import { EndpointSet } from './endpoint-set.ts';
import { Router } from './router.ts';
import { GRPC, H2 } from './statuses.ts';
import { OwnedTimer } from './timers.ts';

/** Between the two steps of GOAWAY: time for calls that are under way to arrive (RFC 9113 §6.8). */
const GOAWAY_STEP_NS = 50e6;
const SHUTDOWN_MESSAGE = 'the sidecar is shutting down, and its time to drain is over';

export class Sidecar implements SidecarMachine {
  readonly #context: Context;
  readonly #sessions = new Set<DownstreamSession>();
  /** Each cluster by its name. */
  readonly #sets = new Map<string, EndpointSet>();
  readonly #drainTimer: OwnedTimer;
  #goneAway = false;
  /** All contexts; there is one without routes. */
  readonly #contexts: readonly Context[];
  readonly #counters: readonly Counters[];

  /** `random`: uniform in [0, 1). `observer`: null in production. */
  constructor(
    config: SidecarConfig,
    environment: SidecarEnvironment,
    observer: Observer | null,
    random: () => number,
  ) {
    const context = new Context(config, environment, observer, random);
    this.#context = context;
    const router = config.routing === null ? null : new Router(context, config.routing);
    context.router = router;
    this.#contexts = router === null ? [context] : [context, ...router.contexts];
    this.#counters = router === null ? [context.counters] : [context.counters, ...router.counters];
    for (const [name, cluster] of router?.clusters ?? [[DEFAULT_CLUSTER, context]]) {
      this.#sets.set(name, new EndpointSet(cluster));
    }
    this.#drainTimer = new OwnedTimer({ handleTimer: () => this.#goAwayFinally() });
  }

  advance(nowNs: number): void {
    for (const context of this.#contexts) context.nowNs = nowNs;
  }

  acceptDownstream(): DownstreamSession {
    return new DownstreamSession(this.#context, this.#sessions);
  }

  get nextTimeoutNs(): number {
    return this.#context.timers.nextNs;
  }

  handleTimeout(): void {
    this.#context.timers.fire(this.#context.nowNs);
  }

  handleEndpoints(endpoints: readonly Endpoint[], cluster: string = DEFAULT_CLUSTER): void {
    this.#sets.get(cluster)?.handle(endpoints);
  }

  drain(): void {
    const context = this.#context;
    if (context.draining) return;
    context.draining = true;
    for (const session of this.#sessions) session.link?.goAway(H2.noError, false);
    context.timers.arm(this.#drainTimer, context.nowNs, GOAWAY_STEP_NS);
  }

  endCalls(): void {
    for (const call of this.#contexts.flatMap((context) => context.callRecords())) {
      const { stream } = call;
      if (stream === null) continue;
      if (stream.queuedBytes === 0) call.endHere('cancelled', GRPC.unavailable, SHUTDOWN_MESSAGE);
      else {
        // A caller that does not take what waits for it has no room for a status either.
        call.session?.link?.resetStream(stream, H2.cancel);
        call.handleCancelled();
      }
    }
  }

  get drained(): boolean {
    return this.#goneAway && this.callsAlive === 0;
  }

  get ready(): boolean {
    return this.#pickable && !this.#context.draining;
  }

  /** Every endpoint has shown whether it can be reached. */
  get settled(): boolean {
    return this.#contexts.every(({ warming }) => warming === 0);
  }

  get callsAlive(): number {
    let alive = 0;
    for (const counters of this.#counters) alive += counters.callsAlive;
    return alive;
  }

  /** Why it is not ready, for people; '' when it is. */
  get notReadyReason(): string {
    if (this.#context.draining) return 'draining';
    if (this.#pickable) return '';
    return [...this.#sets.values()].map(({ context }) => context.trouble()).join('; ');
  }

  stats(): SidecarStats {
    const counters = Counters.total(this.#counters);
    let [ejections, ejectionsOverCap, ejected] = [0, 0, 0];
    for (const { context } of this.#sets.values()) {
      if (context.outliers === null) continue;
      const { detector } = context.outliers;
      ejections += detector.ejections;
      ejectionsOverCap += detector.ejectionsOverCap;
      ejected += detector.ejected;
    }
    const { callsAlive } = counters;
    const callsByStatus = [...counters.callsByStatus];
    return { ...counters, callsAlive, callsByStatus, ejections, ejectionsOverCap, endpointsEjected: ejected };
  }

  clusters(): ClusterEndpoint[] {
    return [...this.#sets].flatMap(([cluster, { context }]) => {
      const checked = context.config.health !== null;
      const named = this.#sets.size === 1 ? {} : { cluster };
      return context.members.map((upstream) => ({
        id: upstream.id,
        ...named,
        address: upstream.endpoint.address,
        pickable: upstream.pickable,
        connected: upstream.connected,
        healthy: checked ? upstream.health.healthy : true,
        draining: upstream.endpoint.draining,
        weight: upstream.endpoint.weight ?? 1,
        priority: upstream.endpoint.priority ?? 0,
        locality: upstream.endpoint.locality ?? '',
        ejected: upstream.ejected,
        connections: upstream.connections,
        attemptsAlive: upstream.attemptsAlive,
        attemptsStarted: upstream.attemptsStarted,
        trouble: upstream.trouble,
      }));
    });
  }

  /** Some cluster can take calls. */
  get #pickable(): boolean {
    return this.#contexts.some(({ pickable }) => pickable > 0);
  }

  #goAwayFinally(): void {
    this.#goneAway = true;
    for (const session of this.#sessions) session.link?.goAway(H2.noError, true);
  }
}
