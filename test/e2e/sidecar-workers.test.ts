/** `--workers 2`: connections are spread, one admin view, a dead worker is replaced, all drain, and nothing outlives the parent. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, expect, it } from 'vitest';
import {
  adminGet,
  Client,
  connect,
  runProcess,
  startInstance,
  startProcess,
  unary,
  until,
} from './sidecar-kit.ts';
import type { SidecarProcess } from './sidecar-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-workers-'));
const cleanups: (() => unknown)[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** An instance that answers after a while, and counts. */
async function instance(afterMs = 0) {
  const kept = { calls: 0 };
  const started = await startInstance({
    Unary: (_call: any, done: any) => {
      kept.calls++;
      setTimeout(() => done(null, Buffer.from('ok')), afterMs);
    },
    Down: () => {},
    Up: () => {},
    Both: () => {},
  });
  cleanups.push(() => started.server.forceShutdown());
  return Object.assign(kept, started);
}

async function start(...flags: string[]): Promise<SidecarProcess> {
  const sidecar = await startProcess(['--workers', '2', ...flags]);
  cleanups.push(() => sidecar.kill());
  return sidecar;
}

function clients(sidecar: SidecarProcess, count: number): any[] {
  const all = Array.from({ length: count }, () => connect(sidecar.listen));
  cleanups.push(() => all.forEach((client) => client.close()));
  return all;
}

interface Stats {
  callsStarted: number;
  callsEnded: number;
  callsByStatus: number[];
  connectionsDownstream: number;
  workersReplaced: number;
  workers: { worker: number; pid: number; callsEnded: number; connectionsDownstream: number }[];
}
const statsOf = async (sidecar: SidecarProcess): Promise<Stats> =>
  JSON.parse((await adminGet(sidecar.admin, '/stats')).text);
const pidsOf = async (sidecar: SidecarProcess): Promise<number[]> =>
  (await statsOf(sidecar)).workers.map(({ pid }) => pid);

/** It exists and is no zombie. */
function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

it('spreads connections evenly; stats are the sum, clusters merged, one ready line', async () => {
  const one = await instance();
  const sidecar = await start('--upstream', one.address);
  const all = clients(sidecar, 16);
  for (let i = 0; i < 5; i++) {
    const outcomes = await Promise.all(all.map((client) => unary(client, 'x')));
    expect(outcomes.every(({ code, body }) => code === 0 && body === 'ok')).toBe(true);
  }
  const stats = await statsOf(sidecar);
  expect(stats).toMatchObject({ callsStarted: 80, callsEnded: 80, connectionsDownstream: 16 });
  expect(stats.callsByStatus[0]).toBe(80);
  expect(stats.workers.map((each) => [each.worker, each.connectionsDownstream, each.callsEnded])).toEqual([
    [1, 8, 40],
    [2, 8, 40],
  ]);
  expect(one.calls).toBe(80);
  const clusters = JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  const merged = { address: one.address, pickable: true, connections: 2, attemptsStarted: 80 };
  expect(clusters.endpoints).toEqual([expect.objectContaining(merged)]);
  expect(clusters.workers).toHaveLength(2);
  expect((await adminGet(sidecar.admin, '/ready')).status).toBe(200);
  const [line, ...rest] = sidecar.stdout.trim().split('\n');
  expect(rest).toEqual([]);
  expect(JSON.parse(line as string).workers).toEqual(stats.workers.map(({ pid }) => pid));
});

it('whoever connects goes to the worker that has the fewest connections', async () => {
  const one = await instance();
  const sidecar = await start('--upstream', one.address);
  const spread = async () => (await statsOf(sidecar)).workers.map((each) => each.connectionsDownstream);
  const some: any[] = [];
  const join = async (): Promise<void> => {
    const [client] = clients(sidecar, 1);
    some.push(client);
    expect((await unary(client, 'x')).code).toBe(0);
  };
  for (let i = 0; i < 4; i++) await join();
  expect(await spread()).toEqual([2, 2]);
  some[0].close();
  some[2].close();
  await until('one worker has none left', async () => (await spread()).includes(0));
  for (let i = 0; i < 2; i++) await join();
  expect(await spread()).toEqual([2, 2]);
});

