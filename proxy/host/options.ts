/** The sidecar's options: flags over the configuration file over the defaults, checked. */
import type { HealthConfig, RetryConfig, SidecarConfig } from '../policy/config.ts';
import { DEFAULT_HEALTH, DEFAULT_SIDECAR_CONFIG, HEALTH_MODES } from '../policy/config.ts';
import { fitBackoff } from '../policy/retry.ts';
import type { ClusterPolicies } from '../policy/routes/config.ts';
import { readBalancer } from './balancer-options.ts';
import { refuseContradictions, refuseIdle } from './contradictions.ts';
import { readFailover } from './failover-options.ts';
import { type DiscoveryOptions, readDiscovery } from './discovery-options.ts';
import type { RawOptions } from './flags.ts';
import { type LimitOptions, resolveLimits } from './limits.ts';
import { OptionReader, usage } from './option-reader.ts';
import { type ClusterSource, readRouting } from './routing-options.ts';

/** PEM files of the callers' side. */
export interface ServerTlsOptions {
  certFile: string;
  keyFile: string;
}

/** The endpoints' side: `caFile` null trusts what Node trusts, `serverName` null asks for the endpoint's own host. */
export interface UpstreamTlsOptions {
  caFile: string | null;
  serverName: string | null;
}

/** Everything one sidecar process is told. */
export interface SidecarOptions extends SidecarConfig {
  /** HOST:PORT; port 0: the system chooses. */
  listen: string;
  /** HOST:PORT or HOST:PORT=WEIGHT of each endpoint, unless they come from a file. */
  upstream: readonly string[];
  /** A watched file of endpoints, or null. */
  endpoints: string | null;
  /** Another source of endpoints, or null. */
  discovery: DiscoveryOptions | null;
  /** Where the endpoints of further clusters come from. */
  clusterSources: readonly ClusterSource[];
  /** Processes that share the work; 1: just this one. */
  workers: number;
  /** HOST:PORT on loopback, or null: no admin server. */
  admin: string | null;
  /** A unix socket by which a new process takes the port over, or null; and whether this one does so there first. */
  control: string | null;
  takeover: boolean;
  /** At the end: not ready, but still serving new callers for so long, for balancers to notice. */
  drainDelayMs: number;
  /** TLS towards callers, or null: in the clear. */
  tls: ServerTlsOptions | null;
  /** TLS towards endpoints, or null: in the clear. */
  upstreamTls: UpstreamTlsOptions | null;
  /** Wire limits that differ from their defaults, by role. */
  limits: LimitOptions;
  /** End when standard input closes, so that whoever started the sidecar takes it along. */
  watchStdin: boolean;
  /** A file descriptor for the white-box trace, or null; and the monotonic nanosecond its times count from. */
  traceFd: number | null;
  traceEpochNs: bigint;
}

/** Completes and checks. `place` of an error is the flag. */
export function resolveOptions(flags: RawOptions, file: RawOptions = {}): SidecarOptions {
  const read = new OptionReader(flags, file);
  const { drainMs } = DEFAULT_SIDECAR_CONFIG;
  const upstream = read.list('upstream');
  const endpoints = read.text('endpoints');
  const discovery = readDiscovery(read);
  const isRouted = read.text('routing') !== null;
  if (upstream.length === 0 && endpoints === null && discovery === null && !isRouted) {
    throw usage(
      'no endpoint is given',
      '--upstream',
      'give --upstream HOST:PORT,HOST:PORT or --endpoints FILE, or --xds HOST:PORT, or --dns HOST:PORT, or --registry HOST:PORT',
    );
  }
  if (upstream.length > 0 && endpoints !== null) {
    throw usage('endpoints are given twice', '--endpoints', 'give either --upstream or --endpoints');
  }
  if (discovery !== null && (upstream.length > 0 || endpoints !== null)) {
    const flag = `--${discovery.kind}`;
    throw usage('endpoints are given twice', flag, `give either ${flag}, or --upstream or --endpoints`);
  }
  refuseIdle(read);
  refuseContradictions(read);
  if (isRouted && discovery?.kind === 'xds' && 'listener' in discovery.follow) {
    throw usage(
      'routes are given twice',
      '--xds-listener',
      'leave clusters and routes out of the file, or follow one cluster with --xds-cluster',
    );
  }
  const routed = readRouting(read, { ...file, ...given(flags) }, readPolicies);
  return {
    // A port that is taken over has its address already.
    listen: read.address('listen') ?? (read.text('takeover') === null ? missingListen() : ''),
    upstream,
    endpoints,
    discovery,
    ...readPolicies(read),
    workers: readWorkers(read),
    admin: read.loopback('admin'),
    tls: readTls(read),
    upstreamTls: readUpstreamTls(read),
    tag: read.tag(),
    control: read.text('takeover') ?? read.text('control'),
    takeover: read.text('takeover') !== null,
    drainDelayMs: read.number('drain-delay-ms', 0),
    drainMs: read.number('drain-ms', drainMs),
    ...routed,
    limits: resolveLimits(...read.both('limit')),
    watchStdin: read.flag('watch-stdin'),
    traceFd: read.text('trace-fd') === null ? null : read.number('trace-fd', 0),
    traceEpochNs: read.nanoseconds('trace-epoch-ns'),
  };
}

