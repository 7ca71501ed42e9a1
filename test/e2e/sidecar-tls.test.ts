/** TLS on both sides of a spawned sidecar: calls, versions, resumption, and who is refused with which words. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createNetServer, connect as connectNet } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import http2 from 'node:http2';
import type { SecureServerOptions } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { startDns } from '../unit/discovery/fake-dns.ts';
import {
  Client,
  METHODS,
  connect,
  expectQuiet,
  runProcess,
  startProcess,
  unary,
  until,
} from './sidecar-kit.ts';
import type { SidecarProcess } from './sidecar-kit.ts';

const FOLDER = new URL('./tls-fixtures/', import.meta.url).pathname;
const ca = readFileSync(`${FOLDER}ca.pem`);
const cert = readFileSync(`${FOLDER}server.pem`);
const key = readFileSync(`${FOLDER}server.key`);
const DOWNSTREAM = ['--tls-cert', `${FOLDER}server.pem`, '--tls-key', `${FOLDER}server.key`];
const UPSTREAM = ['--upstream-tls', '--upstream-ca', `${FOLDER}ca.pem`];
const NOWHERE = ['--listen', '127.0.0.1:0', '--upstream', '127.0.0.1:1'];

const toEnd: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

async function start(flags: readonly string[]): Promise<SidecarProcess> {
  const sidecar = await startProcess(flags);
  toEnd.push(() => sidecar.kill());
  return sidecar;
}

/** A grpc-js server over TLS that gives back what it got. */
async function startTlsInstance(): Promise<string> {
  const server = new grpc.Server();
  server.addService(METHODS, {
    Unary: (call: { request: Buffer }, reply: (error: null, value: Buffer) => void) =>
      reply(null, call.request),
  } as unknown as grpc.UntypedServiceImplementation);
  const credentials = grpc.ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  toEnd.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** A node:http2 server over TLS that answers every call with an empty message, and whose connections the test can cut. */
async function startRawInstance(options: SecureServerOptions) {
  const sockets: tls.TLSSocket[] = [];
  const server = http2.createSecureServer({ cert, key, ...options });
  server.on('secureConnection', (socket: tls.TLSSocket) => sockets.push(socket));
  server.on('session', (session) => session.on('error', () => {}));
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  await listen(server);
  toEnd.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
}

function tlsClient(address: string): any {
  const client = new Client(address, grpc.credentials.createSsl(ca), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  toEnd.push(() => client.close());
  return client;
}

function plainClient(address: string): any {
  const client = connect(address);
  toEnd.push(() => client.close());
  return client;
}

/** A caller's TLS connection, once its handshake is over. */
function handshake(address: string, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: host as string, port: Number(port), ca, ...options });
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', reject);
    toEnd.push(() => socket.destroy());
  });
}

it.each([[[]], [['--workers', '2']]])(
  'calls pass over TLS on both sides, health checks too %j',
  async (more) => {
    const flags = [
      ...DOWNSTREAM,
      ...UPSTREAM,
      '--health-interval-ms',
      '100',
      '--health-service',
      '',
      ...more,
    ];
    const sidecar = await start([...flags, '--upstream', await startTlsInstance()]);
    const client = tlsClient(sidecar.listen);
    const body = 'x'.repeat(300_000);
    for (const text of ['a', 'b', body])
      expect(await unary(client, text)).toMatchObject({ code: 0, body: text });
    await expectQuiet(sidecar);
    const stats = await sidecar.stats();
    expect(stats).toMatchObject({ callsStarted: 3, callsEnded: 3, tlsHandshakesFailed: 0 });
    expect(stats['healthChecks']).toBeGreaterThan(0);
  },
);

it('TLS 1.2 and 1.3, on both sides', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const raw = await startRawInstance({ minVersion: version, maxVersion: version });
    const sidecar = await start([...DOWNSTREAM, ...UPSTREAM, '--upstream', raw.address]);
    const options = { ca, minVersion: version, maxVersion: version };
    const session = http2.connect(`https://${sidecar.listen}`, options);
    toEnd.push(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t.T/Unary',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.resume().end(Buffer.alloc(5));
    const trailers = await new Promise((resolve, reject) => {
      stream.on('trailers', resolve);
      stream.on('error', reject);
    });
    expect(trailers).toMatchObject({ 'grpc-status': '0' });
    expect((session.socket as tls.TLSSocket).getProtocol()).toBe(version);
    expect(raw.sockets[0]?.getProtocol()).toBe(version);
  }
});

