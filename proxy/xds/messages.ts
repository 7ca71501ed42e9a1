/** The messages of the discovery protocol as plain objects, fields named as in protos/xds, and the types of resources in the order of their names. */

export const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const ENDPOINTS = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LISTENER = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const ROUTES = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** In the order in which one change has to arrive so that nothing names what is not there yet (xDS, eventual consistency). */
export const TYPES = [CLUSTER, ENDPOINTS, LISTENER, ROUTES] as const;
export type TypeUrl = (typeof TYPES)[number];

/** Types whose response is the whole truth: what is not in it does not exist (xDS, state of the world). */
export function isWhole(type: TypeUrl): boolean {
  return type === CLUSTER || type === LISTENER;
}

export function isKnownType(type: string): type is TypeUrl {
  return (TYPES as readonly string[]).includes(type);
}

/** The last part of the type's name, for people. */
export function shortType(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** A message within a message. `value`: octets on a wire; where nothing is encoded, the message itself. */
export interface AnyMessage {
  type_url: string;
  value: unknown;
}

export interface NodeMessage {
  id: string;
  cluster?: string;
  user_agent_name?: string;
}

export interface StatusMessage {
  code: number;
  message: string;
}

/** State of the world. A request without `response_nonce` is the first of its type on this stream. */
export interface DiscoveryRequest {
  version_info?: string;
  node?: NodeMessage;
  resource_names?: readonly string[];
  type_url: string;
  response_nonce?: string;
  error_detail?: StatusMessage;
}

export interface DiscoveryResponse {
  version_info: string;
  resources?: readonly AnyMessage[];
  type_url: string;
  nonce: string;
}

/** Incremental. */
export interface DeltaRequest {
  node?: NodeMessage;
  type_url: string;
  resource_names_subscribe?: readonly string[];
  resource_names_unsubscribe?: readonly string[];
  initial_resource_versions?: Readonly<Record<string, string>>;
  response_nonce?: string;
  error_detail?: StatusMessage;
}

export interface DeltaResource {
  name: string;
  version: string;
  resource?: AnyMessage | null;
}

export interface DeltaResponse {
  system_version_info?: string;
  resources?: readonly DeltaResource[];
  removed_resources?: readonly string[];
  type_url: string;
  nonce: string;
}

export type Variant = 'sotw' | 'delta';

/** Between messages and what stands in an `AnyMessage`. `unpack` throws for what is no such message. */
export interface Codec {
  pack(type: string, message: object): AnyMessage;
  unpack(type: string, value: unknown): object;
}

/** Nothing is encoded: for a world without wires. */
export const PLAIN_CODEC: Codec = {
  pack: (type, message) => ({ type_url: type, value: message }),
  unpack(_type, value) {
    if (typeof value === 'object' && value !== null) return value;
    throw new Error('it is no message');
  },
};
