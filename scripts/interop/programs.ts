// grpc-go's interop client and server: installed once into a cache folder outside the checkout, started on free ports.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const MODULE = 'google.golang.org/grpc/interop';
const VERSION = 'latest';
const INSTALL_MS_MAX = 600_000;
const READY_MS_MAX = 10_000;

export interface Programs {
  client: string;
  server: string;
}

export interface Server {
  child: ChildProcess;
  port: number;
}

/** Where the two programs are, built if need be; else the reason why they cannot be had. */
export function install(): Programs | string {
  const folder = join(
    process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    'meshwright/grpc-go-interop',
  );
  const programs = { client: join(folder, 'client'), server: join(folder, 'server') };
  if (existsSync(programs.client) && existsSync(programs.server)) return programs;
  const go = ['go', '/usr/local/go/bin/go'].find((place) => spawnSync(place, ['version']).status === 0);
  if (go === undefined) return 'Go is not on this machine';
  mkdirSync(folder, { recursive: true });
  for (const name of ['client', 'server']) {
    const built = spawnSync(go, ['install', `${MODULE}/${name}@${VERSION}`], {
      env: { ...process.env, GOBIN: folder },
      timeout: INSTALL_MS_MAX,
      encoding: 'utf8',
    });
    if (built.status !== 0) return `go install ${MODULE}/${name} failed: ${built.stderr.trim().slice(-500)}`;
  }
  return programs;
}

/** Servers that live until they are ended, at the latest with this process. */
export function startServers(programs: Programs, count: number): Promise<Server[]> {
  return Promise.all(Array.from({ length: count }, () => startServer(programs.server)));
}

function startServer(program: string): Promise<Server> {
  // The port it got from the system is only in its log.
  const env = { ...process.env, GRPC_GO_LOG_SEVERITY_LEVEL: 'info' };
  const child = spawn(program, ['--port', '0'], { stdio: ['ignore', 'ignore', 'pipe'], env });
  process.once('exit', () => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => child.kill('SIGKILL'), READY_MS_MAX);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length > 65_536) return;
      said += chunk.toString();
      const port = /listening on \S*:(\d+)/.exec(said)?.[1];
      if (port === undefined) return;
      clearTimeout(limit);
      resolve({ child, port: Number(port) });
    });
    child.once('exit', () => reject(new Error(`the interop server ended at its start: ${said.slice(-500)}`)));
  });
}