/** What each cluster may have of its own. */
function readPolicies(read: OptionReader): ClusterPolicies {
  const { timeout } = DEFAULT_SIDECAR_CONFIG;
  return {
    balancer: readBalancer(read),
    health: readHealth(read),
    retry: readRetry(read),
    timeout: {
      callMs: read.number('call-timeout-ms', timeout.callMs),
      callMaxMs: read.number('timeout.callMaxMs', timeout.callMaxMs),
      connectMs: read.number('connect-timeout-ms', timeout.connectMs),
    },
    ...readFailover(read),
  };
}

function readRetry(read: OptionReader): RetryConfig {
  const { retry } = DEFAULT_SIDECAR_CONFIG;
  const given = (name: string): number | undefined => (read.has(name) ? read.number(name, 0) : undefined);
  const { backoffBaseMs, backoffMaxMs } = fitBackoff(retry, {
    backoffBaseMs: given('retry-backoff-base-ms'),
    backoffMaxMs: given('retry-backoff-max-ms'),
  });
  return {
    attempts: read.number('retry-attempts', retry.attempts),
    retryableStatuses: read.statuses('retry-on', retry.retryableStatuses),
    budget: read.number('retry-budget', retry.budget),
    budgetMinConcurrent: read.number('retry-budget-min', retry.budgetMinConcurrent),
    backoffBaseMs,
    backoffMaxMs: read.number('retry-backoff-max-ms', backoffMaxMs, { least: backoffBaseMs }),
    perTryTimeoutMs: read.number('per-try-timeout-ms', retry.perTryTimeoutMs),
    bufferBytesMax: read.number('retry-buffer-bytes', retry.bufferBytesMax),
  };
}

function given(flags: RawOptions): RawOptions {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

function readHealth(read: OptionReader): HealthConfig | null {
  const intervalMs = read.number('health-interval-ms', 0);
  if (intervalMs === 0) return null;
  return {
    intervalMs,
    timeoutMs: read.number('health-timeout-ms', DEFAULT_HEALTH.timeoutMs),
    unhealthyThreshold: read.number('health-unhealthy', DEFAULT_HEALTH.unhealthyThreshold),
    healthyThreshold: read.number('health-healthy', DEFAULT_HEALTH.healthyThreshold),
    service: read.text('health-service') ?? DEFAULT_HEALTH.service,
    mode: HEALTH_MODES.find((mode) => mode === read.text('health.mode')) ?? DEFAULT_HEALTH.mode,
    jitter: read.number('health.jitter', DEFAULT_HEALTH.jitter),
  };
}

function readTls(read: OptionReader): ServerTlsOptions | null {
  const [certFile, keyFile] = [read.text('tls-cert'), read.text('tls-key')];
  if (certFile === null && keyFile === null) return null;
  if (certFile !== null && keyFile !== null) return { certFile, keyFile };
  const [given, missing] = certFile === null ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
  throw usage(`${given} is given without ${missing}`, given, `give ${missing} FILE too`);
}

function readUpstreamTls(read: OptionReader): UpstreamTlsOptions | null {
  const [caFile, serverName] = [read.text('upstream-ca'), read.text('upstream-server-name')];
  if (read.flag('upstream-tls')) return { caFile, serverName };
  if (caFile === null && serverName === null) return null;
  const place = caFile === null ? '--upstream-server-name' : '--upstream-ca';
  throw usage(`${place} is given, and endpoints are spoken to in the clear`, place, 'add --upstream-tls');
}

function readWorkers(read: OptionReader): number {
  const workers = read.number('workers', 1);
  if (workers > 1 && read.text('trace-fd') !== null) {
    throw usage('a trace comes from one process', '--trace-fd', 'give --workers 1 with it');
  }
  return workers;
}

function missingListen(): never {
  throw usage(
    'no address to listen on is given',
    '--listen',
    'give --listen HOST:PORT, e.g. --listen 127.0.0.1:50052',
  );
}
