/** From a decoded resource to what a sidecar needs of it, or to the path of the field that is wrong. */
import type { Endpoint } from '../policy/config.ts';
import { type AnyMessage, CLUSTER, type Codec, ENDPOINTS, LISTENER, type TypeUrl } from './messages.ts';
import { type Assignment, readAssignment } from './read-endpoints.ts';
import { ResourceError } from './resource-error.ts';
import type {
  ClusterShape,
  ConnectionManagerShape,
  ListenerShape,
  RouteConfigurationShape,
  RouteShape,
} from './shapes.ts';

export const CONNECTION_MANAGER =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** `assignment`: the name under which its endpoints are asked for; `endpoints` where it brings them itself. */
export interface ClusterResource {
  kind: 'cluster';
  name: string;
  assignment: string;
  endpoints: readonly Endpoint[] | null;
}

/** `cluster`: where all calls go. */
export interface RouteResource {
  kind: 'routes';
  name: string;
  cluster: string;
}

/** Its routes by name, or the cluster that routes within it lead to. */
export interface ListenerResource {
  kind: 'listener';
  name: string;
  routes: string;
  cluster: string | null;
}

export type Resource =
  | ClusterResource
  | RouteResource
  | ListenerResource
  | ({ kind: 'endpoints' } & Assignment);

const POLICIES: readonly (string | number)[] = [
  'ROUND_ROBIN',
  'LEAST_REQUEST',
  'RING_HASH',
  'RANDOM',
  'MAGLEV',
];

/** Throws a ResourceError. `unpack` of the codec is asked for messages within. */
export function readResource(type: TypeUrl, message: object, codec: Codec): Resource {
  if (type === CLUSTER) return readCluster(message as ClusterShape);
  if (type === ENDPOINTS) return { kind: 'endpoints', ...readAssignment(message) };
  if (type === LISTENER) return readListener(message as ListenerShape, codec);
  return readRoutes(message as RouteConfigurationShape, '');
}

/** A resource's name, or '' where it cannot be told: also of one that is refused. */
export function nameOf(type: TypeUrl, message: object): string {
  const name = (message as Record<string, unknown>)[type === ENDPOINTS ? 'cluster_name' : 'name'];
  return typeof name === 'string' ? name : '';
}

function readCluster(shape: ClusterShape): ClusterResource {
  const name = named(shape.name, 'name');
  const policy = shape.lb_policy ?? 'ROUND_ROBIN';
  if (!POLICIES.includes(policy))
    throw new ResourceError('lb_policy', `${policy} is none of ${POLICIES.join(', ')}`);
  const type = shape.type ?? 'STATIC';
  if (type === 'STATIC') {
    const own = shape.load_assignment;
    if (own === undefined || own === null)
      throw new ResourceError('load_assignment', 'it is missing, and the type is STATIC');
    const { endpoints } = readAssignment({ ...own, cluster_name: name }, 'load_assignment.');
    return { kind: 'cluster', name, assignment: '', endpoints };
  }
  if (type !== 'EDS') throw new ResourceError('type', `${type} is neither EDS nor STATIC`);
  const source = shape.eds_cluster_config?.eds_config;
  if (!source?.ads && !source?.self)
    throw new ResourceError('eds_cluster_config.eds_config', 'it names neither ads nor self');
  const service = shape.eds_cluster_config?.service_name ?? '';
  return { kind: 'cluster', name, assignment: service === '' ? name : service, endpoints: null };
}

function readListener(shape: ListenerShape, codec: Codec): ListenerResource {
  const name = named(shape.name, 'name');
  const manager = managerOf(shape, codec);
  const { path } = manager;
  const { rds, route_config: within } = manager.message;
  if (within !== undefined && within !== null)
    return {
      kind: 'listener',
      name,
      routes: '',
      cluster: readRoutes(within, `${path}.route_config.`, true).cluster,
    };
  if (rds === undefined || rds === null) throw new ResourceError(path, 'it has neither rds nor route_config');
  const routes = named(rds.route_config_name, `${path}.rds.route_config_name`);
  return { kind: 'listener', name, routes, cluster: null };
}

/** The HTTP connection manager: of an API listener, or the last filter of the first chain. */
function managerOf(shape: ListenerShape, codec: Codec): { message: ConnectionManagerShape; path: string } {
  const api = shape.api_listener?.api_listener;
  if (api !== undefined && api !== null) return unpackManager(api, 'api_listener.api_listener', codec);
  const filters = shape.filter_chains?.[0]?.filters ?? [];
  const last = filters.length - 1;
  const config = filters[last]?.typed_config;
  if (config === undefined || config === null)
    throw new ResourceError('filter_chains[0].filters', 'there is no HTTP connection manager');
  return unpackManager(config, `filter_chains[0].filters[${last}].typed_config`, codec);
}

function unpackManager(
  any: AnyMessage,
  path: string,
  codec: Codec,
): { message: ConnectionManagerShape; path: string } {
  if (any.type_url !== CONNECTION_MANAGER)
    throw new ResourceError(path, `${JSON.stringify(any.type_url)} is not the HTTP connection manager`);
  try {
    return { message: codec.unpack(any.type_url, any.value), path };
  } catch (error) {
    throw new ResourceError(path, `it cannot be parsed: ${reasonOf(error)}`);
  }
}

/**
 * All calls of a sidecar go to one set of endpoints. So there must be a route for all calls, to one cluster, before any
 * that is for some of them only: whatever else would be misunderstood is refused.
 */
function readRoutes(shape: RouteConfigurationShape, path: string, nameless = false): RouteResource {
  const name = nameless ? (shape.name ?? '') : named(shape.name, `${path}name`);
  const hosts = shape.virtual_hosts ?? [];
  const at = hosts.findIndex(({ domains = [] }) => domains.includes('*'));
  if (at < 0) throw new ResourceError(`${path}virtual_hosts`, 'none of them has the domain "*"');
  const place = `${path}virtual_hosts[${at}].routes`;
  const [first] = hosts[at]?.routes ?? [];
  if (first === undefined) throw new ResourceError(place, 'it is empty');
  return { kind: 'routes', name, cluster: readRoute(first, `${place}[0]`) };
}

function readRoute({ match, route }: RouteShape, path: string): string {
  const everything = match?.prefix === '' || match?.prefix === '/';
  const narrowed =
    (match?.headers?.length ?? 0) + (match?.query_parameters?.length ?? 0) > 0 || match?.runtime_fraction;
  if (!everything || narrowed)
    throw new ResourceError(`${path}.match`, 'the first route is not for all calls (prefix "/" alone)');
  if (route === undefined || route === null) throw new ResourceError(`${path}.route`, 'it is missing');
  const split = route.weighted_clusters?.clusters;
  const [only] = split ?? [];
  if (split !== undefined && split.length === 1 && only !== undefined)
    return named(only.name, `${path}.route.weighted_clusters.clusters[0].name`);
  if (split !== undefined && split.length > 1)
    throw new ResourceError(`${path}.route.weighted_clusters`, 'calls cannot be split over clusters here');
  return named(route.cluster, `${path}.route.cluster`);
}

function named(name: string | undefined, path: string): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new ResourceError(path, 'it is empty');
}

/** What an error says, in one line of bounded length. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}
