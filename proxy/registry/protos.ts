/** protos/registry.proto on the wire: read once per process, and only by who speaks it. */
import { fileURLToPath } from 'node:url';
import { loadSync, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';

const FROM_SOURCES = import.meta.url.endsWith('.ts');
const ROOT = fileURLToPath(new URL(FROM_SOURCES ? '../../protos' : '../../../protos', import.meta.url));
const OPTIONS = { keepCase: true, longs: Number, defaults: true, includeDirs: [ROOT] };

let loaded: ServiceDefinition | null = null;

export function registryService(): ServiceDefinition {
  loaded ??= loadSync('registry.proto', OPTIONS)['meshwright.registry.v1.Registry'] as ServiceDefinition;
  return loaded;
}

export function registryMethod<Q extends object, R extends object>(name: string): MethodDefinition<Q, R> {
  return registryService()[name] as unknown as MethodDefinition<Q, R>;
}

export interface LeaseMessage {
  lease_id: string;
  ttl_ms: number;
}

export interface EndpointSetMessage {
  version: number;
  endpoints: { address: string; weight: number }[];
}

export const CHANNEL = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
};
