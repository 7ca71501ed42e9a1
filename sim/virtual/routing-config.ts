/** The sidecar's clusters and routes from what a scenario says of them. */
import type { SidecarConfig } from '../../proxy/policy/config.ts';
import { buildRouting } from '../../proxy/policy/routes/build.ts';
import { clusterPolicies, type RoutingConfig } from '../../proxy/policy/routes/config.ts';
import type { RouteSpec } from '../spec/routing.ts';
import type { SidecarSpec } from '../spec/scenario.ts';

/** `policiesOf`: the policies of a sidecar with this specification. */
export function routingConfig(
  spec: SidecarSpec,
  policiesOf: (spec: SidecarSpec) => SidecarConfig,
): RoutingConfig | null {
  const { clusters = {}, routes } = spec;
  if (routes === undefined) return null;
  const said = routes.map((route) => ({ ...route, own: ownOf(route) }));
  return buildRouting(Object.keys(clusters), said, (cluster, own) => {
    // A section that a cluster or a route gives replaces the one above as a whole.
    const { instances: _instances, ...sections } = clusters[cluster] ?? { instances: [] };
    return clusterPolicies(policiesOf({ ...spec, ...sections, ...own }));
  });
}

function ownOf({ retry, timeout, rateLimit }: RouteSpec): Partial<SidecarSpec> | null {
  const given = Object.entries({ retry, timeout, rateLimit }).filter(([, section]) => section !== undefined);
  return given.length === 0 ? null : (Object.fromEntries(given) as Partial<SidecarSpec>);
}