it('a session is resumed, by callers and towards endpoints', async () => {
  const raw = await startRawInstance({});
  const sidecar = await start([...DOWNSTREAM, ...UPSTREAM, '--upstream', raw.address]);
  expect(await unary(tlsClient(sidecar.listen), '')).toMatchObject({ code: 0 });
  expect(raw.sockets.map((socket) => socket.isSessionReused())).toEqual([false]);
  raw.sockets[0]?.destroy();
  await until('a second connection', () => raw.sockets.length > 1);
  expect(raw.sockets[1]?.isSessionReused()).toBe(true);

  const first = await handshake(sidecar.listen, { ALPNProtocols: ['h2'] });
  const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
  const second = await handshake(sidecar.listen, { ALPNProtocols: ['h2'], session });
  expect(first.isSessionReused()).toBe(false);
  expect(second.isSessionReused()).toBe(true);
});

it('a caller without h2, without TLS, or with too old a version is let go and counted', async () => {
  const sidecar = await start([...DOWNSTREAM, '--upstream', '127.0.0.1:1']);
  const counted = async () => (await sidecar.stats())['tlsHandshakesFailed'];
  const mute = await handshake(sidecar.listen, {});
  await until('the connection without ALPN is closed', () => mute.closed || mute.destroyed);
  expect(await counted()).toBe(1);
  await expect(handshake(sidecar.listen, { ALPNProtocols: ['http/1.1'] })).rejects.toThrow(
    /ALERT_NO_APPLICATION|no application protocol|ECONNRESET|disconnected/i,
  );
  await until('it is counted', async () => (await counted()) === 2);
  const plain = connectNet(Number(sidecar.listen.split(':')[1]), '127.0.0.1');
  plain.on('error', () => {});
  plain.resume().write('GET / HTTP/1.1\r\n\r\n');
  await until('the plain connection is closed', () => plain.destroyed);
  expect(await counted()).toBe(3);
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(handshake(sidecar.listen, { ...old, ALPNProtocols: ['h2'] })).rejects.toThrow();
  await until('it is counted', async () => (await counted()) === 4);
  expect(sidecar.stderr).toContain('could not begin HTTP/2 over TLS');
  expect((await sidecar.stats())['connectionsDownstream']).toBe(0);
});

it('TLS on the port in the clear is closed', async () => {
  const sidecar = await start(['--upstream', '127.0.0.1:1']);
  await expect(handshake(sidecar.listen, { ALPNProtocols: ['h2'] })).rejects.toThrow();
  await until('it is gone', async () => (await sidecar.stats())['connectionsDownstream'] === 0);
});

it('an endpoint that cannot be used over TLS: UNAVAILABLE with the reason', async () => {
  const trusted = await startRawInstance({});
  const noAlpn = tls.createServer({ cert, key }, (socket) => socket.on('error', () => {}));
  const clear = createNetServer((socket) =>
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  for (const server of [noAlpn, clear]) {
    await listen(server);
    toEnd.push(() => server.close());
  }
  const at = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rows: [string, string[], RegExp][] = [
    [trusted.address, ['--upstream-tls'], /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    [trusted.address, [...UPSTREAM, '--upstream-server-name', 'other.test'], /ERR_TLS_CERT_ALTNAME_INVALID/],
    [at(noAlpn), UPSTREAM, /offers no h2 by ALPN/],
    [at(clear), UPSTREAM, /does not speak TLS/],
  ];
  for (const [address, flags, words] of rows) {
    const sidecar = await start([...flags, '--upstream', address]);
    const outcome = await unary(plainClient(sidecar.listen), '', { deadlineMs: 5_000 });
    expect(outcome.code).toBe(grpc.status.UNAVAILABLE);
    expect(outcome.details).toMatch(words);
    await expectQuiet(sidecar);
  }
});

it('an endpoint that is spoken to in the clear and wants TLS: UNAVAILABLE, and nothing hangs', async () => {
  const raw = await startRawInstance({});
  const sidecar = await start(['--upstream', raw.address]);
  const outcome = await unary(plainClient(sidecar.listen), '', { deadlineMs: 5_000 });
  expect(outcome.code).toBe(grpc.status.UNAVAILABLE);
  await expectQuiet(sidecar);
});

it('SE-12: where TLS is demanded plaintext gets nowhere, from callers or to endpoints, and there is no falling back', async () => {
  const calls: string[] = [];
  const clear = new grpc.Server();
  clear.addService(METHODS, {
    Unary: (call: { request: Buffer }, reply: (error: null, value: Buffer) => void) => {
      calls.push(call.request.toString());
      reply(null, call.request);
    },
  } as unknown as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve) => {
    clear.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) =>
      resolve(bound),
    );
  });
  toEnd.push(() => clear.forceShutdown());
  // Between the two, to see what is said.
  const first = new Set<number>();
  const tap = createNetServer((socket) => {
    const on = connectNet(port, '127.0.0.1');
    socket.once('data', (octets) => first.add(octets[0] as number));
    for (const one of [socket, on]) one.on('error', () => {});
    socket.pipe(on).pipe(socket);
  });
  await listen(tap);
  toEnd.push(() => tap.close());
  const endpoint = `127.0.0.1:${(tap.address() as AddressInfo).port}`;

  const demanding = await start([...UPSTREAM, '--upstream', endpoint, '--retry-attempts', '5']);
  for (let n = 0; n < 3; n++) {
    const outcome = await unary(plainClient(demanding.listen), 'secret', { deadlineMs: 5_000 });
    expect(outcome.code).toBe(grpc.status.UNAVAILABLE);
  }
  // The first octet of a TLS record, and no preface.
  expect([...first]).toEqual([0x16]);

  const guarded = await start([...DOWNSTREAM, '--upstream', endpoint]);
  const outcome = await unary(plainClient(guarded.listen), 'secret', { deadlineMs: 2_000 });
  expect(outcome.code).not.toBe(grpc.status.OK);
  expect(await guarded.stats()).toMatchObject({ callsStarted: 0 });
  expect(calls).toEqual([]);
  expect(await unary(tlsClient(guarded.listen), 'right')).toMatchObject({ code: 0, body: 'right' });
  expect(calls).toEqual(['right']);
});

