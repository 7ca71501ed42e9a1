/** The sidecar's flags: one table for both process entries and for the configuration file. */
import { BALANCER_NAMES } from '../policy/config.ts';

/** What `--tag` without a text puts in front of replies. */
export const DEFAULT_TAG = 'Sidecar: ';

export interface Flag {
  name: string;
  /** Where the same stands in the configuration file, if it does, and not under this name. */
  key?: string;
  /** How the value is written in the help; null: no value. `[...]`: it may be left out. */
  value: string | null;
  /** It may come several times; the values are joined by commas. */
  repeatable?: boolean;
  help: string;
}

/** Flags as the user writes them, in the order of the help. */
export const SIDECAR_FLAGS: readonly Flag[] = [
  {
    name: 'listen',
    value: '<host:port>',
    help: 'where callers connect (HTTP/2); port 0 lets the system choose',
  },
  {
    name: 'upstream',
    value: '<list>',
    help: 'endpoints, HOST:PORT or HOST:PORT=WEIGHT separated by commas',
  },
  {
    name: 'endpoints',
    value: '<file>',
    help: 'endpoints from a watched YAML or JSON file, instead of --upstream',
  },
  {
    name: 'xds',
    key: 'discovery.server',
    value: '<host:port>',
    help: 'endpoints from this control plane over xDS (ADS), instead',
  },
  {
    name: 'xds-listener',
    key: 'discovery.listener',
    value: '<name>',
    help: 'xDS: follow this listener, and its route, to the endpoints',
  },
  { name: 'xds-cluster', key: 'discovery.cluster', value: '<name>', help: 'xDS: follow this cluster' },
  {
    name: 'xds-variant',
    key: 'discovery.variant',
    value: '<name>',
    help: 'xDS: sotw (state of the world, the default) or delta',
  },
  {
    name: 'xds-node',
    key: 'discovery.node',
    value: '<id>',
    help: 'xDS: who asks (default: host and process id)',
  },
  {
    name: 'dns',
    key: 'discovery.name',
    value: '<host:port>',
    help: 'endpoints: all addresses of this name in DNS, instead',
  },
  {
    name: 'dns-srv',
    key: 'discovery.name',
    value: '<name>',
    help: 'endpoints: the SRV targets of this name in DNS, instead',
  },
  {
    name: 'dns-server',
    key: 'discovery.server',
    value: '<ip:port>',
    help: "DNS: ask this server (default: the system's)",
  },
  {
    name: 'registry',
    key: 'discovery.address',
    value: '<host:port>',
    help: 'endpoints from this registry of leases, instead',
  },
  {
    name: 'registry-service',
    key: 'discovery.service',
    value: '<name>',
    help: 'registry: the service that is watched',
  },
  {
    name: 'registry-tls',
    key: 'discovery.tls',
    value: null,
    help: 'speak TLS to the registry',
  },
  {
    name: 'registry-ca',
    key: 'discovery.tls.ca',
    value: '<file>',
    help: "PEM authorities that sign the registry's certificate (default: Node's)",
  },
  {
    name: 'registry-server-name',
    key: 'discovery.tls.serverName',
    value: '<name>',
    help: "name that the registry's certificate must hold (default: its host)",
  },
  {
    name: 'registry-token-file',
    key: 'discovery.tokenFile',
    value: '<file>',
    help: 'the token that a registry with identities asks for',
  },
  { name: 'balancer', value: '<name>', help: `${BALANCER_NAMES.join(', ')} (default round_robin)` },
  {
    name: 'hash-header',
    key: 'balancer.hashHeader',
    value: '<name>',
    help: 'ring_hash, maglev: calls with the same value of this header go to the same endpoint',
  },
  {
    name: 'locality',
    key: 'balancer.ownLocality',
    value: '<region/zone>',
    help: 'where this sidecar is, for a balancer that prefers the nearest endpoints',
  },
  {
    name: 'admin',
    value: '<host:port>',
    help: 'serve /ready, /stats and /clusters there; loopback only; off by default',
  },
  {
    name: 'tls-cert',
    key: 'tls.cert',
    value: '<file>',
    help: 'PEM chain shown to callers; callers then need TLS with ALPN h2',
  },
  { name: 'tls-key', key: 'tls.key', value: '<file>', help: 'PEM private key of that certificate' },
  {
    name: 'upstream-tls',
    key: 'upstreamTls',
    value: null,
    help: 'speak TLS with ALPN h2 to endpoints and their health services',
  },
  {
    name: 'upstream-ca',
    key: 'upstreamTls.ca',
    value: '<file>',
    help: "PEM authorities that sign the endpoints' certificates (default: Node's)",
  },
  {
    name: 'upstream-server-name',
    key: 'upstreamTls.serverName',
    value: '<name>',
    help: "name that the endpoints' certificates must hold (default: the endpoint's host)",
  },
  {
    name: 'tag',
    value: '[text]',
    help: `put a text in front of a reply's first string field (default "${DEFAULT_TAG}")`,
  },
  {
    name: 'drain-ms',
    key: 'drainMs',
    value: '<ms>',
    help: 'time for calls in flight at shutdown (default 5000)',
  },
  {
    name: 'drain-delay-ms',
    key: 'drainDelayMs',
    value: '<ms>',
    help: 'before that: not ready, yet serving all who come, for so long (default 0)',
  },
  {
    name: 'control',
    value: '<path>',
    help: 'unix socket by which a new version takes the port over; off by default',
  },
  {
    name: 'takeover',
    value: '<path>',
    help: 'take the port of the sidecar with this --control over; it finishes its calls and ends',
  },
  {
    name: 'workers',
    value: '<count>',
    help: 'processes that share the callers, each a whole sidecar, for several cores (default 1)',
  },
  { name: 'config', value: '<file>', help: 'YAML or JSON file; flags win over it' },
  {
    name: 'health-interval-ms',
    key: 'health.intervalMs',
    value: '<ms>',
    help: 'check health by grpc.health.v1 this often; 0 switches it off (the default)',
  },
  {
    name: 'health-timeout-ms',
    key: 'health.timeoutMs',
    value: '<ms>',
    help: 'a check without answer for this long failed (default 500)',
  },
  {
    name: 'health-unhealthy',
    key: 'health.unhealthyThreshold',
    value: '<count>',
    help: 'failures in a row that take an endpoint out (default 2)',
  },
  {
    name: 'health-healthy',
    key: 'health.healthyThreshold',
    value: '<count>',
    help: 'successes in a row that bring it back (default 1)',
  },
  {
    name: 'health-service',
    key: 'health.service',
    value: '<name>',
    help: 'service asked for; empty is the whole server (the default)',
  },
  {
    name: 'retry-attempts',
    key: 'retry.attempts',
    value: '<count>',
    help: 'attempts per call, the first included; 1 switches retries off (default 3)',
  },
  {
    name: 'retry-on',
    key: 'retry.retryableStatuses',
    value: '<list>',
    help: 'grpc-status numbers to retry, separated by commas (default 14)',
  },
  {
    name: 'retry-budget',
    key: 'retry.budget',
    value: '<share>',
    help: 'retries alive as a share of calls alive (default 0.2)',
  },
  {
    name: 'retry-budget-min',
    key: 'retry.budgetMinConcurrent',
    value: '<count>',
    help: 'retries always allowed at a time (default 3)',
  },
  {
    name: 'retry-backoff-base-ms',
    key: 'retry.backoffBaseMs',
    value: '<ms>',
    help: 'wait before the first retry (default 25)',
  },
  {
    name: 'retry-backoff-max-ms',
    key: 'retry.backoffMaxMs',
    value: '<ms>',
    help: 'longest wait before a retry (default 250)',
  },
  {
    name: 'retry-buffer-bytes',
    key: 'retry.bufferBytesMax',
    value: '<bytes>',
    help: 'request octets kept for a replay (default 65536)',
  },
  {
    name: 'per-try-timeout-ms',
    key: 'retry.perTryTimeoutMs',
    value: '<ms>',
    help: 'one attempt may take this long; 0 is no limit (the default)',
  },
  {
    name: 'call-timeout-ms',
    key: 'timeout.callMs',
    value: '<ms>',
    help: 'deadline for calls that bring none; 0 is none (the default)',
  },
  {
    name: 'connect-timeout-ms',
    key: 'timeout.connectMs',
    value: '<ms>',
    help: 'time to connect to an endpoint (default 1000)',
  },
  {
    name: 'limit',
    key: 'limits',
    value: '<name=value>',
    repeatable: true,
    help: 'set a limit of the HTTP/2 engine; server.NAME or client.NAME for one side only; docs/limits.md lists all',
  },
  { name: 'watch-stdin', value: null, help: 'end when standard input closes' },
  { name: 'trace-fd', value: '<fd>', help: 'write a trace of calls and attempts to this file descriptor' },
  {
    name: 'trace-epoch-ns',
    value: '<ns>',
    help: 'monotonic nanosecond that trace times count from (default: the start)',
  },
];

const KEYS: ReadonlyMap<string, string> = new Map(SIDECAR_FLAGS.map(({ name, key = name }) => [name, key]));

/** Where an option stands in the configuration file. */
export function keyOf(option: string): string {
  return KEYS.get(option) ?? option;
}

/** What flags or a file say, by flag name; files are turned into the same shape. */
export type RawOptions = Readonly<Record<string, string | boolean | undefined>>;
