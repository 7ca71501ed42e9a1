/** Resources as they come out of the decoder, before anything about them is known to be right: each field may be missing. */
import type { AnyMessage } from './messages.ts';

export interface AddressShape {
  socket_address?: { address?: string; port_value?: number; protocol?: string | number };
}

interface LocalityShape {
  region?: string;
  zone?: string;
  sub_zone?: string;
}

export interface ValueShape {
  stringValue?: string;
  numberValue?: number;
  boolValue?: boolean;
}

export interface MetadataShape {
  filter_metadata?: Record<string, { fields?: Record<string, ValueShape> }>;
}

export interface LbEndpointShape {
  endpoint?: { address?: AddressShape; hostname?: string };
  health_status?: string | number;
  metadata?: MetadataShape;
  load_balancing_weight?: { value?: number };
}

export interface LocalityEndpointsShape {
  locality?: LocalityShape;
  lb_endpoints?: LbEndpointShape[];
  load_balancing_weight?: { value?: number };
  priority?: number;
}

export interface AssignmentShape {
  cluster_name?: string;
  endpoints?: LocalityEndpointsShape[];
}

/** Where a resource is to be had; only whether one is named is read. */
interface SourceShape {
  ads?: object;
  self?: object;
  resource_api_version?: string;
  initial_fetch_timeout?: { seconds?: number; nanos?: number };
}

export interface ClusterShape {
  name?: string;
  type?: string | number;
  eds_cluster_config?: { eds_config?: SourceShape; service_name?: string };
  connect_timeout?: { seconds?: number; nanos?: number };
  lb_policy?: string | number;
  ignore_health_on_host_removal?: boolean;
  load_assignment?: AssignmentShape;
  typed_extension_protocol_options?: Record<string, AnyMessage>;
}

export interface RouteShape {
  name?: string;
  match?: {
    prefix?: string;
    path?: string;
    safe_regex?: object;
    headers?: object[];
    query_parameters?: object[];
    runtime_fraction?: object;
  };
  route?: {
    cluster?: string;
    cluster_header?: string;
    weighted_clusters?: { clusters?: { name?: string; weight?: { value?: number } }[] };
    timeout?: { seconds?: number; nanos?: number };
  };
  redirect?: object;
  direct_response?: object;
}

export interface RouteConfigurationShape {
  name?: string;
  virtual_hosts?: { name?: string; domains?: string[]; routes?: RouteShape[] }[];
}

export interface ConnectionManagerShape {
  codec_type?: string;
  stat_prefix?: string;
  rds?: { route_config_name?: string; config_source?: SourceShape };
  route_config?: RouteConfigurationShape;
  http_filters?: { name?: string; typed_config?: AnyMessage }[];
}

export interface ListenerShape {
  name?: string;
  address?: AddressShape;
  filter_chains?: { filters?: { name?: string; typed_config?: AnyMessage }[] }[];
  api_listener?: { api_listener?: AnyMessage };
}
