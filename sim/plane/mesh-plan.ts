/** What the control plane of a run says: the scenario's clusters and routes, in the words of a control plane's file. */
import { KEY_HEADER } from '../spec/balancer.ts';
import { type ClusterSpec, DEFAULT_CLUSTER, type RouteSpec } from '../spec/routing.ts';
import type { SidecarSpec } from '../spec/scenario.ts';
import type { Endpoint } from '../../proxy/policy/config.ts';
import { buildMessages } from '../../proxy/xds/build.ts';
import { PLAIN_CODEC, TYPES } from '../../proxy/xds/messages.ts';
import {
  type ClusterPlan,
  type EndpointPlan,
  type MeshPlan,
  type RoutePlan,
  tellable,
} from '../../proxy/xds/plan.ts';
import { readResource, reasonOf } from '../../proxy/xds/read-resource.ts';

/** The listener that sidecars follow. */
export const LISTENER_NAME = 'front';

const OF_CLUSTERS = ['instances', 'balancer', 'timeout', 'circuitBreaker', 'outlier'];
const OF_ROUTES = ['match', 'cluster', 'split', 'mirror', 'rewrite', 'retry', 'timeout'];

/** The set of each cluster. */
export type Sets = ReadonlyMap<string, readonly Endpoint[]>;

/** `routes`: instead of the scenario's own. Without any, all calls go to one cluster, which has the service's name. */
export function meshPlan(
  service: string,
  spec: SidecarSpec,
  routes: SidecarSpec['routes'],
  sets: Sets,
): MeshPlan {
  const clusters = [...sets].map(([name, endpoints]) => {
    const own = spec.clusters?.[name];
    const told = routes === undefined && name === DEFAULT_CLUSTER ? service : name;
    return [
      told,
      { ...(own === undefined ? {} : clusterPlan(own, name)), endpoints: endpoints.map(endpointPlan) },
    ];
  });
  const front = routes === undefined ? [{ cluster: service }] : routes.map(routePlan);
  return { clusters: Object.fromEntries(clusters), listeners: { [LISTENER_NAME]: { routes: front } } };
}

/** Why these routes cannot be told, or a sidecar would refuse them; null: they can. */
export function whyUntellable(spec: SidecarSpec, routes: SidecarSpec['routes']): string | null {
  try {
    const names = [DEFAULT_CLUSTER, ...Object.keys(spec.clusters ?? {})];
    const plan = meshPlan(DEFAULT_CLUSTER, spec, routes, new Map(names.map((name) => [name, []])));
    const messages = buildMessages(plan, PLAIN_CODEC);
    for (const type of TYPES)
      for (const message of messages[type] ?? []) readResource(type, message, PLAIN_CODEC);
  } catch (error) {
    return reasonOf(error);
  }
  return null;
}

function clusterPlan(spec: ClusterSpec, name: string): Omit<ClusterPlan, 'endpoints'> {
  tellable(spec, OF_CLUSTERS, `clusters.${name}`);
  const { balancer, timeout, circuitBreaker, outlier } = spec;
  return {
    ...(balancer === undefined ? {} : { balancer: balancerPlan(balancer) }),
    timeout,
    circuitBreaker,
    outlier,
  };
}

function balancerPlan(spec: NonNullable<ClusterSpec['balancer']>): NonNullable<ClusterPlan['balancer']> {
  const given = typeof spec === 'object' ? spec : { name: spec };
  const hashes = given.name === 'ring_hash' || given.name === 'maglev';
  return hashes ? { hashHeader: KEY_HEADER, ...given } : given;
}

function routePlan(spec: RouteSpec, at: number): RoutePlan {
  tellable(spec, OF_ROUTES, `routes.${at}`);
  const { rateLimit: _rateLimit, ...plan } = spec;
  return plan;
}

function endpointPlan(endpoint: Endpoint): EndpointPlan {
  const { address, id, draining, weight, priority, locality, localityWeight } = endpoint;
  return {
    ...{ address, id, priority, locality, localityWeight },
    ...(draining ? { health: 'draining' as const } : {}),
    ...(weight === undefined || weight === 1 ? {} : { weight }),
  };
}
