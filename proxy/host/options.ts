/** The sidecar's options: one table of flags for both process entries, merged over the configuration file and the defaults. */
import { parseAddress } from '../policy/address.ts';
import type { HealthConfig, SidecarConfig } from '../policy/config.ts';
import { DEFAULT_HEALTH, DEFAULT_SIDECAR_CONFIG } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';
import { type LimitOptions, resolveLimits } from './limits.ts';

/** What `--tag` without a text puts in front of replies. */
export const DEFAULT_TAG = 'Sidecar: ';

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
  /** HOST:PORT of each endpoint, unless they come from a file. */
  upstream: readonly string[];
  /** A watched file of endpoints, or null. */
  endpoints: string | null;
  /** Processes that share the work; 1: just this one. */
  workers: number;
  /** HOST:PORT on loopback, or null: no admin server. */
  admin: string | null;
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

export interface Flag {
  name: string;
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
  { name: 'upstream', value: '<list>', help: 'endpoints, HOST:PORT separated by commas' },
  {
    name: 'endpoints',
    value: '<file>',
    help: 'endpoints from a watched YAML or JSON file, instead of --upstream',
  },
  { name: 'balancer', value: '<name>', help: 'round_robin (the default)' },
  {
    name: 'admin',
    value: '<host:port>',
    help: 'serve /ready, /stats and /clusters there; loopback only; off by default',
  },
  {
    name: 'tls-cert',
    value: '<file>',
    help: 'PEM chain shown to callers; callers then need TLS with ALPN h2',
  },
  { name: 'tls-key', value: '<file>', help: 'PEM private key of that certificate' },
  {
    name: 'upstream-tls',
    value: null,
    help: 'speak TLS with ALPN h2 to endpoints and their health services',
  },
  {
    name: 'upstream-ca',
    value: '<file>',
    help: "PEM authorities that sign the endpoints' certificates (default: Node's)",
  },
  {
    name: 'upstream-server-name',
    value: '<name>',
    help: "name that the endpoints' certificates must hold (default: the endpoint's host)",
  },
  {
    name: 'tag',
    value: '[text]',
    help: `put a text in front of a reply's first string field (default "${DEFAULT_TAG}")`,
  },
  { name: 'drain-ms', value: '<ms>', help: 'time for calls in flight at shutdown (default 5000)' },
  {
    name: 'workers',
    value: '<count>',
    help: 'processes that share the callers, each a whole sidecar, for several cores (default 1)',
  },
  { name: 'config', value: '<file>', help: 'YAML or JSON file; flags win over it' },
  {
    name: 'health-interval-ms',
    value: '<ms>',
    help: 'check health by grpc.health.v1 this often; 0 switches it off (the default)',
  },
  {
    name: 'health-timeout-ms',
    value: '<ms>',
    help: 'a check without answer for this long failed (default 500)',
  },
  {
    name: 'health-unhealthy',
    value: '<count>',
    help: 'failures in a row that take an endpoint out (default 2)',
  },
  { name: 'health-healthy', value: '<count>', help: 'successes in a row that bring it back (default 1)' },
  {
    name: 'health-service',
    value: '<name>',
    help: 'service asked for; empty is the whole server (the default)',
  },
  {
    name: 'retry-attempts',
    value: '<count>',
    help: 'attempts per call, the first included; 1 switches retries off (default 3)',
  },
  {
    name: 'retry-on',
    value: '<list>',
    help: 'grpc-status numbers to retry, separated by commas (default 14)',
  },
  { name: 'retry-budget', value: '<share>', help: 'retries alive as a share of calls alive (default 0.2)' },
  { name: 'retry-budget-min', value: '<count>', help: 'retries always allowed at a time (default 3)' },
  { name: 'retry-backoff-base-ms', value: '<ms>', help: 'wait before the first retry (default 25)' },
  { name: 'retry-backoff-max-ms', value: '<ms>', help: 'longest wait before a retry (default 250)' },
  { name: 'retry-buffer-bytes', value: '<bytes>', help: 'request octets kept for a replay (default 65536)' },
  {
    name: 'per-try-timeout-ms',
    value: '<ms>',
    help: 'one attempt may take this long; 0 is no limit (the default)',
  },
  {
    name: 'call-timeout-ms',
    value: '<ms>',
    help: 'deadline for calls that bring none; 0 is none (the default)',
  },
  { name: 'connect-timeout-ms', value: '<ms>', help: 'time to connect to an endpoint (default 1000)' },
  {
    name: 'limit',
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

/** What flags or a file say, by flag name; files are turned into the same shape. */
export type RawOptions = Readonly<Record<string, string | boolean | undefined>>;

/** Completes and checks. `place` of an error is the flag. */
export function resolveOptions(flags: RawOptions, file: RawOptions = {}): SidecarOptions {
  const read = new Reader(flags, file);
  const { retry, timeout, drainMs } = DEFAULT_SIDECAR_CONFIG;
  const upstream = read.list('upstream');
  const endpoints = read.text('endpoints');
  if (upstream.length === 0 && endpoints === null) {
    throw usage(
      'no endpoint is given',
      '--upstream',
      'give --upstream HOST:PORT,HOST:PORT or --endpoints FILE',
    );
  }
  if (upstream.length > 0 && endpoints !== null) {
    throw usage('endpoints are given twice', '--endpoints', 'give either --upstream or --endpoints');
  }
  const balancer = read.text('balancer') ?? 'round_robin';
  if (balancer !== 'round_robin') {
    throw usage(`there is no balancer ${JSON.stringify(balancer)}`, '--balancer', 'use round_robin');
  }
  return {
    listen: read.address('listen') ?? missingListen(),
    upstream,
    endpoints,
    balancer,
    workers: readWorkers(read),
    admin: read.loopback('admin'),
    tls: readTls(read),
    upstreamTls: readUpstreamTls(read),
    tag: read.tag(),
    drainMs: read.integer('drain-ms', drainMs, 0, 3_600_000),
    health: readHealth(read),
    retry: {
      attempts: read.integer('retry-attempts', retry.attempts, 1, 5),
      retryableStatuses: read.statuses('retry-on', retry.retryableStatuses),
      budget: read.number('retry-budget', retry.budget, 0, 100),
      budgetMinConcurrent: read.integer('retry-budget-min', retry.budgetMinConcurrent, 0, 1_000_000),
      backoffBaseMs: read.number('retry-backoff-base-ms', retry.backoffBaseMs, 0, 3_600_000),
      backoffMaxMs: read.number('retry-backoff-max-ms', retry.backoffMaxMs, 0, 3_600_000),
      perTryTimeoutMs: read.number('per-try-timeout-ms', retry.perTryTimeoutMs, 0, 86_400_000),
      bufferBytesMax: read.integer('retry-buffer-bytes', retry.bufferBytesMax, 0, 1 << 28),
    },
    timeout: {
      callMs: read.number('call-timeout-ms', timeout.callMs, 0, 86_400_000),
      connectMs: read.number('connect-timeout-ms', timeout.connectMs, 1, 600_000),
    },
    limits: resolveLimits(...read.both('limit')),
    watchStdin: read.flag('watch-stdin'),
    traceFd: read.text('trace-fd') === null ? null : read.integer('trace-fd', 0, 1, 65_535),
    traceEpochNs: read.nanoseconds('trace-epoch-ns'),
  };
}

function readHealth(read: Reader): HealthConfig | null {
  const intervalMs = read.number('health-interval-ms', 0, 0, 86_400_000);
  if (intervalMs === 0) return null;
  return {
    intervalMs,
    timeoutMs: read.number('health-timeout-ms', DEFAULT_HEALTH.timeoutMs, 1, 86_400_000),
    unhealthyThreshold: read.integer('health-unhealthy', DEFAULT_HEALTH.unhealthyThreshold, 1, 1_000),
    healthyThreshold: read.integer('health-healthy', DEFAULT_HEALTH.healthyThreshold, 1, 1_000),
    service: read.text('health-service') ?? DEFAULT_HEALTH.service,
  };
}

function readTls(read: Reader): ServerTlsOptions | null {
  const [certFile, keyFile] = [read.text('tls-cert'), read.text('tls-key')];
  if (certFile === null && keyFile === null) return null;
  if (certFile !== null && keyFile !== null) return { certFile, keyFile };
  const [given, missing] = certFile === null ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
  throw usage(`${given} is given without ${missing}`, given, `give ${missing} FILE too`);
}

function readUpstreamTls(read: Reader): UpstreamTlsOptions | null {
  const [caFile, serverName] = [read.text('upstream-ca'), read.text('upstream-server-name')];
  if (read.flag('upstream-tls')) return { caFile, serverName };
  if (caFile === null && serverName === null) return null;
  const place = caFile === null ? '--upstream-server-name' : '--upstream-ca';
  throw usage(`${place} is given, and endpoints are spoken to in the clear`, place, 'add --upstream-tls');
}

function readWorkers(read: Reader): number {
  const workers = read.integer('workers', 1, 1, 256);
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

function usage(message: string, place: string, remedy: string): SidecarError {
  return new SidecarError('MW_USAGE', message, { place, remedy });
}

/** Reads one option after the other, flags before file, with an error that names the flag. */
class Reader {
  readonly #flags: RawOptions;
  readonly #file: RawOptions;

  constructor(flags: RawOptions, file: RawOptions) {
    this.#flags = flags;
    this.#file = file;
  }

  #raw(name: string): string | boolean | undefined {
    return this.#flags[name] ?? this.#file[name];
  }

  #wrong(name: string, text: string, wanted: string): SidecarError {
    const place = this.#flags[name] === undefined ? `${name} in the configuration file` : `--${name}`;
    return usage(`${JSON.stringify(text)} is not ${wanted}`, place, `give ${wanted}`);
  }

  flag(name: string): boolean {
    return this.#raw(name) === true;
  }

  text(name: string): string | null {
    const value = this.#raw(name);
    return typeof value === 'string' ? value : null;
  }

  /** What the flag says and what the file says. */
  both(name: string): [flag: string | null, file: string | null] {
    const [flag, file] = [this.#flags[name], this.#file[name]];
    return [typeof flag === 'string' ? flag : null, typeof file === 'string' ? file : null];
  }

  list(name: string): string[] {
    const items = (this.text(name) ?? '').split(',').map((item) => item.trim());
    const given = items.filter((item) => item !== '');
    for (const item of given) {
      if (parseAddress(item) === null)
        throw this.#wrong(name, item, 'HOST:PORT, or several separated by commas');
    }
    return given;
  }

  address(name: string): string | null {
    const text = this.text(name);
    if (text === null) return null;
    if (parseAddress(text, true) === null) throw this.#wrong(name, text, 'HOST:PORT');
    return text;
  }

  loopback(name: string): string | null {
    const text = this.address(name);
    if (text === null) return null;
    const host = parseAddress(text, true)?.host ?? '';
    if (!/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host))
      throw this.#wrong(name, text, 'a loopback address with port');
    return text;
  }

  tag(): string | null {
    const value = this.#raw('tag');
    if (value === true) return DEFAULT_TAG;
    if (typeof value !== 'string') return null;
    if (Buffer.byteLength(value) > 1_024) throw this.#wrong('tag', value, 'a text of at most 1024 octets');
    return value;
  }

  number(name: string, fallback: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw this.#wrong(name, text, `a number from ${least} to ${most}`);
    return value;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.number(name, fallback, least, most);
    if (Number.isInteger(value)) return value;
    throw this.#wrong(name, String(value), `a whole number from ${least} to ${most}`);
  }

  statuses(name: string, fallback: readonly number[]): readonly number[] {
    const text = this.text(name);
    if (text === null) return fallback;
    const items = text.split(',').map((item) => item.trim());
    for (const item of items) {
      if (!/^\d{1,2}$/.test(item) || Number(item) < 1 || Number(item) > 16) {
        throw this.#wrong(name, text, 'grpc-status numbers from 1 to 16, separated by commas');
      }
    }
    return items.map(Number);
  }

  nanoseconds(name: string): bigint {
    const text = this.text(name);
    if (text === null) return process.hrtime.bigint();
    if (!/^\d{1,19}$/.test(text)) throw this.#wrong(name, text, 'whole nanoseconds');
    return BigInt(text);
  }
}
