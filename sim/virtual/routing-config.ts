/** The sidecar's clusters and routes from what a scenario says of them. */
import type { SidecarConfig } from '../../proxy/policy/config.ts';
import type { ClusterPolicies, RouteConfig, RoutingConfig } from '../../proxy/policy/routes/config.ts';
import type { RouteSpec } from '../spec/routing.ts';
import type { SidecarSpec } from '../spec/scenario.ts';

/** `policiesOf`: the policies of a sidecar with this specification. */
export function routingConfig(
  spec: SidecarSpec,
  policiesOf: (spec: SidecarSpec) => SidecarConfig,
): RoutingConfig | null {
  const { clusters = {}, routes } = spec;
  if (routes === undefined) return null;
  /** A section that a cluster or a route gives replaces the one above as a whole. */
  const specOf = (cluster: string): SidecarSpec => {
    const { instances: _instances, ...own } = clusters[cluster] ?? { instances: [] };
    return { ...spec, ...own };
  };
  return {
    clusters: Object.keys(clusters).map((name) => ({ name, policies: policies(policiesOf(specOf(name))) })),
    routes: routes.map((route, index) => {
      const own = ownOf(route);
      const target = (cluster: string, weight: number) => ({
        cluster,
        weight,
        policies: own === null ? null : policies(policiesOf({ ...specOf(cluster), ...own })),
      });
      const weights = route.split ?? { [route.cluster as string]: 1 };
      return routeConfig(
        route,
        index,
        Object.entries(weights).map(([name, weight]) => target(name, weight)),
      );
    }),
  };
}

function routeConfig(route: RouteSpec, index: number, targets: RouteConfig['targets']): RouteConfig {
  const { match = {}, mirror, rewrite } = route;
  return {
    name: `route ${index}`,
    match,
    targets,
    mirror:
      mirror === undefined
        ? null
        : { cluster: mirror.cluster, share: mirror.share ?? 1, concurrentMax: mirror.concurrentMax ?? 100 },
    rewrite: rewrite ?? null,
  };
}

function ownOf({ retry, timeout, rateLimit }: RouteSpec): Partial<SidecarSpec> | null {
  const given = Object.entries({ retry, timeout, rateLimit }).filter(([, section]) => section !== undefined);
  return given.length === 0 ? null : (Object.fromEntries(given) as Partial<SidecarSpec>);
}

function policies({
  routing: _routing,
  tag: _tag,
  drainMs: _drainMs,
  ...rest
}: SidecarConfig): ClusterPolicies {
  return rest;
}