it('TLS: the handshake is the worker’s', async () => {
  const one = await instance();
  const files = new URL('./tls-fixtures/', import.meta.url).pathname;
  const tls = ['--tls-cert', `${files}server.pem`, '--tls-key', `${files}server.key`];
  const sidecar = await start('--upstream', one.address, ...tls);
  const credentials = grpc.credentials.createSsl(readFileSync(`${files}ca.pem`));
  for (let i = 0; i < 4; i++) {
    const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.ssl_target_name_override': 'localhost' };
    const client = new Client(sidecar.listen, credentials, options);
    cleanups.push(() => client.close());
    expect(await unary(client, 'x')).toMatchObject({ code: 0, body: 'ok' });
  }
  expect((await statsOf(sidecar)).workers.map((each) => each.connectionsDownstream)).toEqual([2, 2]);
});

it('a worker that is killed is replaced and reported; calls go on meanwhile', async () => {
  const one = await instance();
  const sidecar = await start('--upstream', one.address);
  const [first, second] = await pidsOf(sidecar);
  process.kill(first as number, 'SIGKILL');
  for (let i = 0; i < 10; i++) {
    const [client] = clients(sidecar, 1);
    expect(await unary(client, 'x')).toMatchObject({ code: 0, body: 'ok' });
  }
  await until('ready again', async () => (await adminGet(sidecar.admin, '/ready')).status === 200);
  const stats = await statsOf(sidecar);
  expect(stats.workersReplaced).toBe(1);
  expect(stats.workers.map(({ pid }) => pid === first)).toEqual([false, false]);
  expect(stats.workers[1]?.pid).toBe(second);
  expect(sidecar.stderr).toMatch(/worker 1 \(pid \d+\) ended: SIGKILL; another takes its place in 100 ms/);
  // It has fewest connections, so the next ones are its.
  for (const client of clients(sidecar, 4)) expect((await unary(client, 'x')).code).toBe(0);
  expect((await statsOf(sidecar)).workers[0]?.callsEnded).toBeGreaterThan(0);
});

it('all workers killed at once: the port stays, and who connects waits for the next ones', async () => {
  const one = await instance();
  const sidecar = await start('--upstream', one.address);
  for (const pid of await pidsOf(sidecar)) process.kill(pid, 'SIGKILL');
  await until('both are reported', () => (sidecar.stderr.match(/SIGKILL/g) ?? []).length === 2);
  expect((await adminGet(sidecar.admin, '/ready')).text).toMatch(/worker 1: it (died|is starting)/);
  const [client] = clients(sidecar, 1);
  expect(await unary(client, 'x')).toMatchObject({ code: 0, body: 'ok' });
});

it('SIGTERM drains every worker: no call is lost, exit code 0, nothing left', async () => {
  const slow = await instance(300);
  const sidecar = await start('--upstream', slow.address, '--drain-ms', '3000');
  const pids = await pidsOf(sidecar);
  const calls = clients(sidecar, 8).map((client) => unary(client, 'x'));
  await until('all calls are under way', () => slow.calls === 8);
  expect((await statsOf(sidecar)).workers.map((each) => each.connectionsDownstream)).toEqual([4, 4]);
  const ended = await sidecar.stop();
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(pids.filter(alive)).toEqual([]);
  for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject({ code: 0, body: 'ok' });
});

it('SIGTERM to one worker: it finishes its calls, and another takes its place', async () => {
  const slow = await instance(300);
  const sidecar = await start('--upstream', slow.address);
  const calls = clients(sidecar, 4).map((client) => unary(client, 'x'));
  await until('all calls are under way', () => slow.calls === 4);
  const pids = await pidsOf(sidecar);
  process.kill(pids[1] as number, 'SIGTERM');
  for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject({ code: 0, body: 'ok' });
  await until('it is replaced', async () => (await statsOf(sidecar)).workersReplaced === 1);
});

