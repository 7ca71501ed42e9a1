/** The messages of protos/xds on the wire: read once per process, and only by who speaks xDS. */
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import type { MessageTypeDefinition, PackageDefinition, ServiceDefinition } from '@grpc/proto-loader';
import type { Codec } from '../xds/messages.ts';

const FILES = [
  'discovery',
  'cluster',
  'endpoint',
  'listener',
  'route',
  'connection-manager',
  'http-options',
  'router',
];
const SERVICE = 'envoy.service.discovery.v3.AggregatedDiscoveryService';
const FROM_SOURCES = import.meta.url.endsWith('.ts');
const ROOT = fileURLToPath(new URL(FROM_SOURCES ? '../../protos' : '../../../protos', import.meta.url));

let loaded: PackageDefinition | null = null;

/** Fields by the names of the protos, enums by name, what is not there stays away. */
function definitions(): PackageDefinition {
  loaded ??= loadSync(
    FILES.map((name) => `xds/${name}.proto`),
    { keepCase: true, enums: String, longs: Number, includeDirs: [ROOT] },
  );
  return loaded;
}

export function adsService(): ServiceDefinition {
  return definitions()[SERVICE] as ServiceDefinition;
}

export const PROTO_CODEC: Codec = {
  pack: (type, message) => ({ type_url: type, value: typeOf(type).serialize(message) }),
  unpack: (type, value) => typeOf(type).deserialize(value as Buffer),
};

function typeOf(url: string): MessageTypeDefinition<object, object> {
  const found = definitions()[url.slice(url.lastIndexOf('/') + 1)];
  if (found === undefined || !('deserialize' in found)) throw new Error(`${url} is unknown here`);
  return found as MessageTypeDefinition<object, object>;
}
