/**
 * From what is said of clusters and routes to what the machine reads: the one place for it, whoever says it (the configuration
 * file, a scenario, a control plane). Sections come in the form of whoever says it, `S`; what is left out is completed here.
 */
import type { ClusterPolicies, MatchConfig, MirrorConfig } from './config.ts';
import type { RewriteConfig, RouteConfig, RouteTarget, RoutingConfig } from './config.ts';

export interface SaidMirror {
  cluster: string;
  share?: number | undefined;
  concurrentMax?: number | undefined;
}

export interface SaidRoute<S> {
  name?: string | undefined;
  match?: MatchConfig | undefined;
  cluster?: string | undefined;
  /** Instead of `cluster`: weights by cluster. Routes with one and the same object here have one and the same targets. */
  split?: Readonly<Record<string, number>> | undefined;
  mirror?: SaidMirror | null | undefined;
  rewrite?: RewriteConfig | null | undefined;
  /** Sections of its own; null: none. */
  own: S | null;
}

/** The policies of a cluster, or of a route's own sections towards it. */
export type PoliciesOf<S> = (cluster: string, own: S | null) => ClusterPolicies;

/** `clusters`: those besides the default one. */
export function buildRouting<S>(
  clusters: readonly string[],
  routes: readonly SaidRoute<S>[],
  policiesOf: PoliciesOf<S>,
): RoutingConfig {
  const known = new Map<object, readonly RouteTarget[]>();
  return {
    clusters: clusters.map((name) => ({ name, policies: policiesOf(name, null) })),
    routes: routes.map((route, index): RouteConfig => {
      const key = route.split ?? route;
      const targets = known.get(key) ?? targetsOf(route, policiesOf);
      known.set(key, targets);
      return {
        name: route.name ?? `route ${index}`,
        match: route.match ?? {},
        targets,
        mirror: mirrorOf(route.mirror ?? null),
        rewrite: route.rewrite ?? null,
      };
    }),
  };
}

function targetsOf<S>({ cluster, split, own }: SaidRoute<S>, policiesOf: PoliciesOf<S>): RouteTarget[] {
  const weights = split ?? (cluster === undefined ? {} : { [cluster]: 1 });
  return Object.entries(weights).map(([name, weight]) => ({
    cluster: name,
    weight,
    policies: own === null ? null : policiesOf(name, own),
  }));
}

function mirrorOf(said: SaidMirror | null): MirrorConfig | null {
  if (said === null) return null;
  return { cluster: said.cluster, share: said.share ?? 1, concurrentMax: said.concurrentMax ?? 100 };
}
