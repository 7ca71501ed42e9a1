/** Tells a machine of routes, clusters and endpoints as a control plane has them: whole at first, then what differs. */
import type { Endpoint } from '../policy/config.ts';
import { buildRouting } from '../policy/routes/build.ts';
import { type ClusterPolicies, DEFAULT_CLUSTER, type RoutingConfig } from '../policy/routes/config.ts';
import { type ClusterSections, policiesOf } from './policies.ts';
import type { RouteResource } from './read-routes.ts';

/** Where calls go. Two that say the same may be two objects, one object never changes. */
export interface Table {
  /** Null: there are no routes, and all calls go to the one cluster. */
  readonly routes: RouteResource['routes'] | null;
  readonly clusters: readonly string[];
  /** What bounds calls of routes that say nothing of it; 0: nothing. */
  readonly callMaxMs: number;
}

/** One cluster of a table, as it is to be used. */
export interface TableCluster {
  readonly sections: ClusterSections;
  readonly endpoints: readonly Endpoint[];
}

export interface RoutingEvents {
  /** Clusters and routes, whole; the endpoints of each cluster follow at once. Null: all calls go to the default cluster. */
  onRouting(routing: RoutingConfig | null): void;
  /** The set of a cluster, whole. */
  onEndpoints(endpoints: readonly Endpoint[], cluster: string): void;
}

const NONE: ClusterSections = {};
const NOBODY: readonly Endpoint[] = [];

export class Teller {
  readonly #own: ClusterPolicies;
  readonly #events: RoutingEvents;
  /** Of what was told last: the table, and each cluster's sections. */
  #table: Table | null = null;
  #sections = new Map<string, ClusterSections>();
  #routing = 'null';
  #sets = new Map<string, readonly Endpoint[]>();

  /** `own`: the sidecar's policies. */
  constructor(own: ClusterPolicies, events: RoutingEvents) {
    this.#own = own;
    this.#events = events;
  }

  tell(table: Table, clusters: ReadonlyMap<string, TableCluster>): void {
    const anew = this.#tellRouting(table, clusters);
    const sets = new Map<string, readonly Endpoint[]>();
    if (table.routes === null)
      sets.set(DEFAULT_CLUSTER, clusters.get(table.clusters[0] ?? '')?.endpoints ?? NOBODY);
    else for (const [name, { endpoints }] of clusters) sets.set(name, endpoints);
    const before = this.#sets;
    this.#sets = sets;
    for (const [name, endpoints] of sets)
      if (anew || before.get(name) !== endpoints) this.#events.onEndpoints(endpoints, name);
  }

  /** The last set of a cluster that was told; null: none. */
  lastOf(cluster: string): readonly Endpoint[] | null {
    return this.#sets.get(this.#table?.routes === null ? DEFAULT_CLUSTER : cluster) ?? null;
  }

  /** What a cluster said when that was told. */
  lastSections(cluster: string): ClusterSections {
    return this.#sections.get(cluster) ?? NONE;
  }

  /** True when it was told. */
  #tellRouting(table: Table, clusters: ReadonlyMap<string, TableCluster>): boolean {
    const isSame = table.clusters.every((name) => clusters.get(name)?.sections === this.#sections.get(name));
    if (table === this.#table && isSame) return false;
    this.#table = table;
    this.#sections = new Map([...clusters].map(([name, { sections }]) => [name, sections]));
    const routing = this.#routingOf(table);
    const text = JSON.stringify(routing);
    if (text === this.#routing) return false;
    this.#routing = text;
    this.#events.onRouting(routing);
    return true;
  }

  #routingOf({ routes, clusters, callMaxMs }: Table): RoutingConfig | null {
    if (routes === null) return null;
    const { timeout } = this.#own;
    const own = callMaxMs === 0 ? this.#own : { ...this.#own, timeout: { ...timeout, callMaxMs } };
    return buildRouting(clusters, routes, (cluster, route) =>
      policiesOf(own, this.lastSections(cluster), route),
    );
  }
}
