/** Routes as they come out of the decoder, before anything about them is known to be right: each field may be missing. */
import type { DurationShape, UintShape } from './shapes.ts';

interface FractionShape {
  default_value?: { numerator?: number; denominator?: string };
}

interface StringMatcherShape {
  exact?: string;
  prefix?: string;
  suffix?: string;
  safe_regex?: object;
  contains?: string;
  custom?: object;
  ignore_case?: boolean;
}

export interface HeaderMatcherShape {
  name?: string;
  exact_match?: string;
  present_match?: boolean;
  prefix_match?: string;
  suffix_match?: string;
  contains_match?: string;
  safe_regex_match?: object;
  range_match?: object;
  string_match?: StringMatcherShape;
  invert_match?: boolean;
  treat_missing_header_as_empty?: boolean;
}

export interface MatchShape {
  prefix?: string;
  path?: string;
  safe_regex?: object;
  connect_matcher?: object;
  path_separated_prefix?: string;
  path_match_policy?: object;
  case_sensitive?: { value?: boolean };
  headers?: HeaderMatcherShape[];
  query_parameters?: object[];
  cookies?: object[];
  runtime_fraction?: FractionShape;
  tls_context?: object;
  dynamic_metadata?: object[];
  filter_state?: object[];
}

export interface HeaderOptionShape {
  header?: { key?: string; value?: string; raw_value?: object };
  append?: { value?: boolean };
  append_action?: string;
}

/** What a table, a host or a route changes of headers. */
export interface HeaderChangesShape {
  request_headers_to_add?: HeaderOptionShape[];
  request_headers_to_remove?: string[];
  response_headers_to_add?: object[];
  response_headers_to_remove?: string[];
}

export interface MirrorShape {
  cluster?: string;
  cluster_header?: string;
  runtime_fraction?: FractionShape;
  disable_shadow_host_suffix_append?: boolean;
  request_headers_mutations?: object[];
  host_rewrite_literal?: string;
}

export interface RetryShape {
  retry_on?: string;
  num_retries?: UintShape;
  per_try_timeout?: DurationShape;
  retry_back_off?: { base_interval?: DurationShape; max_interval?: DurationShape };
}

export interface ClusterWeightShape extends HeaderChangesShape {
  name?: string;
  weight?: UintShape;
  metadata_match?: object;
  cluster_header?: string;
  host_rewrite_literal?: string;
}

export interface HashPolicyShape {
  header?: { header_name?: string; regex_rewrite?: object };
  cookie?: object;
  connection_properties?: object;
  query_parameter?: object;
  filter_state?: object;
  terminal?: boolean;
}

export interface ActionShape {
  cluster?: string;
  cluster_header?: string;
  cluster_specifier_plugin?: string;
  inline_cluster_specifier_plugin?: object;
  weighted_clusters?: {
    clusters?: ClusterWeightShape[];
    header_name?: string;
    use_hash_policy?: { value?: boolean };
  };
  metadata_match?: object;
  prefix_rewrite?: string;
  regex_rewrite?: object;
  path_rewrite_policy?: object;
  path_rewrite?: string;
  host_rewrite_literal?: string;
  auto_host_rewrite?: { value?: boolean };
  host_rewrite_header?: string;
  host_rewrite_path_regex?: object;
  host_rewrite?: string;
  timeout?: DurationShape;
  max_stream_duration?: {
    max_stream_duration?: DurationShape;
    grpc_timeout_header_max?: DurationShape;
    grpc_timeout_header_offset?: DurationShape;
  };
  retry_policy?: RetryShape;
  retry_policy_typed_config?: object;
  hedge_policy?: object;
  hash_policy?: HashPolicyShape[];
  request_mirror_policies?: MirrorShape[];
}

export interface RouteShape extends HeaderChangesShape {
  name?: string;
  match?: MatchShape;
  route?: ActionShape;
  redirect?: object;
  direct_response?: object;
  filter_action?: object;
  non_forwarding_action?: object;
}

export interface VirtualHostShape extends HeaderChangesShape {
  name?: string;
  domains?: string[];
  routes?: RouteShape[];
  matcher?: object;
  require_tls?: number;
  retry_policy?: RetryShape;
  retry_policy_typed_config?: object;
  hedge_policy?: object;
  request_mirror_policies?: MirrorShape[];
}

export interface RouteConfigurationShape extends HeaderChangesShape {
  name?: string;
  virtual_hosts?: VirtualHostShape[];
  vhds?: object;
  vhost_header?: string;
  internal_only_headers?: string[];
  ignore_port_in_host_matching?: boolean;
  request_mirror_policies?: MirrorShape[];
}
