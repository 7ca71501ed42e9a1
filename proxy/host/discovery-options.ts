/** Which source of endpoints is asked for, besides `--upstream` and `--endpoints`: a control plane over xDS, DNS, a registry. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { DEFAULT_DNS, DNS_DIALECTS, type DnsConfig } from '../discovery/dns-source.ts';
import type { RegistryConfig } from '../discovery/registry-source.ts';
import type { ChannelTls } from '../registry/channel-tls.ts';
import { parseAddress } from '../policy/address.ts';
import { DEFAULT_XDS, type XdsClientConfig } from '../xds/client-config.ts';
import { type OptionReader, usage } from './option-reader.ts';

export interface XdsOptions extends Omit<XdsClientConfig, 'policies'> {
  kind: 'xds';
  /** HOST:PORT of the control plane. */
  server: string;
  /** Null: in the clear. `caFile` null trusts what Node trusts, `serverName` null asks for the control plane's host. */
  tls: ChannelTls | null;
}

export interface DnsOptions extends DnsConfig {
  kind: 'dns';
}

export interface RegistryOptions extends RegistryConfig {
  kind: 'registry';
}

export type DiscoveryOptions = XdsOptions | DnsOptions | RegistryOptions;

/** Longest name in DNS. */
const NAME_MAX = 253;

/** Null: none is asked for. */
export function readDiscovery(read: OptionReader): DiscoveryOptions | null {
  const found = [readXds(read), readDns(read), readRegistry(read)].filter((one) => one !== null);
  if (found.length > 1) throw usage('endpoints are given twice', '--dns', 'give one source of endpoints');
  return found[0] ?? null;
}

function readRegistry(read: OptionReader): RegistryOptions | null {
  const [address, service] = [read.endpoint('registry'), read.text('registry-service')];
  if (address === null && service === null) return null;
  if (address === null || service === null || service === '')
    throw read.refusal(
      address === null ? 'registry-service' : 'registry',
      'a registry needs an address and a service',
      'give both --registry HOST:PORT and --registry-service NAME',
    );
  const [caFile, serverName] = [read.text('registry-ca'), read.text('registry-server-name')];
  const tls = read.flag('registry-tls') ? { caFile, serverName } : null;
  if (tls === null && (caFile !== null || serverName !== null))
    throw read.refusal(
      caFile === null ? 'registry-server-name' : 'registry-ca',
      'the registry is spoken to in the clear',
      'add --registry-tls',
    );
  return { kind: 'registry', address, service, tls, tokenFile: read.text('registry-token-file') };
}

function readDns(read: OptionReader): DnsOptions | null {
  const [host, service, server] = [read.endpoint('dns'), read.text('dns-srv'), readDnsServer(read)];
  if (host === null && service === null) {
    if (server !== null) throw read.refusal('dns-server', 'no name is given', 'give --dns HOST:PORT too');
    return null;
  }
  if (host !== null && service !== null)
    throw read.refusal('dns-srv', 'endpoints are given twice', 'give --dns HOST:PORT or --dns-srv NAME');
  if (service !== null && (!/^[\w.-]+$/.test(service) || service.length > NAME_MAX))
    throw read.refusal('dns-srv', `${JSON.stringify(service)} is no name`, 'give a name without port');
  const dialect = read.choice('discovery.dialect', DNS_DIALECTS, 'strict');
  if (dialect === 'logical' && service !== null)
    throw read.refusal(
      'discovery.dialect',
      'a name is one logical endpoint, and SRV records name several',
      'leave it out, or leave out type: SRV',
    );
  const { host: name, port } = host === null ? { host: service as string, port: 0 } : parsed(host);
  const minRefreshMs = read.number('discovery.minRefreshMs', DEFAULT_DNS.minRefreshMs);
  const most = Math.max(DEFAULT_DNS.maxRefreshMs, minRefreshMs);
  return {
    kind: 'dns',
    name,
    port,
    type: host === null ? 'SRV' : 'A',
    dialect,
    server,
    minRefreshMs,
    maxRefreshMs: read.number('discovery.maxRefreshMs', most, { least: minRefreshMs }),
  };
}

function readDnsServer(read: OptionReader): string | null {
  const server = read.endpoint('dns-server');
  if (server === null || isIP(parsed(server).host) !== 0) return server;
  throw read.refusal(
    'dns-server',
    `${JSON.stringify(server)} is not IP:PORT`,
    'give the address, not a name',
  );
}

/** What the reader has found to be one. */
function parsed(text: string): { host: string; port: number } {
  return parseAddress(text) as { host: string; port: number };
}

function readXds(read: OptionReader): XdsOptions | null {
  const server = read.endpoint('xds');
  const [listener, cluster] = [read.text('xds-listener'), read.text('xds-cluster')];
  if (server === null) {
    if (listener === null && cluster === null) return null;
    const place = listener === null ? '--xds-cluster' : '--xds-listener';
    throw read.refusal(place.slice(2), `${place} is given, and no control plane`, 'give --xds HOST:PORT too');
  }
  if ((listener === null) === (cluster === null)) {
    const said = listener === null ? 'it is not said what to follow' : 'two things to follow are given';
    throw read.refusal(
      'xds',
      `of the control plane, ${said}`,
      'give --xds-listener NAME or --xds-cluster NAME',
    );
  }
  const backoffBaseMs = read.number('discovery.backoffBaseMs', DEFAULT_XDS.backoffBaseMs);
  return {
    kind: 'xds',
    server,
    tls: readTls(read),
    follow: listener === null ? { cluster: cluster as string } : { listener },
    node: {
      id: read.text('xds-node') ?? `${hostname()}-${process.pid}`,
      cluster: read.text('discovery.nodeCluster') ?? 'meshwright',
    },
    variant: read.choice('xds-variant', ['sotw', 'delta'], DEFAULT_XDS.variant),
    versions: read.choice('discovery.versions', ['any', 'rising'], DEFAULT_XDS.versions),
    keepDeleted: read.flag('discovery.keepDeleted'),
    absentMs: read.number('discovery.absentMs', DEFAULT_XDS.absentMs),
    backoffBaseMs,
    backoffMaxMs: read.number('discovery.backoffMaxMs', Math.max(DEFAULT_XDS.backoffMaxMs, backoffBaseMs), {
      least: backoffBaseMs,
    }),
  };
}

/** Where endpoints come from, as `/clusters` says it. */
export function sourceOf(options: { endpoints: string | null; discovery: DiscoveryOptions | null }): string {
  const { endpoints, discovery } = options;
  if (discovery === null) return endpoints ?? 'static';
  const { kind } = discovery;
  if (kind === 'registry') return `registry ${discovery.address} ${discovery.service}`;
  return `${kind} ${kind === 'xds' ? discovery.server : discovery.name}`;
}

function readTls(read: OptionReader): ChannelTls | null {
  const [caFile, serverName] = [read.text('discovery.ca'), read.text('discovery.serverName')];
  return read.flag('discovery.tls') ? { caFile, serverName } : null;
}
