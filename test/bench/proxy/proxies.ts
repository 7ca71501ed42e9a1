/** The proxies under comparison: ours with every policy on, the others with no more than what spreads calls over the endpoints. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstLine, listening, start } from './children.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where scripts/peers puts what the system's packages do not have. */
const PEERS = join(ROOT, '.meshwright/peers');

export interface Proxy {
  name: string;
  /** What has to be on the machine; null: nothing but this checkout. */
  program: string | null;
  /** Starts it; resolves when it can serve. */
  start(ports: readonly number[], folder: string): Promise<Started>;
}

interface Started {
  child: ChildProcess;
  /** HOST:PORT for calls. */
  address: string;
  /** HOST:PORT of the sidecar's admin server, '' for others. */
  admin: string;
}

/** The path of a program: from scripts/peers' folder, else from PATH and the system folders; null when there is none. */
export function findProgram(name: string): string | null {
  const folders = [PEERS, ...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    if (folder !== '' && existsSync(path) && spawnSync(path, ['--version']).error === undefined) return path;
  }
  return null;
}

/** A script of this checkout's TypeScript, as a child. */
export function startScript(name: string, parameters: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(name, import.meta.url));
  return start(process.execPath, [join(ROOT, 'scripts/run-ts.mjs'), file, ...parameters]);
}

export const SIDECAR: Proxy = {
  name: 'sidecar',
  program: null,
  async start(ports) {
    const upstream = ports.map((port) => `127.0.0.1:${port}`).join();
    const policies =
      '--health-interval-ms 1000 --call-timeout-ms 10000 --per-try-timeout-ms 5000 --retry-attempts 3 --retry-budget 0.2';
    const flags = `--listen 127.0.0.1:0 --admin 127.0.0.1:0 --watch-stdin --upstream ${upstream} ${policies}`;
    const child = start(process.execPath, [join(ROOT, 'dist/proxy/host/main.js'), ...flags.split(' ')]);
    const { listen, admin } = await firstLine<{ listen: string; admin: string }>(child);
    return { child, address: listen, admin };
  },
};

const RELAY: Proxy = {
  name: 'byte relay',
  program: null,
  async start(ports) {
    const child = startScript('./relay.ts', ports.map(String));
    return { child, address: (await firstLine<{ listen: string }>(child)).listen, admin: '' };
  },
};

const ENVOY: Proxy = {
  name: 'Envoy',
  program: 'envoy',
  start(ports, folder) {
    return onFreePort('envoy', (port) => {
      const file = join(folder, 'envoy.json');
      writeFileSync(file, JSON.stringify(envoyConfig(port, ports)));
      return ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
    });
  },
};

const HAPROXY: Proxy = {
  name: 'HAProxy',
  program: 'haproxy',
  start(ports, folder) {
    return onFreePort('haproxy', (port) => {
      const file = join(folder, 'haproxy.cfg');
      const lines = [
        'global\n nbthread 1\n maxconn 1000',
        'defaults\n mode http\n timeout connect 1s\n timeout client 30s\n timeout server 30s\n http-reuse always',
        `frontend near\n bind 127.0.0.1:${port} proto h2\n default_backend far`,
        'backend far\n balance roundrobin',
        ...ports.map((each, index) => ` server s${index} 127.0.0.1:${each} proto h2`),
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return ['-db', '-q', '-f', file];
    });
  },
};

const NGHTTPX: Proxy = {
  name: 'nghttpx',
  program: 'nghttpx',
  start(ports, folder) {
    return onFreePort('nghttpx', (port) => {
      const file = join(folder, 'nghttpx.conf');
      writeFileSync(file, '');
      return [
        `--conf=${file}`,
        '--workers=1',
        '--accesslog-file=/dev/null',
        '--errorlog-file=/dev/null',
        `--frontend=127.0.0.1,${port};no-tls`,
        ...ports.map((each) => `--backend=127.0.0.1,${each};/;proto=h2`),
      ];
    });
  },
};

/** In the order of the table. */
export const PROXIES: readonly Proxy[] = [SIDECAR, ENVOY, HAPROXY, NGHTTPX, RELAY];

async function onFreePort(program: string, parametersOf: (port: number) => string[]): Promise<Started> {
  const port = await freePort();
  const child = start(findProgram(program) ?? program, parametersOf(port));
  await listening(child, port);
  return { child, address: `127.0.0.1:${port}`, admin: '' };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const API = 'type.googleapis.com/envoy.extensions';

function envoyConfig(port: number, ports: readonly number[]): unknown {
  const manager = {
    '@type': `${API}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'near',
    codec_type: 'HTTP2',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'far' } }] },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${API}.filters.http.router.v3.Router` } }],
  };
  const options = {
    '@type': `${API}.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  const cluster = {
    name: 'far',
    type: 'STATIC',
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    typed_extension_protocol_options: { [`${API.slice(20)}.upstreams.http.v3.HttpProtocolOptions`]: options },
    load_assignment: {
      cluster_name: 'far',
      endpoints: [{ lb_endpoints: ports.map((each) => ({ endpoint: { address: address(each) } })) }],
    },
  };
  const listener = {
    address: address(port),
    filter_chains: [{ filters: [{ name: 'manager', typed_config: manager }] }],
  };
  return { static_resources: { listeners: [listener], clusters: [cluster] } };
}

function address(port: number): unknown {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
