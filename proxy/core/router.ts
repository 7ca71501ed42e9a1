/** Sends each call to its route: the first that matches says which cluster, with which policies, changes and copies. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  type ClusterConfig,
  DEFAULT_CLUSTER,
  type RewriteConfig,
  type RouteConfig,
  type RouteTarget,
  type RoutingConfig,
} from '../policy/routes/config.ts';
import { rewrite } from '../policy/routes/rewrite.ts';
import { RouteTable } from '../policy/routes/route-table.ts';
import { Split } from '../policy/routes/split.ts';
import { type HeaderBlock, blockOf } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';
import type { Call } from './call.ts';
import { Context } from './context.ts';
import { Counters } from './counters.ts';
import type { DownstreamSession } from './downstream-session.ts';
import { Mirrors } from './mirror.ts';
import { GRPC } from './statuses.ts';

/** Nobody waits for a copy's answer: without a deadline it has so long. */
const MIRROR_MS = 15_000;

interface Route {
  /** One for each target. */
  contexts: readonly Context[];
  /** Null: there is one target. */
  split: Split | null;
  /** Null: nothing is changed. */
  rewrite: ((block: HeaderBlock) => HeaderBlock) | null;
  mirrors: Mirrors | null;
}

/** What a router goes on with of the one before it. */
export interface Before {
  readonly router: Router | null;
  /** Clusters that are there, in use or not. */
  readonly clusters: readonly Context[];
}

export class Router {
  /** Every context besides the machine's first: clusters, what routes have of their own, and that of calls without a route. */
  readonly contexts = new Set<Context>();
  /** By name, the default one included. */
  readonly clusters = new Map<string, Context>();
  readonly #base: Context;
  readonly #table: RouteTable;
  readonly #routes: readonly Route[];
  /** Each route by all that it says but its match; routes with equal ones are apart. */
  readonly #made = new Map<string, Route[]>();
  /** For calls that no route takes. */
  readonly #nowhere: Context;

  constructor(base: Context, { clusters, routes }: RoutingConfig, { router, clusters: there }: Before) {
    this.#base = base;
    this.clusters.set(DEFAULT_CLUSTER, base);
    for (const cluster of clusters) this.clusters.set(cluster.name, this.#own(cluster, there));
    this.#table = new RouteTable(routes.map(({ match }) => match));
    this.#nowhere = router === null ? this.#makeNowhere() : router.#nowhere;
    this.contexts.add(this.#nowhere);
    // Routes for several authorities have one and the same list of targets.
    const known = new Map<readonly RouteTarget[], Route>();
    this.#routes = routes.map((route) => {
      const { targets } = route;
      const made = known.get(targets) ?? this.#route(route, router);
      known.set(targets, made);
      return made;
    });
  }

  /** A call begins. */
  start(session: DownstreamSession, stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    const route = this.#routes[this.#table.find(block)];
    if (route === undefined) return this.#nowhere.takeCall().start(session, stream, block, endStream);
    const { contexts, split, mirrors } = route;
    const context = contexts[split === null ? 0 : split.pick(this.#base.random())] as Context;
    const request = route.rewrite === null ? block : route.rewrite(block);
    const call = context.takeCall();
    call.start(session, stream, request, endStream);
    // A call that has ended already is no call to copy.
    if (mirrors !== null && stream.user === call)
      (stream.user as Call).mirror = mirrors.begin(request, endStream);
  }

  /** The cluster's context: the one that is there, if its policies are the same. */
  #own({ name, policies }: ClusterConfig, there: readonly Context[]): Context {
    const said = JSON.stringify(policies);
    const same = there.find((one) => one.name === name && one.said === said);
    const context = same ?? this.#context({ ...this.#base.config, ...policies }, null);
    context.name = name;
    context.said = said;
    this.contexts.add(context);
    return context;
  }

  #makeNowhere(): Context {
    const context = this.#context({ ...this.#base.config, waitForReady: null }, null);
    context.emptyStatus = GRPC.unimplemented;
    context.emptyReason = 'no route takes this call: its path, authority and headers match none';
    return context;
  }

  /** The same one as before, if it says the same and its clusters are the same. */
  #route(route: RouteConfig, before: Router | null): Route {
    const key = JSON.stringify({ ...route, match: null });
    const old = before === null ? undefined : before.#made.get(key);
    const at = old === undefined ? -1 : old.findIndex((one) => this.#isCurrent(one, route));
    const made = at < 0 ? this.#make(route) : ((old as Route[]).splice(at, 1)[0] as Route);
    for (const context of made.contexts) this.contexts.add(context);
    if (made.mirrors !== null) this.contexts.add(made.mirrors.context);
    const list = this.#made.get(key);
    if (list === undefined) this.#made.set(key, [made]);
    else list.push(made);
    return made;
  }

  #isCurrent({ contexts, mirrors }: Route, { targets, mirror }: RouteConfig): boolean {
    return (
      targets.every(({ cluster }, at) => contexts[at]?.cluster === this.#cluster(cluster)) &&
      (mirror === null || mirrors?.context.cluster === this.#cluster(mirror.cluster))
    );
  }

  #make({ targets, mirror, rewrite: change }: RouteConfig): Route {
    const contexts: Context[] = [];
    for (const { cluster, policies } of targets) {
      const own = this.#cluster(cluster);
      const sibling = contexts[0] ?? null;
      contexts.push(
        policies === null ? own : this.#context({ ...own.config, ...policies }, own, null, sibling),
      );
    }
    if (targets.length === 0) contexts.push(this.#nowhere);
    return {
      contexts,
      split: contexts.length === 1 ? null : new Split(targets.map(({ weight }) => weight)),
      rewrite: change === null ? null : rewriter(change),
      mirrors: mirror === null ? null : this.#mirrors(mirror),
    };
  }

  #mirrors({ cluster, share, concurrentMax }: NonNullable<RouteConfig['mirror']>): Mirrors {
    const own = this.#cluster(cluster);
    const { retry, timeout } = own.config;
    const callMs = timeout.callMs === 0 ? MIRROR_MS : timeout.callMs;
    const once = {
      ...own.config,
      tag: null,
      hedging: null,
      // A copy must not take what a call could need.
      waitForReady: null,
      rateLimit: null,
      retry: { ...retry, attempts: 1 },
      timeout: { ...timeout, callMs },
    };
    const copies = this.#context(once, own, new Counters());
    return new Mirrors(copies, share, concurrentMax, this.#base.counters);
  }

  #cluster(name: string): Context {
    const context = this.clusters.get(name);
    if (context === undefined) throw new RangeError(`no cluster ${name}`);
    return context;
  }

  #context(
    config: SidecarConfig,
    cluster: Context | null,
    counters: Counters | null = null,
    sibling: Context | null = null,
  ): Context {
    const { environment, observer, random, nowNs } = this.#base;
    // Copies are nobody's calls: what is told of calls is not told of them.
    const told = counters === null ? observer : null;
    const kin = { base: this.#base, cluster, counters, sibling };
    const context = new Context(config, environment, told, random, kin);
    context.nowNs = nowNs;
    return context;
  }
}

/** Blocks are shared by calls with equal headers: each is rewritten once. */
function rewriter(config: RewriteConfig): (block: HeaderBlock) => HeaderBlock {
  const known = new WeakMap<HeaderBlock, HeaderBlock>();
  return (block) => {
    let changed = known.get(block);
    if (changed === undefined) {
      changed = blockOf(rewrite(block.fields, config));
      known.set(block, changed);
    }
    return changed;
  };
}
