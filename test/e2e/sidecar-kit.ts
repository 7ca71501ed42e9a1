/** A spawned sidecar between grpc-js ends that speak plain octets: no .proto, so that metadata and bodies are seen as they are. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import * as grpc from '@grpc/grpc-js';

const ROOT = new URL('../../', import.meta.url).pathname;
/** Both ways to start it. */
export const ENTRIES = {
  direct: [`${ROOT}dist/proxy/host/main.js`],
  command: [`${ROOT}bin/meshwright.js`, 'sidecar'],
} as const;
/** One of them, or a script of another build. */
export type Entry = keyof typeof ENTRIES | { script: string };
const READY_MS_MAX = 15_000;

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** One sidecar process. */
export class SidecarProcess {
  readonly child: ChildProcess;
  /** As the ready line says. */
  listen = '';
  admin = '';
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;

  constructor(flags: readonly string[], entry: Entry, stdio: ('pipe' | 'ignore')[]) {
    const begin = typeof entry === 'string' ? ENTRIES[entry] : [entry.script];
    this.child = spawn(process.execPath, [...begin, ...flags], { stdio, cwd: ROOT });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Waits for the ready line; rejects with what it said when it ends before. */
  async ready(): Promise<this> {
    const line = () => this.stdout.split('\n').find((text) => text.startsWith('{"event":"ready"'));
    await until('the ready line', () => line() !== undefined || this.child.exitCode !== null, READY_MS_MAX);
    const text = line();
    if (text === undefined) throw new Error(`no ready line: ${this.stderr}`);
    const said = JSON.parse(text) as { listen: string; admin: string | null; pid: number };
    if (said.pid !== this.child.pid) throw new Error('the ready line names another process');
    this.listen = said.listen;
    this.admin = said.admin ?? '';
    return this;
  }

  /** SIGTERM, then the end. */
  stop(): Promise<Ended> {
    this.child.kill('SIGTERM');
    return this.ended;
  }

  /** Ends it whatever it does, for clean-up. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended;
  }

  stats(): Promise<Record<string, number>> {
    return adminGet(this.admin, '/stats').then((answer) => JSON.parse(answer.text));
  }

  /** Resident octets. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024;
  }
}

const GAUGES = [
  'callsAlive',
  'attemptsAlive',
  'retriesAlive',
  'callsWaiting',
  'requestBytesKept',
  'streamsDownstream',
  'streamsUpstream',
  'bytesHeld',
  'windowTakenBytesDownstream',
  'windowTakenBytesUpstream',
] as const;

/** Everything is over: waits until no gauge counts anything; throws with the gauges that do. */
export async function expectQuiet(sidecar: SidecarProcess): Promise<void> {
  let alive = '';
  const quiet = async (): Promise<boolean> => {
    const stats = await sidecar.stats();
    alive = GAUGES.filter((name) => stats[name] !== 0)
      .map((name) => `${name}=${stats[name]}`)
      .join(' ');
    return alive === '';
  };
  await until('all gauges at zero', quiet, 3_000).catch((error) => {
    throw new Error(`${error}: ${alive}`);
  });
}

/** Starts one with an admin server and waits until it is ready. */
export function startProcess(flags: readonly string[], entry: Entry = 'direct'): Promise<SidecarProcess> {
  const all = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...flags];
  return new SidecarProcess(all, entry, ['pipe', 'pipe', 'pipe']).ready();
}

/** Runs one that is expected to end by itself. */
export function runProcess(flags: readonly string[], entry: keyof typeof ENTRIES = 'direct'): Promise<Ended> {
  const child = new SidecarProcess(flags, entry, ['ignore', 'pipe', 'pipe']);
  const limit = setTimeout(() => child.child.kill('SIGKILL'), READY_MS_MAX);
  return child.ended.finally(() => clearTimeout(limit));
}

export interface AdminAnswer {
  status: number;
  text: string;
}

export function adminGet(
  admin: string,
  path: string,
  method = 'GET',
  host: string = admin,
): Promise<AdminAnswer> {
  const [hostname, port] = admin.split(':');
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers: { host }, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Waits until the condition holds; rejects with what was awaited. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const octets = { serialize: (value: Buffer): Buffer => value, deserialize: (value: Buffer): Buffer => value };

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: octets.serialize,
    requestDeserialize: octets.deserialize,
    responseSerialize: octets.serialize,
    responseDeserialize: octets.deserialize,
  };
}

export const METHODS = {
  Unary: method('/t.T/Unary', false, false),
  Down: method('/t.T/Down', false, true),
  Up: method('/t.T/Up', true, false),
  Both: method('/t.T/Both', true, true),
};

export interface Instance {
  server: grpc.Server;
  address: string;
}

/** A server on loopback; `handlers` by the names of METHODS. */
export async function startInstance(
  handlers: Record<string, (...parts: any[]) => void>,
  address = '127.0.0.1:0',
): Promise<Instance> {
  const server = new grpc.Server();
  server.addService(METHODS, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, address: `127.0.0.1:${port}` };
}

export const Client = grpc.makeGenericClientConstructor(METHODS, 'T');

/** A client with a connection of its own. `transparent`: a call that no server has seen is sent again (gRFC A6). */
export function connect(address: string, transparent = false): any {
  return new Client(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': transparent ? 1 : 0,
  });
}

export interface Outcome {
  code: number;
  details: string;
  body: string;
  trailers: grpc.Metadata;
}

/** One unary call to its end. */
export function unary(
  client: any,
  body: string,
  options: { metadata?: grpc.Metadata; deadlineMs?: number } = {},
): Promise<Outcome> {
  const metadata = options.metadata ?? new grpc.Metadata();
  const deadline = options.deadlineMs === undefined ? Infinity : Date.now() + options.deadlineMs;
  return new Promise((resolve) => {
    let reply = '';
    const call = client.Unary(
      Buffer.from(body),
      metadata,
      { deadline },
      (_error: unknown, value?: Buffer) => {
        reply = value?.toString() ?? '';
      },
    );
    call.on('status', (status: grpc.StatusObject) =>
      setImmediate(() =>
        resolve({ code: status.code, details: status.details, body: reply, trailers: status.metadata }),
      ),
    );
  });
}
