/** A mesh as people describe it: clusters and listeners, in the words of the sidecar's configuration file. */
import type { BalancerConfig, RetryConfig, TimeoutConfig } from '../policy/config.ts';
import type { BreakerConfig, OutlierConfig } from '../policy/failover-config.ts';
import type { SaidRoute } from '../policy/routes/build.ts';
import type { RewriteConfig } from '../policy/routes/config.ts';
import { ResourceError } from './resource-error.ts';

export const HEALTH_NAMES = ['unknown', 'healthy', 'unhealthy', 'draining', 'timeout', 'degraded'] as const;

export interface EndpointPlan {
  address: string;
  id?: string | undefined;
  weight?: number | undefined;
  priority?: number | undefined;
  /** `region/zone/subzone`. */
  locality?: string | undefined;
  /** Of its locality; the first one of a group is told. */
  localityWeight?: number | undefined;
  health?: (typeof HEALTH_NAMES)[number] | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
}

/** Some of a section; what of it cannot be told over xDS is refused when it is told. */
export type Some<T> = { readonly [name in keyof T]?: Some<T[name]> | undefined };

export interface ClusterPlan {
  balancer?: string | (Some<Omit<BalancerConfig, 'name'>> & { name: string }) | undefined;
  timeout?: Some<TimeoutConfig> | undefined;
  circuitBreaker?: Some<BreakerConfig> | undefined;
  outlier?: Some<OutlierConfig> | undefined;
  endpoints: readonly EndpointPlan[];
}

type MatchPlan = Some<{ service: string; method: string; authority: string }> & {
  headers?: Readonly<Record<string, string>> | undefined;
};

export interface RoutePlan extends Omit<SaidRoute<never>, 'own' | 'match' | 'rewrite'> {
  match?: MatchPlan | undefined;
  rewrite?: { readonly [name in keyof RewriteConfig]?: RewriteConfig[name] | undefined } | undefined;
  retry?: Some<RetryConfig> | undefined;
  timeout?: Some<TimeoutConfig> | undefined;
  hashHeader?: string | undefined;
}

/** Without an address it is for a sidecar, which has its own port; an Envoy opens the one that is named. */
export interface ListenerPlan {
  address?: string | undefined;
  /** The first that matches takes a call. */
  routes: readonly RoutePlan[];
}

export interface MeshPlan {
  clusters: Readonly<Record<string, ClusterPlan>>;
  listeners?: Readonly<Record<string, ListenerPlan>> | undefined;
}

/** Refuses what of a section xDS has no word for. */
export function tellable(section: object, known: readonly string[], path: string): void {
  for (const [name, value] of Object.entries(section))
    if (value !== undefined && !known.includes(name))
      throw new ResourceError(`${path}.${name}`, 'it cannot be told over xDS');
}
