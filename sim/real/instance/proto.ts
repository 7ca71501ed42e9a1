/** The demo service and the health service, loaded once per process by @grpc/proto-loader. */
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from '../process/entry.ts';

type Definitions = Readonly<Record<string, unknown>>;

function load(file: string): Definitions {
  return loadSync(protoPath(file), {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  }) as Definitions;
}

/** Definition of my_service.MyService: four methods, one of each kind. */
export function demoService(): grpc.ServiceDefinition {
  return load('my_service.proto')['my_service.MyService'] as grpc.ServiceDefinition;
}

/** Definition of grpc.health.v1.Health. */
export function healthService(): grpc.ServiceDefinition {
  return load('health.proto')['grpc.health.v1.Health'] as grpc.ServiceDefinition;
}

/** Options of every channel and server of a run: no proxies from the environment, no retries or DNS of grpc-js itself. */
export const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};
