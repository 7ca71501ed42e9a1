/** What is wrong with flags, files and ports is told in one line with place and fix, and ends with 2; what is wrong later is survived. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { adminGet, connect, runProcess, startInstance, startProcess, unary, until } from './sidecar-kit.ts';
import type { SidecarProcess } from './sidecar-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-sidecar-'));
const started: SidecarProcess[] = [];
const NOWHERE = ['--upstream', '127.0.0.1:1'];

async function start(flags: readonly string[]): Promise<SidecarProcess> {
  const sidecar = await startProcess(flags);
  started.push(sidecar);
  return sidecar;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

afterEach(() => Promise.all(started.splice(0).map((sidecar) => sidecar.kill())));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LISTEN = ['--listen', '127.0.0.1:0'];
it.each([
  ['direct', [], 'no endpoint is given', '--upstream'],
  ['command', [], 'no endpoint is given', '--upstream'],
  ['direct', [...NOWHERE], 'no address to listen on', '--listen'],
  ['direct', ['--nonsense'], 'there is no flag "--nonsense"', 'known flags: --listen'],
  ['direct', ['--upstream'], '--upstream needs a value', 'write --upstream <list>'],
  ['direct', [...LISTEN, ...NOWHERE, '--balancer', 'best'], 'no balancer "best"', 'use one of round_robin'],
  ['direct', [...LISTEN, ...NOWHERE, '--drain-ms', 'soon'], '"soon" is not a whole number', '--drain-ms'],
  ['direct', [...LISTEN, ...NOWHERE, '--admin', '0.0.0.0:0'], 'not a loopback address', '--admin'],
  ['direct', [...LISTEN, '--endpoints', '/no/such.yaml'], 'endpoint file does not exist', '/no/such.yaml'],
  ['direct', ['--config', '/no/such.yaml'], 'configuration file does not exist', '/no/such.yaml'],
] as const)('%s %j', async (entry, flags, message, place) => {
  const ended = await runProcess(flags, entry);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(message);
  expect(ended.stderr).toContain(place);
  expect(ended.stderr).toMatch(/Fix: /);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  expect(ended.stdout).toBe('');
});

it.each([
  ['a', 'retry: { attempts: many }', 'retry.attempts'],
  ['b', 'no-such-key: 1', 'no-such-key'],
  ['c', 'listen: [', 'neither YAML nor JSON'],
  [
    'e',
    'listen: 127.0.0.1:0\nupstream: a:1\nhedging: {}\nretry: { attempts: 2 }',
    'retry.attempts in the configuration file',
  ],
  ['d', 'listen: 127.0.0.1:0\nupstream: [nowhere]', 'upstream in the configuration file'],
])('configuration file %s names the place', async (name, text, place) => {
  const path = file(`${name}.yaml`, text);
  const ended = await runProcess(['--config', path]);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(place);
  expect(ended.stderr).toMatch(/^MW_(CONFIG|USAGE): .*Fix: /);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
});

it('a port in use, for callers and for the admin server', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const taken = `127.0.0.1:${(holder.address() as AddressInfo).port}`;
  try {
    for (const flags of [
      ['--listen', taken, ...NOWHERE],
      [...LISTEN, ...NOWHERE, '--admin', taken],
    ]) {
      const ended = await runProcess(flags);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(/^MW_PORT: .* is in use \(at --(listen|admin)\)\. Fix: /);
      expect(ended.stderr).toContain(taken);
    }
  } finally {
    holder.close();
  }
});

it('an endpoint that cannot be reached: it starts, says not ready, and calls get UNAVAILABLE that names it', async () => {
  const sidecar = await start(NOWHERE);
  const ready = await adminGet(sidecar.admin, '/ready');
  expect(ready.status).toBe(503);
  expect(JSON.parse(ready.text).reason).toContain('127.0.0.1:1');
  const client = connect(sidecar.listen);
  const answer = await unary(client, 'hi');
  client.close();
  expect(answer.code).toBe(14);
  expect(answer.details).toContain('127.0.0.1:1');
  expect(answer.details).toContain('ECONNREFUSED');
});

it('an empty set of endpoints: UNAVAILABLE with the reason at once, or when the time to wait is over; one that comes ends the wait', async () => {
  const endpoints = file('endpoints.yaml', 'endpoints: []');
  const patient = file('patient.yaml', `endpoints: ${endpoints}\nwaitForReady: { maxMs: 1500 }\n`);
  const hasty = await start(['--endpoints', endpoints]);
  const waiting = await start(['--config', patient]);
  const ends = [hasty, waiting].map(({ listen }) => connect(listen));
  const [now, later] = await Promise.all(ends.map((client) => unary(client, 'hi')));
  expect(now).toMatchObject({ code: 14, details: 'no endpoint is known' });
  expect(later).toMatchObject({ code: 14, details: 'no endpoint is known, and none came within 1500 ms' });
  const echo = await startInstance({
    Unary: (call: { request: Buffer }, reply: (error: null, value: Buffer) => void) =>
      reply(null, call.request),
  });
  const call = unary(ends[1], 'served');
  await until('it waits', async () => (await waiting.stats())['callsWaiting'] === 1);
  writeFileSync(endpoints, `endpoints: [{ address: "${echo.address}" }]`);
  expect(await call).toMatchObject({ code: 0, body: 'served' });
  for (const client of ends) client.close();
  echo.server.forceShutdown();
});

const HELLO_TLS = Buffer.from('16030100c8010000c40303000102030405060708090a0b0c0d0e0f', 'hex');
it.each([
  ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
  ['TLS', HELLO_TLS],
  ['nothing sensible', Buffer.from([0])],
])('%s on the port gets one clear line and the end', async (_name, bytes) => {
  const sidecar = await start(NOWHERE);
  const [host, port] = sidecar.listen.split(':');
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connectSocket(Number(port), host as string, () => socket.write(bytes));
    let got = '';
    socket.setTimeout(5_000, () => reject(new Error('it hangs')));
    socket.on('data', (chunk) => (got += chunk.toString()));
    socket.on('close', () => resolve(got));
    socket.on('error', () => {});
  });
  expect(text).toContain('This port speaks HTTP/2 (gRPC)');
  const stats = await sidecar.stats();
  expect(stats).toMatchObject({ connectionsDownstream: 0, callsStarted: 0 });
});

it('admin: what there is, Host check, nothing can be changed', async () => {
  const sidecar = await start(NOWHERE);
  const clusters = await adminGet(sidecar.admin, '/clusters');
  expect(JSON.parse(clusters.text)).toMatchObject({
    source: 'static',
    trouble: null,
    endpoints: [{ address: '127.0.0.1:1', pickable: false, connected: false }],
  });
  expect((await adminGet(sidecar.admin, '/stats')).status).toBe(200);
  expect((await adminGet(sidecar.admin, '/elsewhere')).status).toBe(404);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    expect((await adminGet(sidecar.admin, '/stats', method)).status).toBe(405);
  }
  for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost@evil']) {
    expect((await adminGet(sidecar.admin, '/stats', 'GET', host)).status, host).toBe(403);
  }
});