it('a silent handshake ends with the time to connect', async () => {
  const silent = createNetServer((socket) => socket.on('error', () => {}));
  await listen(silent);
  toEnd.push(() => silent.close());
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const sidecar = await start([...UPSTREAM, '--upstream', address, '--connect-timeout-ms', '200']);
  const outcome = await unary(plainClient(sidecar.listen), '', { deadlineMs: 5_000 });
  expect(outcome.code).toBe(grpc.status.UNAVAILABLE);
});

it.each([
  [['--tls-cert', `${FOLDER}server.pem`], '--tls-cert is given without --tls-key'],
  [
    ['--tls-cert', '/no/such.pem', '--tls-key', `${FOLDER}server.key`],
    '/no/such.pem does not exist (at --tls-cert)',
  ],
  [['--tls-cert', import.meta.filename, '--tls-key', `${FOLDER}server.key`], 'is not PEM (at --tls-cert)'],
  [['--tls-cert', `${FOLDER}server.key`, '--tls-key', `${FOLDER}server.key`], 'cannot be used'],
  [
    ['--tls-cert', `${FOLDER}server.pem`, '--tls-key', `${FOLDER}other.key`],
    'is not that of the certificate (at --tls-key)',
  ],
  [['--upstream-ca', `${FOLDER}ca.pem`], 'add --upstream-tls'],
  [['--upstream-tls', '--upstream-ca', '/no/such.pem'], '/no/such.pem does not exist (at --upstream-ca)'],
])('%j', async (flags, message) => {
  for (const workers of ['1', '2']) {
    const ended = await runProcess([...NOWHERE, ...flags, '--workers', workers]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(message);
    expect(ended.stderr).toMatch(/Fix: /);
  }
});

it('a logical name of DNS is what the certificate must hold, whatever its address', async () => {
  const port = (await startTlsInstance()).split(':')[1] as string;
  const addresses = { ttl: 60, addresses: ['127.0.0.1'] };
  const dns = await startDns({ 'localhost.test A': addresses, 'localhost A': addresses });
  toEnd.push(() => dns.close());
  const follow = async (name: string): Promise<SidecarProcess> => {
    const folder = mkdtempSync(join(tmpdir(), 'meshwright-tls-'));
    toEnd.push(() => rmSync(folder, { recursive: true }));
    const discovery = { kind: 'dns', name, port: Number(port), server: dns.address, dialect: 'logical' };
    writeFileSync(join(folder, 'sidecar.yaml'), JSON.stringify({ discovery }));
    return start(['--config', join(folder, 'sidecar.yaml'), ...UPSTREAM]);
  };
  const held = await follow('localhost');
  expect(await unary(connectTo(held), 'x')).toMatchObject({ code: 0, body: 'x' });
  const other = await follow('localhost.test');
  const { code, details } = await unary(connectTo(other), 'x');
  expect(code).toBe(14);
  expect(details).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
});

function connectTo({ listen: address }: SidecarProcess) {
  const client = connect(address);
  toEnd.push(() => client.close());
  return client;
}
