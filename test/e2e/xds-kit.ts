/** A control plane as a process, with its file; a real Envoy that follows it; what each of them says its members are. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeshPlan } from '../../proxy/xds/plan.ts';
import { findProgram } from '../bench/proxy/programs.ts';
import { adminGet, until } from './sidecar-kit.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const ENVOY = findProgram('envoy');

/** Whether there is an Envoy to run, else why not. */
export function envoyMissing(): string | null {
  return ENVOY === null ? 'there is no envoy (scripts/peers installs one)' : null;
}

class Process {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly ended: Promise<void>;

  constructor(command: string, parameters: readonly string[]) {
    this.child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'], cwd: ROOT });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', () => resolve()));
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

export class ControlPlaneProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'meshwright-xds-'));
  readonly file = join(this.folder, 'mesh.json');
  listen = '127.0.0.1:0';
  #process: Process | null = null;
  readonly #flags: readonly string[];

  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
  }

  /** Replaces the file whole, by rename. */
  write(mesh: MeshPlan | string): void {
    writeFileSync(`${this.file}.next`, typeof mesh === 'string' ? mesh : JSON.stringify(mesh));
    renameSync(`${this.file}.next`, this.file);
  }

  /** On the port of before, once it has one. */
  async start(): Promise<this> {
    const started = new Process(process.execPath, [
      `${ROOT}bin/meshwright.js`,
      'control-plane',
      '--config',
      this.file,
      '--listen',
      this.listen,
      ...this.#flags,
    ]);
    this.#process = started;
    await until(
      'its ready line',
      () => started.stdout.includes('"ready"') || started.child.exitCode !== null,
    );
    if (!started.stdout.includes('"ready"')) throw new Error(started.stderr);
    this.listen = JSON.parse(started.stdout.split('\n', 1)[0] as string).listen;
    return this;
  }

  get stderr(): string {
    return this.#process?.stderr ?? '';
  }

  async kill(signal?: NodeJS.Signals): Promise<void> {
    await this.#process?.kill(signal);
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class EnvoyProcess {
  readonly #process: Process;
  readonly #adminFile: string;

  constructor(folder: string, server: string, variant: 'sotw' | 'delta') {
    this.#adminFile = join(folder, `envoy-${variant}-admin`);
    const file = join(folder, `envoy-${variant}.json`);
    writeFileSync(file, JSON.stringify(bootstrap(server, variant)));
    const flags = ['--concurrency', '1', '--disable-hot-restart', '-l', 'warn'];
    this.#process = new Process(ENVOY as string, [
      '-c',
      file,
      '--admin-address-path',
      this.#adminFile,
      ...flags,
    ]);
  }

  get stderr(): string {
    return this.#process.stderr;
  }

  async get(path: string): Promise<string> {
    return (await adminGet(readFileSync(this.#adminFile, 'utf8').trim(), path)).text;
  }

  async ready(): Promise<this> {
    const live = async (): Promise<boolean> => {
      if (this.#process.child.exitCode !== null) throw new Error(this.#process.stderr);
      return (await this.get('/ready').catch(() => '')).startsWith('LIVE');
    };
    await until('Envoy to be live', live, 20_000);
    return this;
  }

  async counter(name: string): Promise<number> {
    const line = (await this.get(`/stats?filter=^${name}$`)).trim();
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }
}

/** `address weight draining` of each member of a cluster, sorted. */
export async function membersOfEnvoy(envoy: EnvoyProcess, cluster: string): Promise<string[]> {
  const { cluster_statuses: clusters = [] } = JSON.parse(await envoy.get('/clusters?format=json'));
  const hosts = clusters.find((one: { name: string }) => one.name === cluster)?.host_statuses ?? [];
  const texts = hosts.map((host: any) => {
    const { address, port_value: port } = host.address.socket_address;
    const draining = host.health_status.eds_health_status === 'DRAINING';
    return `${address}:${port} ${host.weight ?? 1} ${draining}`;
  });
  return texts.sort();
}

export async function membersOfSidecar(admin: string): Promise<string[]> {
  const { endpoints } = JSON.parse((await adminGet(admin, '/clusters')).text);
  return endpoints.map((one: any) => `${one.address} ${one.weight ?? 1} ${one.draining}`).sort();
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Everything but the control plane itself comes from it. */
function bootstrap(server: string, variant: 'sotw' | 'delta'): unknown {
  const [address, port] = server.split(':');
  const ads = { ads: {}, resource_api_version: 'V3' };
  return {
    node: { id: `envoy-${variant}`, cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: variant === 'sotw' ? 'GRPC' : 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            [HTTP_OPTIONS]: {
              '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address, port_value: Number(port) } } } },
                ],
              },
            ],
          },
        },
      ],
    },
  };
}
