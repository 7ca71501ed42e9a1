/** From what a scenario says of its sidecar to the configuration file that the sidecar's process reads. */
import { LISTENER_NAME } from '../../plane/mesh-plan.ts';
import { groupSettings, KEY_HEADER, ownFacts } from '../../spec/balancer.ts';
import type { FailoverSpec } from '../../spec/failover.ts';
import type { SidecarSpec } from '../../spec/scenario.ts';
import { EndpointsFile } from './endpoints-file.ts';

/** The file has them as a scenario does. */
export const FAILOVER_SECTIONS = [
  'outlier',
  'retryThrottling',
  'hedging',
  'circuitBreaker',
  'rateLimit',
  'concurrency',
  'loadShed',
  'waitForReady',
  'messageLimit',
] as const;
const DEFAULT_HEALTH_INTERVAL_MS = 1_000;
const DRAIN_MS = 1_000;

/** Of one sidecar, by number. Only what was given; the sidecar fills in its own defaults. `source`: HOST:PORT of what it follows, and for which service. */
export function sidecarConfig(
  spec: SidecarSpec,
  sidecar: number,
  source?: { listen: string; service: string },
): Record<string, unknown> {
  const { drainMs = DRAIN_MS, drainDelayMs = 0 } = spec;
  const config: Record<string, unknown> = { drainMs, drainDelayMs };
  const own = ownFacts(spec.localities, sidecar);
  Object.assign(config, policies(spec, own));
  if (spec.tag !== undefined) config['tag'] = spec.tag;
  if (spec.discovery?.kind === 'xds')
    config['discovery'] = { ...defined(spec.discovery), server: source?.listen, listener: LISTENER_NAME };
  if (spec.discovery?.kind === 'registry')
    config['discovery'] = { kind: 'registry', address: source?.listen, service: source?.service };
  // What follows a control plane is told its clusters and routes by it.
  if (spec.routes === undefined || spec.discovery?.kind === 'xds') return config;
  config['clusters'] = Object.fromEntries(
    Object.entries(spec.clusters ?? {}).map(([name, cluster]) => [
      name,
      { endpoints: EndpointsFile.nameOf(name), ...policies(cluster, own) },
    ]),
  );
  config['routes'] = spec.routes;
  return config;
}

/** The sections of a sidecar or of a cluster. */
function policies(
  spec: Pick<SidecarSpec, 'balancer' | 'health' | 'retry' | 'timeout'> & FailoverSpec,
  own: ReturnType<typeof ownFacts>,
): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  if (spec.balancer !== undefined) config['balancer'] = balancer(spec.balancer, own);
  // No health section means no checks, which is also what null asks for.
  if (spec.health) config['health'] = { intervalMs: DEFAULT_HEALTH_INTERVAL_MS, ...defined(spec.health) };
  if (spec.retry !== undefined) config['retry'] = spec.retry;
  if (spec.timeout !== undefined) config['timeout'] = spec.timeout;
  for (const section of FAILOVER_SECTIONS) if (spec[section] !== undefined) config[section] = spec[section];
  return config;
}

function balancer(spec: NonNullable<SidecarSpec['balancer']>, own: ReturnType<typeof ownFacts>): object {
  const given = typeof spec === 'object' ? spec : { name: spec };
  const hashes = given.name === 'ring_hash' || given.name === 'maglev';
  const { localities, subsetSize } = groupSettings(spec);
  // The sidecar refuses what nothing asks for.
  return {
    ...(hashes ? { hashHeader: KEY_HEADER } : {}),
    ...(localities === 'nearest' ? { ownLocality: own.ownLocality } : {}),
    ...(subsetSize > 0 ? { subsetKey: own.subsetKey } : {}),
    ...defined(given),
  };
}

function defined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
