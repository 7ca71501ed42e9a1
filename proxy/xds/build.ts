/** From services and listeners, as people describe them, to the messages that tell a sidecar or an Envoy of them. */
import { parseAddress } from '../policy/address.ts';
import { CLUSTER, type Codec, ENDPOINTS, LISTENER, ROUTES } from './messages.ts';
import { CONNECTION_MANAGER } from './read-resource.ts';
import type {
  AssignmentShape,
  ClusterShape,
  ConnectionManagerShape,
  LbEndpointShape,
  ListenerShape,
  RouteConfigurationShape,
  RouteShape,
} from './shapes.ts';
import type { Messages } from './snapshot.ts';

export const HEALTH_NAMES = ['unknown', 'healthy', 'unhealthy', 'draining', 'timeout', 'degraded'] as const;
export const LB_NAMES = ['round_robin', 'least_request', 'ring_hash', 'random', 'maglev'] as const;

export interface EndpointPlan {
  address: string;
  id?: string | undefined;
  weight?: number | undefined;
  priority?: number | undefined;
  /** `region/zone/subzone`. */
  locality?: string | undefined;
  /** Of its locality: the first one's counts. */
  localityWeight?: number | undefined;
  health?: (typeof HEALTH_NAMES)[number] | undefined;
  metadata?: Readonly<Record<string, string>> | undefined;
}

export interface ServicePlan {
  balancer?: (typeof LB_NAMES)[number] | undefined;
  endpoints: readonly EndpointPlan[];
}

export interface RoutePlan {
  prefix?: string | undefined;
  path?: string | undefined;
  service?: string | undefined;
  split?: Readonly<Record<string, number>> | undefined;
}

/** Without an address it is for a sidecar, which has its own port; an Envoy opens the one that is named. */
export interface ListenerPlan {
  address?: string | undefined;
  routes: readonly RoutePlan[];
}

export interface MeshPlan {
  services: Readonly<Record<string, ServicePlan>>;
  listeners?: Readonly<Record<string, ListenerPlan>> | undefined;
}

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const BY_ADS = { ads: {}, resource_api_version: 'V3' };
const CONNECT_TIMEOUT = { seconds: 1 };

/** `codec` packs the messages within messages. */
export function buildMessages(plan: MeshPlan, codec: Codec): Messages {
  const services = Object.entries(plan.services);
  const listeners = Object.entries(plan.listeners ?? {});
  return {
    [CLUSTER]: services.map(([name, { balancer }]) => clusterMessage(name, balancer, codec)),
    [ENDPOINTS]: services.map(([name, { endpoints }]) => assignmentMessage(name, endpoints)),
    [LISTENER]: listeners.map(([name, { address }]) => listenerMessage(name, address, codec)),
    [ROUTES]: listeners.map(([name, { routes }]) => routesMessage(name, routes)),
  };
}

function clusterMessage(name: string, balancer: ServicePlan['balancer'], codec: Codec): ClusterShape {
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: BY_ADS },
    connect_timeout: CONNECT_TIMEOUT,
    lb_policy: (balancer ?? 'round_robin').toUpperCase(),
    // Who left is gone: no call to it because it still answers health checks.
    ignore_health_on_host_removal: true,
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: codec.pack(`type.googleapis.com/${HTTP_OPTIONS}`, {
        explicit_http_config: { http2_protocol_options: {} },
      }),
    },
  };
}

/** One group for each priority and locality, in the order of their first endpoints. */
function assignmentMessage(name: string, endpoints: readonly EndpointPlan[]): AssignmentShape {
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
      const { priority = 0, locality = '', localityWeight } = group[0] as EndpointPlan;
      const [region = '', zone = '', ...rest] = locality.split('/');
      return {
        ...(locality === '' ? {} : { locality: { region, zone, sub_zone: rest.join('/') } }),
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

function routesMessage(name: string, routes: readonly RoutePlan[]): RouteConfigurationShape {
  return { name, virtual_hosts: [{ name: 'all', domains: ['*'], routes: routes.map(routeMessage) }] };
}

function routeMessage({ prefix, path, service, split }: RoutePlan): RouteShape {
  const parts = Object.entries(split ?? {});
  const target =
    parts.length === 0
      ? { cluster: service ?? '' }
      : {
          weighted_clusters: {
            clusters: parts.map(([part, value]) => ({ name: part, weight: { value } })),
          },
        };
  // Deadlines are the callers': Envoy would cut each call off after 15 s.
  return {
    match: path === undefined ? { prefix: prefix ?? '/' } : { path },
    route: { ...target, timeout: { seconds: 0 } },
  };
}
