/** From clusters and listeners, as people describe them, to the messages that tell a sidecar or an Envoy of them. */
import { parseAddress } from '../policy/address.ts';
import { clusterMessage, hashHeaderOf } from './build-cluster.ts';
import { BY_ADS } from './build-fields.ts';
import { routesMessage } from './build-routes.ts';
import { CLUSTER, type Codec, ENDPOINTS, LISTENER, ROUTES } from './messages.ts';
import type { ClusterPlan, EndpointPlan, MeshPlan } from './plan.ts';
import { CONNECTION_MANAGER, ROUTER } from './read-resource.ts';
import type { AssignmentShape, ConnectionManagerShape, LbEndpointShape, ListenerShape } from './shapes.ts';
import type { Messages } from './snapshot.ts';

/** `codec` packs the messages within messages. Throws a ResourceError for what cannot be told. */
export function buildMessages(plan: MeshPlan, codec: Codec): Messages {
  const clusters = Object.entries(plan.clusters);
  const listeners = Object.entries(plan.listeners ?? {});
  const hashHeaders = new Map<string, string>();
  for (const [name, cluster] of clusters) {
    const header = hashHeaderOf(cluster);
    if (header !== null) hashHeaders.set(name, header);
  }
  return {
    [CLUSTER]: clusters.map(([name, cluster]) => clusterMessage(name, cluster, codec)),
    [ENDPOINTS]: clusters.map(([name, cluster]) => assignmentMessage(name, cluster)),
    [LISTENER]: listeners.map(([name, { address }]) => listenerMessage(name, address, codec)),
    [ROUTES]: listeners.map(([name, { routes }]) => routesMessage(name, routes, hashHeaders)),
  };
}

/** One group for each priority and locality, in the order of their first endpoints. */
function assignmentMessage(name: string, { balancer, endpoints }: ClusterPlan): AssignmentShape {
  // An Envoy sends nothing to a locality without a weight where weights count; a sidecar takes 1.
  const fallback = typeof balancer === 'object' && balancer.localities === 'weighted' ? 1 : undefined;
  const groups = new Map<string, EndpointPlan[]>();
  for (const endpoint of endpoints) {
    const key = `${endpoint.priority ?? 0} ${endpoint.locality ?? ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [endpoint]);
    else group.push(endpoint);
  }
  return {
    cluster_name: name,
    endpoints: [...groups.values()].map((group) => {
      const { priority = 0, locality = '', localityWeight = fallback } = group[0] as EndpointPlan;
      const [region = '', zone = '', ...rest] = locality.split('/');
      return {
        // An Envoy takes the weight of a locality that is there only.
        ...(locality === '' && localityWeight === undefined
          ? {}
          : { locality: { region, zone, sub_zone: rest.join('/') } }),
        lb_endpoints: group.map(endpointMessage),
        ...(priority === 0 ? {} : { priority }),
        ...(localityWeight === undefined ? {} : { load_balancing_weight: { value: localityWeight } }),
      };
    }),
  };
}

function endpointMessage({ address, id, weight, health, metadata }: EndpointPlan): LbEndpointShape {
  const socket = parseAddress(address);
  const fields = Object.entries(metadata ?? {}).map(([key, stringValue]) => [key, { stringValue }]);
  return {
    endpoint: {
      address: { socket_address: { address: socket?.host ?? '', port_value: socket?.port ?? 0 } },
      ...(id === undefined ? {} : { hostname: id }),
    },
    ...(health === undefined ? {} : { health_status: health.toUpperCase() }),
    ...(weight === undefined ? {} : { load_balancing_weight: { value: weight } }),
    ...(fields.length === 0
      ? {}
      : { metadata: { filter_metadata: { 'envoy.lb': { fields: Object.fromEntries(fields) } } } }),
  };
}

function listenerMessage(name: string, address: string | undefined, codec: Codec): ListenerShape {
  const manager: ConnectionManagerShape = {
    codec_type: 'HTTP2',
    stat_prefix: name,
    rds: { route_config_name: name, config_source: BY_ADS },
    http_filters: [{ name: 'router', typed_config: codec.pack(ROUTER, {}) }],
  };
  const typed = codec.pack(CONNECTION_MANAGER, manager);
  if (address === undefined) return { name, api_listener: { api_listener: typed } };
  const socket = parseAddress(address);
  return {
    name,
    address: { socket_address: { address: socket?.host ?? '', port_value: socket?.port ?? 0 } },
    filter_chains: [{ filters: [{ name: 'manager', typed_config: typed }] }],
  };
}
