/**
 * All contexts of one machine, and the endpoints of its clusters, while routes come and go: what a table of routes names no
 * more stays, with its connections, until no call needs it, and then lets go of them.
 */
import type { RoutingConfig } from '../policy/routes/config.ts';
import { DEFAULT_CLUSTER } from '../policy/routes/config.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { Counters } from './counters.ts';
import { EndpointSet } from './endpoint-set.ts';
import { Router } from './router.ts';
import { OwnedTimer, type TimerOwner } from './timers.ts';

/** How often is looked whether calls still need what is in use no more. */
const LOOK_NS = 1_000e6;

export class Contexts implements TimerOwner {
  /** In use, or needed: who is told the time. There is one without routes. */
  all: readonly Context[];
  /** Each cluster in use, by its name. */
  sets: ReadonlyMap<string, EndpointSet> = new Map();
  /** In use no more. */
  #leaving: readonly Context[] = [];
  readonly #base: Context;
  /** Of every cluster that there is, in use or leaving. */
  readonly #setOf = new Map<Context, EndpointSet>();
  /** What clusters that are gone had counted. */
  #gone = new Counters();
  readonly #timer = new OwnedTimer(this);

  constructor(base: Context) {
    this.#base = base;
    this.all = [base];
    this.setRouting(base.config.routing);
  }

  setRouting(routing: RoutingConfig | null): void {
    const base = this.#base;
    const before = { router: base.router, clusters: [...this.#setOf.keys()].filter((one) => one !== base) };
    const router = routing === null ? null : new Router(base, routing, before);
    base.router = router;
    const sets = new Map<string, EndpointSet>();
    for (const [name, cluster] of router?.clusters ?? [[DEFAULT_CLUSTER, base]]) {
      const set = this.#setOf.get(cluster) ?? new EndpointSet(cluster);
      this.#setOf.set(cluster, set);
      sets.set(name, set);
    }
    this.sets = sets;
    const used = new Set([base, ...(router?.contexts ?? [])]);
    this.#leaving = this.all.filter((context) => !used.has(context));
    this.#review();
  }

  handleTimer(): void {
    const needed = new Set(this.#leaving.filter((context) => this.#isNeeded(context)));
    for (const context of this.#leaving) if (!needed.has(context)) this.#forget(context);
    this.#leaving = [...needed];
    this.#review();
  }

  /** Of all that count calls. */
  counters(): Counters[] {
    const own = this.all.filter((context) => context.cluster === context);
    return [this.#gone, ...own.map(({ counters }) => counters)];
  }

  /** What outlier detection does in all clusters that there are. */
  ejections(): { ejections: number; ejectionsOverCap: number; endpointsEjected: number } {
    let { ejections, ejectionsOverCap } = this.#gone;
    let endpointsEjected = 0;
    for (const { outliers } of this.#setOf.keys()) {
      if (outliers === null) continue;
      ejections += outliers.detector.ejections;
      ejectionsOverCap += outliers.detector.ejectionsOverCap;
      endpointsEjected += outliers.detector.ejected;
    }
    return { ejections, ejectionsOverCap, endpointsEjected };
  }

  #review(): void {
    const base = this.#base;
    // A route to the default cluster that has nothing of its own is the base itself.
    this.all = [...new Set([base, ...(base.router?.contexts ?? []), ...this.#leaving])];
    if (this.#leaving.length > 0 && !this.#timer.armed) base.timers.arm(this.#timer, base.nowNs, LOOK_NS);
  }

  /** A call is alive in it, or in what picks from its endpoints. */
  #isNeeded(context: Context): boolean {
    return this.#leaving.some(
      (one) => (one === context || one.cluster === context) && one.callRecords().some(isAlive),
    );
  }

  /** Lets go of its connections, and keeps what it counted. */
  #forget(context: Context): void {
    this.#setOf.get(context)?.handle([]);
    this.#setOf.delete(context);
    // What a route has of its own counts where its cluster does.
    if (context.cluster !== context) return;
    const { counters, outliers } = context;
    this.#gone = Counters.total([this.#gone, counters]);
    if (outliers === null) return;
    outliers.stop();
    this.#gone.ejections += outliers.detector.ejections;
    this.#gone.ejectionsOverCap += outliers.detector.ejectionsOverCap;
  }
}

function isAlive({ stream }: Call): boolean {
  return stream !== null;
}
