/** Sends each call to its route: the first that matches says which cluster, with which policies, changes and copies. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  DEFAULT_CLUSTER,
  type RewriteConfig,
  type RouteConfig,
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

export class Router {
  /** Every context besides the machine's first: clusters, what routes have of their own, and that of calls without a route. */
  readonly contexts: Context[] = [];
  /** By name, the default one included. */
  readonly clusters = new Map<string, Context>();
  /** Of all that count calls, the base's not among them. */
  readonly counters: Counters[] = [];
  readonly #base: Context;
  readonly #table: RouteTable;
  readonly #routes: readonly Route[];
  /** For calls that no route takes. */
  readonly #nowhere: Context;

  constructor(base: Context, { clusters, routes }: RoutingConfig) {
    this.#base = base;
    this.clusters.set(DEFAULT_CLUSTER, base);
    for (const { name, policies } of clusters) {
      const context = this.#context({ ...base.config, ...policies }, null);
      context.name = name;
      this.clusters.set(name, context);
    }
    this.#table = new RouteTable(routes.map(({ match }) => match));
    this.#routes = routes.map((route) => this.#route(route));
    this.#nowhere = this.#context(base.config, null);
    this.#nowhere.emptyStatus = GRPC.unimplemented;
    this.#nowhere.emptyReason = 'no route takes this call: its path, authority and headers match none';
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

  #route({ targets, mirror, rewrite: change }: RouteConfig): Route {
    const contexts: Context[] = [];
    for (const { cluster, policies } of targets) {
      const own = this.#cluster(cluster);
      const sibling = contexts[0] ?? null;
      contexts.push(
        policies === null ? own : this.#context({ ...own.config, ...policies }, own, null, sibling),
      );
    }
    const split = targets.length === 1 ? null : new Split(targets.map(({ weight }) => weight));
    let mirrors: Mirrors | null = null;
    if (mirror !== null) {
      const own = this.#cluster(mirror.cluster);
      const { retry, timeout } = own.config;
      const callMs = timeout.callMs === 0 ? MIRROR_MS : timeout.callMs;
      const once = {
        ...own.config,
        tag: null,
        hedging: null,
        // A copy must not take what a call could need.
        rateLimit: null,
        retry: { ...retry, attempts: 1 },
        timeout: { ...timeout, callMs },
      };
      const copies = this.#context(once, own, new Counters());
      mirrors = new Mirrors(copies, mirror.share, mirror.concurrentMax, this.#base.counters);
    }
    return { contexts, split, rewrite: change === null ? null : rewriter(change), mirrors };
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
    const { environment, observer, random } = this.#base;
    // Copies are nobody's calls: what is told of calls is not told of them.
    const told = counters === null ? observer : null;
    const kin = { base: this.#base, cluster, counters, sibling };
    const context = new Context(config, environment, told, random, kin);
    this.contexts.push(context);
    if (cluster === null) this.counters.push(context.counters);
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
