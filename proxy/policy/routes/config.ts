/** Routing as the machine reads it: which cluster a call goes to, and how it is changed on its way. Complete and validated. */
import type { SidecarConfig } from '../config.ts';

/** The cluster of the endpoints that stand outside of `clusters`. */
export const DEFAULT_CLUSTER = 'default';

/** What a cluster, or a route towards it, may have of its own. */
export type ClusterPolicies = Omit<SidecarConfig, 'routing' | 'tag' | 'drainMs'>;

export function clusterPolicies(config: ClusterPolicies): ClusterPolicies {
  const { balancer, health, retry, timeout, outlier, retryThrottling } = config;
  const { hedging, circuitBreaker, rateLimit, concurrency, loadShed, waitForReady, messageLimit } = config;
  const first = { balancer, health, retry, timeout, outlier, retryThrottling };
  return { ...first, hedging, circuitBreaker, rateLimit, concurrency, loadShed, waitForReady, messageLimit };
}

/** A named set of endpoints with its own balancer, health and retries. Discovery tells its endpoints by this name. */
export interface ClusterConfig {
  name: string;
  policies: ClusterPolicies;
}

/** All that is given must hold. A text is exact, 'abc*' begins so, '*abc' ends so, '*' is anything that is there. */
export interface MatchConfig {
  /** Full name, 'my_service.MyService'. */
  service?: string;
  method?: string;
  /** Host, in any case; with its port only where the text has one. */
  authority?: string;
  /** By name in lower case. Of several values of one name the first counts. */
  headers?: Readonly<Record<string, string>>;
}

export interface RouteTarget {
  cluster: string;
  /** Its share beside the other targets; not all may be 0. */
  weight: number;
  /** What the route changes of the cluster's policies; null: nothing. Balancer (but for its hash header), health and outliers stay the cluster's. */
  policies: ClusterPolicies | null;
}

/** Copies of calls, whose answers nobody sees. */
export interface MirrorConfig {
  cluster: string;
  /** Of the route's calls, 0 to 1. */
  share: number;
  /** Copies alive at a time; a call beyond that is not copied. */
  concurrentMax: number;
}

/** What endpoints are told instead of what the caller said. */
export interface RewriteConfig {
  service?: string;
  method?: string;
  authority?: string;
  /** Instead of all values of that name, or added. */
  set?: Readonly<Record<string, string>>;
  /** Beside the values of that name that are there. */
  add?: Readonly<Record<string, string>>;
  remove?: readonly string[];
}

export interface RouteConfig {
  /** For people. */
  name: string;
  match: MatchConfig;
  /** None: its calls end as those without a route. */
  targets: readonly RouteTarget[];
  mirror: MirrorConfig | null;
  rewrite: RewriteConfig | null;
}

/** The first route that matches takes the call; none: UNIMPLEMENTED (as gRPC reads the 404 of a proxy without a route). */
export interface RoutingConfig {
  clusters: readonly ClusterConfig[];
  routes: readonly RouteConfig[];
}
