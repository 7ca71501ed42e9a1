/** The proxies under comparison: ours with every policy on, a byte relay as the floor, and the peers of the field. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstLine, start } from './children.ts';
import { ENVOY, HAPROXY, NGHTTPX, NGINX } from './peers.ts';
import { ROOT } from './programs.ts';

const POLICIES =
  '--health-interval-ms 1000 --call-timeout-ms 10000 --per-try-timeout-ms 5000 --retry-attempts 3 --retry-budget 0.2';

export interface Proxy {
  name: string;
  /** What has to be on the machine; null: nothing but this checkout. */
  program: string | null;
  /** Starts it; resolves when it can serve. `folder` is for its files. */
  start(far: Far, folder: string): Promise<Started>;
}

/** The endpoints, and TLS on both sides or on none. */
export interface Far {
  ports: readonly number[];
  tls: Tls | null;
}

/** Paths of a self-signed certificate for localhost and its key, and both as text. */
export interface Tls {
  cert: string;
  key: string;
  pem: string;
}

export interface Started {
  child: ChildProcess;
  /** HOST:PORT for calls. */
  address: string;
  /** HOST:PORT of the sidecar's admin server, '' for others. */
  admin: string;
}

export interface SidecarExtras {
  /** A configuration file. */
  config?: string;
  /** Flags for node. */
  node?: readonly string[];
  /** Sees the lines that node prints of its own accord. */
  onLine?: (line: string) => void;
}

/** A script of this checkout's TypeScript, as a child. */
export function startScript(name: string, parameters: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(name, import.meta.url));
  return start(process.execPath, [join(ROOT, 'scripts/run-ts.mjs'), file, ...parameters]);
}

/** What a configuration file adds: every other policy, with bounds that no load here comes near. */
const ARMED = {
  outlier: { consecutiveGatewayErrors: 5, successRate: {}, failurePercent: {} },
  retryThrottling: {},
  rateLimit: { perSecond: 100_000_000, burst: 1_000_000 },
  concurrency: { initial: 10_000, min: 10_000, max: 100_000 },
  circuitBreaker: {
    maxRequests: 100_000,
    maxPending: 100_000,
    maxRetries: 1_000,
    endpointMaxRequests: 100_000,
  },
  loadShed: {},
};

/** Ours: round robin, health checks, deadlines, retries with a budget, metrics. */
export async function startSidecar(far: Far, extras: SidecarExtras = {}): Promise<Started> {
  const upstream = far.ports.map((port) => `127.0.0.1:${port}`).join();
  const flags = `--listen 127.0.0.1:0 --admin 127.0.0.1:0 --watch-stdin --upstream ${upstream} ${POLICIES}`;
  const { cert, key } = far.tls ?? { cert: '', key: '' };
  const tls =
    cert === '' ? [] : ['--tls-cert', cert, '--tls-key', key, '--upstream-tls', '--upstream-ca', cert];
  const child = start(process.execPath, [
    ...(extras.node ?? []),
    join(ROOT, 'dist/proxy/host/main.js'),
    ...flags.split(' '),
    ...tls,
    ...(extras.config === undefined ? [] : ['--config', extras.config]),
  ]);
  const { listen, admin } = await firstLine<{ listen: string; admin: string }>(child, extras.onLine);
  return { child, address: listen, admin };
}

export const SIDECAR: Proxy = { name: 'sidecar', program: null, start: (far) => startSidecar(far) };

/** The same with all policies armed that are about failover and overload. */
export const ARMED_SIDECAR: Proxy = {
  name: 'armed',
  program: null,
  start(far, folder) {
    const config = join(folder, 'armed.json');
    writeFileSync(config, JSON.stringify(ARMED));
    return startSidecar(far, { config });
  },
};

export const RELAY: Proxy = {
  name: 'relay',
  program: null,
  async start({ ports }) {
    const child = startScript('./relay.ts', ports.map(String));
    return { child, address: (await firstLine<{ listen: string }>(child)).listen, admin: '' };
  },
};

/** In the order of the tables. */
export const PROXIES: readonly Proxy[] = [SIDECAR, ENVOY, HAPROXY, NGHTTPX, NGINX, RELAY];
