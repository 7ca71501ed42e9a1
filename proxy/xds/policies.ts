/** What a control plane says of policies, over the sidecar's own: what it does not say stays as it is there. */
import { type BalancerConfig, hashes, type RetryConfig, type TimeoutConfig } from '../policy/config.ts';
import type { BreakerConfig, OutlierConfig } from '../policy/failover-config.ts';
import type { ClusterPolicies } from '../policy/routes/config.ts';

/** Of a cluster. */
export interface ClusterSections {
  balancer?: Partial<BalancerConfig>;
  retry?: Partial<RetryConfig>;
  timeout?: Partial<TimeoutConfig>;
  circuitBreaker?: BreakerConfig;
  outlier?: Omit<OutlierConfig, 'cap'> & Partial<OutlierConfig>;
}

/** Of a route. */
export interface RouteSections {
  retry?: Partial<RetryConfig>;
  timeout?: Partial<TimeoutConfig>;
  /** Means nothing to a cluster that hashes nothing. */
  hashHeader?: string;
}

/** `own`: the sidecar's. */
export function policiesOf(
  own: ClusterPolicies,
  cluster: ClusterSections,
  route: RouteSections | null,
): ClusterPolicies {
  const { balancer: said, retry, timeout, circuitBreaker, outlier } = cluster;
  const balancer = { ...own.balancer, ...said };
  // What the sidecar hashes for a balancer of its own is not what this one hashes.
  if (said?.name !== undefined && said.name !== own.balancer.name) balancer.hashHeader = '';
  if (route?.hashHeader !== undefined && hashes(balancer)) balancer.hashHeader = route.hashHeader;
  return {
    ...own,
    balancer,
    retry: { ...own.retry, ...retry, ...route?.retry },
    timeout: { ...own.timeout, ...timeout, ...route?.timeout },
    // A call is retried or hedged (A6): who speaks of retries wants those.
    hedging: route?.retry === undefined ? own.hedging : null,
    circuitBreaker: circuitBreaker ?? own.circuitBreaker,
    outlier: outlier === undefined ? own.outlier : { cap: own.outlier?.cap ?? 'a50', ...outlier },
  };
}
