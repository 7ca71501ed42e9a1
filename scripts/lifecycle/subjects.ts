// What is replaced under load: our sidecar, and Envoy beside it. Each can be restarted hot, reloaded, and drained with a successor.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, firstLine, listening, start } from '../../test/bench/proxy/children.ts';
import { envoyConfig } from '../../test/bench/proxy/envoy.ts';
import { ROOT } from '../../test/bench/proxy/programs.ts';

/** Ours waits for calls as long as it is told; Envoy cuts what is open when its time is over. */
const DRAIN_MS = 20_000;
/** For those who send callers to it to notice. */
const DRAIN_DELAY_MS = 200;
const ENVOY_DRAIN_S = 1;
const ENVOY_SHUTDOWN_S = 2;
const READY_POLL_MS = 10;

export interface Subject {
  readonly name: string;
  /** HOST:PORT where new callers go. */
  readonly address: string;
  hotRestart(): Promise<void>;
  /** Null: it has no other way than a hot restart. */
  reload: (() => Promise<void>) | null;
  /** Not ready, then GOAWAY; `leave` is called when no new caller may be sent there any more. Resolves when its end is under way. */
  drain(leave: () => void): Promise<void>;
  stop(): Promise<void>;
}

interface ReadyLine {
  listen: string;
  admin: string;
}

/** `folder` is for its control socket; short, as unix sockets want it. */
export async function startOurs(ports: readonly number[], folder: string, index: number): Promise<Subject> {
  const upstream = ports.map((port) => `127.0.0.1:${port}`).join();
  const config = join(folder, `sidecar-${index}.json`);
  writeFileSync(config, JSON.stringify({ upstream, drainMs: DRAIN_MS, drainDelayMs: DRAIN_DELAY_MS }));
  const control = join(folder, `control-${index}`);
  const main = join(ROOT, 'dist/proxy/host/main.js');
  const flags = ['--watch-stdin', '--config', config];
  const leaving: ChildProcess[] = [];
  let child = start(process.execPath, [
    main,
    '--listen',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--control',
    control,
    ...flags,
  ]);
  const { listen, admin } = await firstLine<ReadyLine>(child);
  const ask = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`http://${admin}${path}`, { method, signal: AbortSignal.timeout(5_000) });
  const reloads = async (): Promise<number> =>
    ((await (await ask('/stats')).json()) as { reloads: number }).reloads;
  return {
    name: 'sidecar',
    address: listen,
    async hotRestart() {
      const next = start(process.execPath, [main, '--takeover', control, '--admin', admin, ...flags]);
      await firstLine<ReadyLine>(next);
      leaving.push(child);
      child = next;
    },
    async reload() {
      const before = await reloads();
      child.kill('SIGHUP');
      while ((await reloads()) === before) await sleep(READY_POLL_MS);
    },
    async drain(leave) {
      await ask('/drain', 'POST');
      while ((await ask('/ready')).status !== 503) await sleep(READY_POLL_MS);
      leave();
      leaving.push(child);
      child.kill('SIGTERM');
    },
    async stop() {
      await end(child);
      await Promise.all(leaving.map((one) => over(one)));
    },
  };
}

/** `base`: tells this family of processes from other ones on the machine. */
export async function startEnvoy(
  program: string,
  ports: readonly number[],
  folder: string,
  base: number,
): Promise<Subject> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(folder, `envoy-${port}.json`);
  const admin = { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } };
  writeFileSync(file, JSON.stringify({ admin, ...(envoyConfig(port, { ports, tls: null }) as object) }));
  const flags = ['-c', file, '--concurrency', '1', '--base-id', String(base), '-l', 'off'];
  flags.push('--drain-time-s', String(ENVOY_DRAIN_S), '--parent-shutdown-time-s', String(ENVOY_SHUTDOWN_S));
  flags.push('--drain-strategy', 'immediate');
  const launch = (epoch: number): ChildProcess =>
    start(program, [...flags, '--restart-epoch', String(epoch)]);
  const ask = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`http://127.0.0.1:${adminPort}${path}`, { method, signal: AbortSignal.timeout(5_000) });
  let epoch = 0;
  let child = launch(epoch);
  await listening(child, port);
  return {
    name: 'Envoy',
    address: `127.0.0.1:${port}`,
    async hotRestart() {
      const next = launch(++epoch);
      // A third process may not come before the first one has gone.
      await over(child);
      child = next;
    },
    reload: null,
    async drain(leave) {
      await ask('/healthcheck/fail', 'POST');
      leave();
      await ask('/drain_listeners?graceful', 'POST');
      await sleep((ENVOY_DRAIN_S + 0.2) * 1_000);
      await ask('/quitquitquit', 'POST');
    },
    stop: () => end(child),
  };
}

async function over(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
