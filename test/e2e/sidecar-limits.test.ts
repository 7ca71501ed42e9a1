/** Limits set in the configuration file or by flag change what a spawned sidecar does, towards callers and towards endpoints. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as h2 from 'node:http2';
import { connect as connectSocket, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { runProcess, startProcess, until } from './sidecar-kit.ts';
import type { SidecarProcess } from './sidecar-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-limits-'));
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A sidecar whose file has these limits. */
async function withLimits(limits: object, upstream = '127.0.0.1:1', flags: string[] = []) {
  const file = join(folder, 'sidecar.json');
  writeFileSync(file, JSON.stringify({ upstream, limits }));
  const sidecar = await startProcess(['--config', file, ...flags]);
  cleanups.push(() => sidecar.kill());
  return sidecar;
}

function caller(sidecar: SidecarProcess): h2.ClientHttp2Session {
  const session = h2.connect(`http://${sidecar.listen}`);
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

/** What a call ends with: an HTTP status, or the code of its reset. */
function outcome(session: h2.ClientHttp2Session, headers: Record<string, string> = {}): Promise<string> {
  const stream = session.request({ ':path': '/a/b', ':method': 'POST', ...headers });
  return new Promise((resolve) => {
    stream.on('response', (head) => resolve(`status ${head[':status']}`));
    stream.on('error', () => {});
    stream.on('close', () => resolve(`reset ${stream.rstCode}`));
    stream.end();
    stream.resume();
  });
}

async function listening(server: Server | h2.Http2Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  cleanups.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('towards callers: what is announced, fields, silence', async () => {
  const limits = { server: { concurrentStreamsMax: 3, prefaceTimeoutMs: 150 }, headerFieldsMax: 12 };
  const sidecar = await withLimits(limits, '127.0.0.1:1', ['--limit', 'headerListBytesMax=2000']);
  const session = caller(sidecar);
  const settings = await new Promise<h2.Settings>((resolve) => session.once('remoteSettings', resolve));
  expect(settings).toMatchObject({ maxConcurrentStreams: 3, maxHeaderListSize: 2_000 });
  const fields = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '1']));
  expect(await outcome(session, fields(2))).toMatch(/^status/);
  expect(await outcome(session, fields(20))).toBe(`reset ${h2.constants.NGHTTP2_PROTOCOL_ERROR}`);
  const began = performance.now();
  const [host, port] = sidecar.listen.split(':');
  const silent = connectSocket(Number(port), host as string);
  silent.resume();
  await new Promise((resolve) => silent.once('close', resolve));
  // The default is 10 s.
  expect(performance.now() - began).toBeLessThan(8_000);
});

it('towards callers: one reset too many', async () => {
  const sidecar = await withLimits({ server: { resetBurst: 2, resetsPerSecond: 0 } });
  const session = caller(sidecar);
  const said = new Promise<number>((resolve) => session.once('goaway', resolve));
  for (let i = 0; i < 3; i++) await outcome(session, { ':path': `no-slash-${i}` });
  expect(await said).toBe(h2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
});

it.each(['1', '2'])(
  '%s workers: one connection too many is closed at once, until there is room',
  async (workers) => {
    const sidecar = await withLimits({ connectionsMax: 3 }, '127.0.0.1:1', ['--workers', workers]);
    const sessions = Array.from({ length: 3 }, () => caller(sidecar));
    for (const session of sessions) expect(await outcome(session)).toBe('status 503');
    const fourth = caller(sidecar);
    await new Promise((resolve) => fourth.once('close', resolve));
    expect((await sidecar.stats())['connectionsRefused']).toBe(1);
    expect(await outcome(sessions[0] as h2.ClientHttp2Session)).toBe('status 503');
    sessions[1]?.close();
    await until('there is room', async () => (await sidecar.stats())['connectionsDownstream'] === 2);
    expect(await outcome(caller(sidecar))).toBe('status 503');
  },
);

it('towards endpoints: streams at a time on one connection, and windows', async () => {
  const server = h2.createServer();
  const sessions: h2.ServerHttp2Session[] = [];
  const alive = new Map<unknown, number>();
  let aliveMax = 0;
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream) => {
    const { session } = stream;
    const now = (alive.get(session) ?? 0) + 1;
    alive.set(session, now);
    aliveMax = Math.max(aliveMax, now);
    setTimeout(() => {
      alive.set(session, (alive.get(session) ?? 0) - 1);
      stream.respond({ ':status': 200 }, { endStream: true });
    }, 30);
  });
  const address = await listening(server);
  cleanups.push(() => sessions.forEach((session) => session.destroy()));
  const client = { openStreamsMax: 2, streamWindowBytes: 1_000, connectionWindowBytes: 70_000 };
  const sidecar = await withLimits({ client }, address);
  const session = caller(sidecar);
  expect(await Promise.all(Array.from({ length: 8 }, () => outcome(session)))).toEqual(
    Array.from({ length: 8 }, () => 'status 200'),
  );
  expect(aliveMax).toBe(2);
  expect(sessions[0]?.remoteSettings.initialWindowSize).toBe(1_000);
  expect(sessions[0]?.state.remoteWindowSize).toBe(70_000);
});

it('towards endpoints: one that takes the connection and says nothing', async () => {
  let connections = 0;
  const mute = createServer((socket) => {
    connections++;
    socket.resume();
    socket.on('error', () => {});
    cleanups.push(() => socket.destroy());
  });
  const address = await listening(mute);
  // The time to connect would end it too.
  await withLimits({ client: { settingsTimeoutMs: 100 } }, address, ['--connect-timeout-ms', '60000']);
  await until('another attempt', () => connections > 1, 4_000);
});

it.each([
  [
    ['--limit', 'concurentStreams=5'],
    /there is no limit "concurentStreams" \(at --limit\)\. Fix: the nearest is concurrentStreamsMax;/,
  ],
  [
    ['--limit=resetBurst=5', '--limit=client.dribbleBurst=0'],
    /dribbleBurst=0 is not a whole number from 1 to 1000000 \(frames\) \(at --limit\)/,
  ],
] as const)('%j is refused', async (flags, message) => {
  for (const entry of ['direct', 'command'] as const) {
    const ended = await runProcess(['--listen', '127.0.0.1:0', '--upstream', 'a:1', ...flags], entry);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  }
});
