/** Which source of endpoints is asked for, besides `--upstream` and `--endpoints`: a control plane over xDS. */
import { hostname } from 'node:os';
import type { XdsTls } from '../discovery/xds-source.ts';
import { DEFAULT_XDS, type XdsClientConfig } from '../xds/client-config.ts';
import { type OptionReader, usage } from './option-reader.ts';

export interface XdsOptions extends XdsClientConfig {
  kind: 'xds';
  /** HOST:PORT of the control plane. */
  server: string;
  /** Null: in the clear. `caFile` null trusts what Node trusts, `serverName` null asks for the control plane's host. */
  tls: XdsTls | null;
}

export type DiscoveryOptions = XdsOptions;

/** Null: none is asked for. */
export function readDiscovery(read: OptionReader): DiscoveryOptions | null {
  const server = read.endpoint('xds');
  const [listener, cluster] = [read.text('xds-listener'), read.text('xds-cluster')];
  if (server === null) {
    if (listener === null && cluster === null) return null;
    const place = listener === null ? '--xds-cluster' : '--xds-listener';
    throw usage(`${place} is given, and no control plane`, place, 'give --xds HOST:PORT too');
  }
  if ((listener === null) === (cluster === null)) {
    const said = listener === null ? 'it is not said what to follow' : 'two things to follow are given';
    throw usage(`of the control plane, ${said}`, '--xds', 'give --xds-listener NAME or --xds-cluster NAME');
  }
  const backoffBaseMs = read.number('discovery.backoffBaseMs', DEFAULT_XDS.backoffBaseMs, 1, 3_600_000);
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
    absentMs: read.number('discovery.absentMs', DEFAULT_XDS.absentMs, 1, 3_600_000),
    backoffBaseMs,
    backoffMaxMs: read.number(
      'discovery.backoffMaxMs',
      Math.max(DEFAULT_XDS.backoffMaxMs, backoffBaseMs),
      backoffBaseMs,
      3_600_000,
    ),
  };
}

/** Where endpoints come from, as `/clusters` says it. */
export function sourceOf(options: { endpoints: string | null; discovery: DiscoveryOptions | null }): string {
  const { endpoints, discovery } = options;
  return endpoints ?? (discovery === null ? 'static' : `${discovery.kind} ${discovery.server}`);
}

function readTls(read: OptionReader): XdsTls | null {
  const [caFile, serverName] = [read.text('discovery.ca'), read.text('discovery.serverName')];
  return read.flag('discovery.tls') ? { caFile, serverName } : null;
}
