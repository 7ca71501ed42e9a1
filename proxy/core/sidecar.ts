/** The sidecar's machine: streams in, streams out, time passed in. Its drivers are proxy/host (sockets) and sim/virtual. */
import type { Endpoint, SidecarConfig } from '../policy/config.ts';
import { DEFAULT_CLUSTER, type RoutingConfig } from '../policy/routes/config.ts';
import { GOAWAY_STEP_NS } from '../wire/protocol.ts';
import { Context } from './context.ts';
import { Contexts } from './contexts.ts';
import { Counters } from './counters.ts';
import { DownstreamSession } from './downstream-session.ts';
import type { ClusterEndpoint, SidecarEnvironment, SidecarMachine, SidecarStats } from './machine.ts';
import type { Observer } from './observer.ts';
import { GRPC, H2 } from './statuses.ts';
import { OwnedTimer } from './timers.ts';

const SHUTDOWN_MESSAGE = 'the sidecar is shutting down, and its time to drain is over';

export class Sidecar implements SidecarMachine {
  readonly #context: Context;
  readonly #contexts: Contexts;
  readonly #sessions = new Set<DownstreamSession>();
  readonly #drainTimer: OwnedTimer;
  #goneAway = false;

  /** `random`: uniform in [0, 1). `observer`: null in production. */
  constructor(
    config: SidecarConfig,
    environment: SidecarEnvironment,
    observer: Observer | null,
    random: () => number,
  ) {
    this.#context = new Context(config, environment, observer, random);
    this.#contexts = new Contexts(this.#context);
    this.#drainTimer = new OwnedTimer({ handleTimer: () => this.#goAwayFinally() });
  }

  advance(nowNs: number): void {
    for (const context of this.#contexts.all) context.nowNs = nowNs;
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
    this.#contexts.sets.get(cluster)?.handle(endpoints);
  }

  handleRouting(routing: RoutingConfig | null): void {
    this.#contexts.setRouting(routing);
  }

  drain(): void {
    const context = this.#context;
    if (context.draining) return;
    context.draining = true;
    for (const session of this.#sessions) session.link?.goAway(H2.noError, false);
    context.timers.arm(this.#drainTimer, context.nowNs, GOAWAY_STEP_NS);
  }

  endCalls(): void {
    for (const call of this.#contexts.all.flatMap((context) => context.callRecords())) {
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
    for (const { context } of this.#contexts.sets.values()) if (context.warming > 0) return false;
    return true;
  }

  get callsAlive(): number {
    let alive = 0;
    for (const counters of this.#contexts.counters()) alive += counters.callsAlive;
    return alive;
  }

  /** Why it is not ready, for people; '' when it is. */
  get notReadyReason(): string {
    if (this.#context.draining) return 'draining';
    if (this.#pickable) return '';
    const contexts = [...this.#contexts.sets.values()].map(({ context }) => context);
    // Where all calls have routes, nobody need have endpoints outside of their clusters.
    const asked = contexts.filter((one) => one !== this.#context || one.members.length > 0);
    return (asked.length === 0 ? contexts : asked).map((context) => context.trouble()).join('; ');
  }

  stats(): SidecarStats {
    const counters = Counters.total(this.#contexts.counters());
    let requestBytesKept = 0;
    for (const context of this.#contexts.all) {
      for (const { buffer } of context.callRecords()) requestBytesKept += buffer.length;
    }
    return {
      ...counters,
      callsAlive: counters.callsAlive,
      callsByStatus: [...counters.callsByStatus],
      ...this.#contexts.ejections(),
      requestBytesKept,
      timersArmed: this.#context.timers.armedCount,
    };
  }

  clusters(): ClusterEndpoint[] {
    const { sets } = this.#contexts;
    return [...sets].flatMap(([cluster, { context }]) => {
      const checked = context.config.health !== null;
      const named = sets.size === 1 ? {} : { cluster };
      return context.members.map((upstream) => ({
        id: upstream.id,
        ...named,
        address: upstream.endpoint.address,
        ...dialled(upstream.endpoint),
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
    for (const { context } of this.#contexts.sets.values()) if (context.pickable > 0) return true;
    return false;
  }

  #goAwayFinally(): void {
    this.#goneAway = true;
    for (const session of this.#sessions) session.link?.goAway(H2.noError, true);
  }
}

/** Where it goes, if not to the endpoint's address. */
function dialled({ dialAddress }: Endpoint): { dialAddress?: string } {
  return dialAddress === undefined ? {} : { dialAddress };
}
