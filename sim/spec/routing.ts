/** What a scenario may say about clusters and routes: as the sidecar's configuration file says it, with instances by number. */
import type { FailoverSpec } from './failover.ts';
import type { SidecarSpec } from './scenario.ts';

/** A named set of instances with policies of its own; a section that is not given is the sidecar's. */
export type ClusterSpec = { instances: readonly number[] } & Pick<
  SidecarSpec,
  'balancer' | 'health' | 'retry' | 'timeout'
> &
  FailoverSpec;

/** Texts are exact, or have a star at one end. */
export interface RouteSpec {
  match?: {
    service?: string;
    method?: string;
    authority?: string;
    headers?: Readonly<Record<string, string>>;
  };
  /** Where the calls go; 'default' has the instances that are in no cluster. */
  cluster?: string;
  /** Instead of `cluster`: weights by cluster. */
  split?: Readonly<Record<string, number>>;
  mirror?: { cluster: string; share?: number; concurrentMax?: number };
  rewrite?: {
    service?: string;
    method?: string;
    authority?: string;
    set?: Readonly<Record<string, string>>;
    add?: Readonly<Record<string, string>>;
    remove?: readonly string[];
  };
  retry?: NonNullable<SidecarSpec['retry']>;
  timeout?: NonNullable<SidecarSpec['timeout']>;
  /** One limit for the route, whatever its clusters. */
  rateLimit?: NonNullable<FailoverSpec['rateLimit']>;
}

export interface RoutingSpec {
  clusters?: Readonly<Record<string, ClusterSpec>>;
  /** The first that matches takes a call; none: UNIMPLEMENTED. */
  routes?: readonly RouteSpec[];
}

export const DEFAULT_CLUSTER = 'default';

/** The clusters of an instance, by number: one of no other cluster is in the default one. */
export function clustersOfInstance(spec: RoutingSpec, instance: number): string[] {
  const clusters = Object.entries(spec.clusters ?? {});
  const names = clusters.filter(([, { instances }]) => instances.includes(instance)).map(([name]) => name);
  return names.length === 0 ? [DEFAULT_CLUSTER] : names;
}

/** The first instance (of this cluster) that is in several; null: none is. `names`: of all instances. */
export function sharedInstance(
  spec: RoutingSpec,
  names: readonly string[],
  cluster: string | null = null,
): string | null {
  const shared = names.find((_name, instance) => {
    const own = clustersOfInstance(spec, instance);
    return own.length > 1 && (cluster === null || own.includes(cluster));
  });
  return shared ?? null;
}
