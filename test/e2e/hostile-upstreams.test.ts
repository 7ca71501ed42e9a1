/**
 * The table of hostile upstreams against a sidecar process over sockets: each row's status and counter, then any mix of
 * them; and when the dust has settled every gauge of `/stats` is at zero and every socket is gone.
 */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HostilePeer } from '../attacks/hostile-peer.ts';
import { HOSTILE_UPSTREAMS, type HostileUpstream, tooFew } from '../attacks/hostile-upstreams.ts';
import { type SidecarProcess, expectQuiet, startProcess, until } from './sidecar-kit.ts';

const MESSAGE = Buffer.from([0, 0, 0, 0, 2, 104, 105]);
const DEADLINE_MS = 700;
/** One row's deadline comes before its connection's; the row whose connection never comes about is the other way round. */
const CONNECT_MS = 300;

/** A server that carries out one row; null is an honest one, which echoes. */
class Upstream {
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server;

  constructor(row: HostileUpstream | null) {
    const http = http2.createServer();
    http.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.pipe(stream);
    });
    http.on('sessionError', () => {});
    this.#server =
      row === null ? http : net.createServer({ allowHalfOpen: true }, (socket) => meet(socket, row));
    this.#server.on('connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function meet(socket: net.Socket, row: HostileUpstream): void {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  const peer = new HostilePeer(row, (step) => {
    if (socket.destroyed) return;
    if (step === 'FIN') socket.end();
    else if (step === 'RST') socket.resetAndDestroy();
    else if (!socket.writableEnded) socket.write(step);
  });
  socket.on('data', (octets: Buffer) => peer.hear(octets));
  // Half of it stays open for as long as the sidecar likes.
  socket.on('end', () => socket.end());
  peer.greet();
}

/** The grpc-status that a caller gets; -1: none, the stream was reset. */
function call(
  session: http2.ClientHttp2Session,
  message: Buffer,
  request: 'ended' | 'open',
  deadlineMs: number,
): Promise<{ status: number; bytes: number }> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/my_service.MyService/MyMethod',
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${deadlineMs}m`,
  });
  return new Promise((resolve) => {
    let status = -1;
    let bytes = 0;
    const told = (head: http2.IncomingHttpHeaders): void => {
      // What is no number is UNKNOWN to callers.
      if (head['grpc-status'] !== undefined)
        status = Number(head['grpc-status']) || (head['grpc-status'] === '0' ? 0 : 2);
    };
    stream.on('response', told);
    stream.on('trailers', told);
    stream.on('data', (octets: Buffer) => (bytes += octets.length));
    stream.on('error', () => {});
    stream.on('close', () => resolve({ status, bytes }));
    if (request === 'ended') stream.end(message);
    else stream.write(message);
  });
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function begin(rows: readonly (HostileUpstream | null)[], flags: readonly string[]) {
  const upstreams = rows.map((row) => new Upstream(row));
  const addresses = await Promise.all(upstreams.map((upstream) => upstream.listen()));
  const sidecar = await startProcess([
    ...['--upstream', addresses.join(), '--connect-timeout-ms', String(CONNECT_MS)],
    ...flags,
  ]);
  const session = http2.connect(`http://${sidecar.listen}`);
  session.on('error', () => {});
  await once(session, 'connect');
  const end = async (): Promise<void> => {
    session.destroy();
    for (const upstream of upstreams) upstream.close();
  };
  return { sidecar, session, end };
}

/** Sockets of the process that are nobody's connection: its ports, and the question for `/stats` itself. */
async function otherSockets(sidecar: SidecarProcess): Promise<number> {
  const { connectionsDownstream, connectionsUpstream } = await sidecar.stats();
  const folder = `/proc/${sidecar.child.pid}/fd`;
  const names = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      return '';
    }
  });
  const sockets = names.filter((name) => name.startsWith('socket:')).length;
  return sockets - (connectionsDownstream ?? 0) - (connectionsUpstream ?? 0);
}

/** What differs in a code alone, or in a request that goes on, is the machine's affair: memory is enough. */
const OVER_SOCKETS = HOSTILE_UPSTREAMS.filter(
  ({ name }) => !/^RST_STREAM (?!(0|2|7|8|11) )/.test(name) && !name.endsWith('request open'),
);

describe('an upstream that', { timeout: 30_000 }, () => {
  test.concurrent.each(OVER_SOCKETS.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const { sidecar, session, end } = await begin([row], ['--retry-attempts', '1']);
    try {
      const { status } = await call(session, MESSAGE, row.request ?? 'ended', DEADLINE_MS);
      expect(status).toBe(row.status);
      await until('its counters', async () => tooFew(row, await sidecar.stats()).length === 0, 3_000).catch(
        async (error) => {
          throw new Error(`${error}: ${tooFew(row, await sidecar.stats()).join(' ')}`);
        },
      );
      const { callsByStatus } = (await sidecar.stats()) as unknown as { callsByStatus: number[] };
      expect(callsByStatus[row.status]).toBe(1);
      if (row.holdsHalf !== true) await expectQuiet(sidecar);
      await end();
      await expectQuiet(sidecar);
    } finally {
      await end();
      await sidecar.kill();
    }
  });
});

test('TE-06: all of them together beside an honest one, over and over: then nothing is left', {
  timeout: 60_000,
}, async () => {
  const rows = [...HOSTILE_UPSTREAMS.filter((_, index) => index % 4 === 0), null];
  const { sidecar, session, end } = await begin(rows, [
    '--retry-attempts',
    '3',
    '--limit',
    'server.resetBurst=100000',
  ]);
  cleanups.push(() => sidecar.kill(), end);
  const others = await otherSockets(sidecar);
  for (let round = 0; round < 4; round++) {
    const calls = Array.from({ length: 60 }, (_, i) =>
      call(
        session,
        Buffer.alloc([0, 7, 5_000, 100_000][i % 4] as number),
        i % 7 === 0 ? 'open' : 'ended',
        40 + ((i * 37) % 500),
      ),
    );
    for (const { status } of await Promise.all(calls)) {
      expect(status).toBeGreaterThanOrEqual(0);
      expect(status).toBeLessThanOrEqual(16);
    }
  }
  const { callsStarted, callsEnded } = await sidecar.stats();
  expect([callsStarted, callsEnded]).toEqual([240, 240]);
  await end();
  await expectQuiet(sidecar);
  await until('all connections gone', async () => {
    const { connectionsDownstream, connectionsUpstream } = await sidecar.stats();
    return connectionsDownstream === 0 && connectionsUpstream === 0;
  });
  await until('all sockets gone', async () => (await otherSockets(sidecar)) <= others);
});
