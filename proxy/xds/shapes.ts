/** Resources as they come out of the decoder, before anything about them is known to be right: each field may be missing. */
import type { AnyMessage } from './messages.ts';
import type { RouteConfigurationShape } from './route-shapes.ts';

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
  initial_fetch_timeout?: DurationShape;
}

export interface DurationShape {
  seconds?: number;
  nanos?: number;
}

export interface UintShape {
  value?: number;
}

export interface ThresholdsShape {
  priority?: string | number;
  max_connections?: UintShape;
  max_pending_requests?: UintShape;
  max_requests?: UintShape;
  max_retries?: UintShape;
  retry_budget?: { budget_percent?: { value?: number }; min_retry_concurrency?: UintShape };
}

export interface OutlierShape {
  consecutive_5xx?: UintShape;
  interval?: DurationShape;
  base_ejection_time?: DurationShape;
  max_ejection_percent?: UintShape;
  enforcing_consecutive_5xx?: UintShape;
  enforcing_success_rate?: UintShape;
  success_rate_minimum_hosts?: UintShape;
  success_rate_request_volume?: UintShape;
  success_rate_stdev_factor?: UintShape;
  consecutive_gateway_failure?: UintShape;
  enforcing_consecutive_gateway_failure?: UintShape;
  failure_percentage_threshold?: UintShape;
  enforcing_failure_percentage?: UintShape;
  failure_percentage_minimum_hosts?: UintShape;
  failure_percentage_request_volume?: UintShape;
  max_ejection_time?: DurationShape;
  max_ejection_time_jitter?: DurationShape;
  successful_active_health_check_uneject_host?: { value?: boolean };
  always_eject_one_host?: { value?: boolean };
}

export interface ClusterShape {
  name?: string;
  type?: string | number;
  cluster_type?: object;
  eds_cluster_config?: { eds_config?: SourceShape; service_name?: string };
  connect_timeout?: DurationShape;
  lb_policy?: string | number;
  least_request_lb_config?: { choice_count?: UintShape };
  ring_hash_lb_config?: {
    minimum_ring_size?: UintShape;
    maximum_ring_size?: UintShape;
    hash_function?: string;
  };
  maglev_lb_config?: { table_size?: UintShape };
  common_lb_config?: { locality_weighted_lb_config?: object };
  load_balancing_policy?: object;
  lb_subset_config?: object;
  circuit_breakers?: { thresholds?: ThresholdsShape[]; per_host_thresholds?: ThresholdsShape[] };
  outlier_detection?: OutlierShape;
  transport_socket?: { name?: string; typed_config?: AnyMessage };
  transport_socket_matches?: object[];
  ignore_health_on_host_removal?: boolean;
  load_assignment?: AssignmentShape;
  typed_extension_protocol_options?: Record<string, AnyMessage>;
}

export interface ConnectionManagerShape {
  codec_type?: string;
  stat_prefix?: string;
  rds?: { route_config_name?: string; config_source?: SourceShape };
  route_config?: RouteConfigurationShape;
  http_filters?: { name?: string; typed_config?: AnyMessage; is_optional?: boolean; disabled?: boolean }[];
  common_http_protocol_options?: { max_stream_duration?: DurationShape };
}

export interface ListenerShape {
  name?: string;
  address?: AddressShape;
  filter_chains?: { filters?: { name?: string; typed_config?: AnyMessage }[] }[];
  api_listener?: { api_listener?: AnyMessage };
}
