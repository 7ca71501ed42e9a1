/** The sidecar's machine: streams in, streams out, time passed in. Its drivers are proxy/host (sockets) and sim/virtual. */
import type { Endpoint, SidecarConfig } from '../policy/config.ts';
import { Context } from './context.ts';
import { DownstreamSession } from './downstream-session.ts';
import type { ClusterEndpoint, SidecarEnvironment, SidecarMachine, SidecarStats } from './machine.ts';
import type { Observer } from './observer.ts';
import { GRPC, H2 } from './statuses.ts';
import { OwnedTimer } from './timers.ts';
import { Upstream } from './upstream.ts';

/** Between the two steps of GOAWAY: time for calls that are under way to arrive (RFC 9113 §6.8). */
const GOAWAY_STEP_NS = 50e6;
const SHUTDOWN_MESSAGE = 'the sidecar is shutting down, and its time to drain is over';

export class Sidecar implements SidecarMachine {
  readonly #context: Context;
  readonly #sessions = new Set<DownstreamSession>();
  readonly #byAddress = new Map<string, Upstream>();
  readonly #drainTimer: OwnedTimer;
  #goneAway = false;
  /** Counts the sets that discovery told. */
  #set = 0;

  /** `random`: uniform in [0, 1). `observer`: null in production. */
  constructor(
    config: SidecarConfig,
    environment: SidecarEnvironment,
    observer: Observer | null,
    random: () => number,
  ) {
    this.#context = new Context(config, environment, observer, random);
    this.#drainTimer = new OwnedTimer({ handleTimer: () => this.#goAwayFinally() });
  }

  advance(nowNs: number): void {
    this.#context.nowNs = nowNs;
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

  handleEndpoints(endpoints: readonly Endpoint[]): void {
    const context = this.#context;
    const set = ++this.#set;
    const fresh: Upstream[] = [];
    let known = 0;
    // As a rule the set is told in the order of last time: then nobody has to be looked up.
    const { members } = context;
    let expected = 0;
    for (const endpoint of endpoints) {
      let before = members[expected];
      if (before?.endpoint.address !== endpoint.address) {
        before = this.#byAddress.get(endpoint.address);
        if (before !== undefined && before === members[expected + 1]) expected++;
      }
      if (before === undefined) {
        const upstream = new Upstream(context, endpoint);
        upstream.set = set;
        this.#byAddress.set(endpoint.address, upstream);
        fresh.push(upstream);
        continue;
      }
      if (before === members[expected]) expected++;
      if (before.set === set) continue;
      // Of two with one address the first counts.
      before.set = set;
      before.said = endpoint;
      known++;
    }
    const gone = known === members.length ? [] : members.filter((upstream) => upstream.set !== set);
    for (const upstream of gone) this.#byAddress.delete(upstream.endpoint.address);
    if (gone.length > 0 || fresh.length > 0) {
      const stay = gone.length === 0 ? members : members.filter((upstream) => upstream.set === set);
      context.members = [...stay, ...fresh];
      context.balancer.membersChanged(context.members, fresh, gone);
    }
    // New ones first: a set that changes whole is never empty on the way (DC-20).
    for (const upstream of fresh) upstream.begin();
    for (const upstream of context.members) upstream.change();
    for (const upstream of gone) upstream.remove();
    context.outliers?.membersChanged();
    context.releaseWaiting();
  }

  drain(): void {
    const context = this.#context;
    if (context.draining) return;
    context.draining = true;
    for (const session of this.#sessions) session.link?.goAway(H2.noError, false);
    context.timers.arm(this.#drainTimer, context.nowNs, GOAWAY_STEP_NS);
  }

  endCalls(): void {
    for (const call of this.#context.callRecords()) {
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
    return this.#goneAway && this.#context.counters.callsAlive === 0;
  }

  get ready(): boolean {
    return this.#context.pickable > 0 && !this.#context.draining;
  }

  /** Every endpoint has shown whether it can be reached. */
  get settled(): boolean {
    return this.#context.warming === 0;
  }

  get callsAlive(): number {
    return this.#context.counters.callsAlive;
  }

  /** Why it is not ready, for people; '' when it is. */
  get notReadyReason(): string {
    if (this.#context.draining) return 'draining';
    return this.#context.pickable > 0 ? '' : this.#context.trouble();
  }

  stats(): SidecarStats {
    const { counters, outliers } = this.#context;
    const { ejections = 0, ejectionsOverCap = 0, ejected = 0 } = outliers?.detector ?? {};
    const { callsAlive } = counters;
    const callsByStatus = [...counters.callsByStatus];
    return { ...counters, callsAlive, callsByStatus, ejections, ejectionsOverCap, endpointsEjected: ejected };
  }

  clusters(): ClusterEndpoint[] {
    const checked = this.#context.config.health !== null;
    return this.#context.members.map((upstream) => ({
      id: upstream.id,
      address: upstream.endpoint.address,
      pickable: upstream.pickable,
      connected: upstream.connected,
      healthy: checked ? upstream.health.healthy : true,
      draining: upstream.endpoint.draining,
      ejected: upstream.ejected,
      connections: upstream.connections,
      attemptsAlive: upstream.attemptsAlive,
      attemptsStarted: upstream.attemptsStarted,
      trouble: upstream.trouble,
    }));
  }

  #goAwayFinally(): void {
    this.#goneAway = true;
    for (const session of this.#sessions) session.link?.goAway(H2.noError, true);
  }
}