it.each(['SIGKILL', 'a second SIGTERM'])('after %s of the parent nothing is left', async (how) => {
  const slow = await instance(60_000);
  const sidecar = await start('--upstream', slow.address, '--drain-ms', '60000');
  const pids = await pidsOf(sidecar);
  expect(pids.filter(alive)).toHaveLength(2);
  const call = unary(clients(sidecar, 1)[0], 'x', { deadlineMs: 30_000 });
  await until('the call is under way', () => slow.calls === 1);
  if (how === 'SIGKILL') sidecar.child.kill('SIGKILL');
  else {
    sidecar.child.kill('SIGTERM');
    await until('it drains', async () => (await adminGet(sidecar.admin, '/ready')).status === 503);
    sidecar.child.kill('SIGTERM');
  }
  await sidecar.ended;
  await until('all are gone', () => !pids.some(alive), 2_000);
  expect((await call).code).toBe(14);
});

it('trouble with the endpoint file is told once, and the last good set stays', async () => {
  const one = await instance();
  const path = join(folder, 'endpoints.json');
  writeFileSync(path, JSON.stringify({ endpoints: [{ address: one.address }] }));
  const sidecar = await start('--endpoints', path);
  const trouble = async () => JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  expect(await trouble()).toMatchObject({ source: path, trouble: null });
  rmSync(path);
  await until('it is told', async () => String((await trouble()).trouble).includes('does not exist'));
  await until('both workers know', async () => sidecar.stderr !== '');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(sidecar.stderr.trim().split('\n')).toEqual([expect.stringContaining('does not exist')]);
  for (const client of clients(sidecar, 2)) expect((await unary(client, 'x')).code).toBe(0);
});

it('one worker, the default: no further process', async () => {
  const sidecar = await startProcess(['--upstream', '127.0.0.1:1']);
  cleanups.push(() => sidecar.kill());
  const { pid } = sidecar.child;
  expect(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')).toBe('');
  expect(JSON.parse(sidecar.stdout)).not.toHaveProperty('workers');
});

const LISTEN = ['--listen', '127.0.0.1:0'];
it.each([
  ['direct', ['--workers', '0'], '"0" is not a whole number from 1 to 256 (at --workers)'],
  ['command', ['--workers', 'x'], '"x" is not a whole number from 1 to 256 (at --workers)'],
  ['direct', ['--workers', '1.5'], 'is not a whole number'],
  ['direct', ['--workers', '2', '--trace-fd', '3'], 'a trace comes from one process (at --trace-fd)'],
] as const)('%s %j is refused', async (entry, flags, message) => {
  const ended = await runProcess([...LISTEN, '--upstream', '127.0.0.1:1', ...flags], entry);
  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(ended.stderr).toContain(message);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
});

it('what only the workers find out, and a port in use, are told once and end all', async () => {
  const missing = await runProcess([...LISTEN, '--workers', '2', '--endpoints', '/no/such.yaml']);
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect(missing.stderr).toMatch(
    /^MW_CONFIG: the endpoint file does not exist \(at \/no\/such\.yaml\).*Fix: /,
  );
  expect(missing.stderr.trim().split('\n')).toHaveLength(1);
  const holder = createServer().listen(0, '127.0.0.1');
  cleanups.push(() => holder.close());
  await new Promise((resolve) => holder.once('listening', resolve));
  const taken = `127.0.0.1:${(holder.address() as AddressInfo).port}`;
  const inUse = await runProcess(['--listen', taken, '--workers', '2', '--upstream', '127.0.0.1:1']);
  expect(inUse.code).toBe(2);
  expect(inUse.stderr).toMatch(/^MW_PORT: .* is in use \(at --listen\)/);
});
