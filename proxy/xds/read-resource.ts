/** From a decoded resource to what a sidecar needs of it, or to the path of the field that is wrong. */
import { type AnyMessage, CLUSTER, type Codec, ENDPOINTS, LISTENER, type TypeUrl } from './messages.ts';
import { type ClusterResource, readCluster } from './read-cluster.ts';
import { type Assignment, readAssignment } from './read-endpoints.ts';
import { durationMs, isThere, named } from './read-fields.ts';
import { readRoutes, type RouteResource } from './read-routes.ts';
import { ResourceError } from './resource-error.ts';
import type { RouteConfigurationShape } from './route-shapes.ts';
import type { ClusterShape, ConnectionManagerShape, ListenerShape } from './shapes.ts';

export const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
export const CONNECTION_MANAGER =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Its routes by name, or those within it; `callMaxMs`: what bounds calls of routes that say nothing of it, 0: nothing. */
export interface ListenerResource {
  kind: 'listener';
  name: string;
  routes: string;
  table: RouteResource | null;
  callMaxMs: number;
}

export type Resource =
  | ClusterResource
  | RouteResource
  | ListenerResource
  | ({ kind: 'endpoints' } & Assignment);

/** Throws a ResourceError. `unpack` of the codec is asked for messages within. */
export function readResource(type: TypeUrl, message: object, codec: Codec): Resource {
  if (type === CLUSTER) return readCluster(message as ClusterShape);
  if (type === ENDPOINTS) return { kind: 'endpoints', ...readAssignment(message) };
  if (type === LISTENER) return readListener(message as ListenerShape, codec);
  return readRoutes(message as RouteConfigurationShape);
}

/** A resource's name, or '' where it cannot be told: also of one that is refused. */
export function nameOf(type: TypeUrl, message: object): string {
  const name = (message as Record<string, unknown>)[type === ENDPOINTS ? 'cluster_name' : 'name'];
  return typeof name === 'string' ? name : '';
}

function readListener(shape: ListenerShape, codec: Codec): ListenerResource {
  const name = named(shape.name, 'name');
  const { message: manager, path } = managerOf(shape, codec);
  readFilters(manager, path);
  const bound = manager.common_http_protocol_options?.max_stream_duration;
  const callMaxMs = durationMs(bound, `${path}.common_http_protocol_options.max_stream_duration`) ?? 0;
  const { rds, route_config: within } = manager;
  if (isThere(within)) {
    const table = readRoutes(within, `${path}.route_config.`, true);
    return { kind: 'listener', name, routes: '', table, callMaxMs };
  }
  if (!isThere(rds)) throw new ResourceError(path, 'it has neither rds nor route_config');
  const routes = named(rds.route_config_name, `${path}.rds.route_config_name`);
  return { kind: 'listener', name, routes, table: null, callMaxMs };
}

/** What a filter would do to calls is not done here: so whoever counts on one hears of it (A39). */
function readFilters({ http_filters: filters = [] }: ConnectionManagerShape, path: string): void {
  filters.forEach(({ typed_config: config, is_optional: optional, disabled }, at) => {
    if (optional === true || disabled === true || config?.type_url === ROUTER) return;
    const place = `${path}.http_filters[${at}].typed_config`;
    throw new ResourceError(place, `${JSON.stringify(config?.type_url ?? '')} is no filter known here`);
  });
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

/** What an error says, in one line of bounded length. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}
