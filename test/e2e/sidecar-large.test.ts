/** Large bodies through a real sidecar, both ways at once: each octet in its place, though readers stop and go on. */
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Connection } from '../../proxy/wire/connection.ts';
import { headerBlock } from '../../proxy/wire/headers.ts';
import { SidecarProcess, expectQuiet } from './sidecar-kit.ts';

const PIECE_BYTES = 100_000;
const PIECES = 40;
const STREAMS = 8;
const DOWN = '/t.T/Down';
/** More than the system buffers between two sockets. */
const DOWN_PIECES = 600;
const HEAD = { ':method': 'POST', ':path': '/t.T/Echo', te: 'trailers', 'content-type': 'application/grpc' };

/** Gives back what it gets. */
const far = createServer({ settings: { initialWindowSize: 1 << 20 } });
far.on('stream', (stream, headers) => {
  stream.respond(
    { ':status': 200, 'content-type': String(headers['content-type']) },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.on('error', () => stream.destroy());
  if (headers[':path'] === DOWN) void sendDown(stream);
  else stream.pipe(stream);
});

async function sendDown(stream: ServerHttp2Stream): Promise<void> {
  for (let piece = 0; piece < DOWN_PIECES; piece++) {
    if (!stream.write(pieceOf(piece))) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
}

function pieceOf(piece: number): Buffer {
  const bytes = Buffer.alloc(PIECE_BYTES);
  for (let at = 0; at < PIECE_BYTES; at += 4) bytes.writeInt32LE(piece * PIECE_BYTES + at, at);
  return bytes;
}

let sidecar: SidecarProcess;
beforeAll(async () => {
  await new Promise<void>((resolve) => far.listen(0, '127.0.0.1', resolve));
  const upstream = `127.0.0.1:${(far.address() as AddressInfo).port}`;
  const flags = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--upstream', upstream];
  sidecar = await new SidecarProcess(flags, 'direct', ['ignore', 'pipe', 'pipe']).ready();
});
afterAll(async () => {
  await sidecar.kill();
  far.close();
});

it(`${STREAMS} streams of ${(PIECES * PIECE_BYTES) / 1e6} MB on 2 connections come back as they went`, async () => {
  const sessions = [1 << 16, 1 << 20].map((initialWindowSize) =>
    connect(`http://${sidecar.listen}`, { settings: { initialWindowSize } }),
  );
  const all = Array.from({ length: STREAMS }, async (_, index) => {
    const stream = (sessions[index % 2] as (typeof sessions)[0]).request(HEAD);
    const [sent, got] = [createHash('sha256'), createHash('sha256')];
    let length = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        got.update(chunk as Buffer);
        length += (chunk as Buffer).length;
        // Some readers are slow, so that windows and the system's buffers fill.
        if (index % 3 === 0 && length % 7 === 0) await sleep(2);
      }
    })();
    for (let piece = 0; piece < PIECES; piece++) {
      const bytes = pieceOf((index << 8) + piece);
      sent.update(bytes);
      if (!stream.write(bytes)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
    await reading;
    return { length, same: got.digest('hex') === sent.digest('hex') };
  });
  const whole = { length: PIECES * PIECE_BYTES, same: true };
  expect(await Promise.all(all)).toEqual(Array.from({ length: STREAMS }, () => whole));
  for (const session of sessions) session.close();
  await expectQuiet(sidecar);
});

it('a caller that leaves its window open and its socket full gets all octets as they were', async () => {
  const [sent, got] = [createHash('sha256'), createHash('sha256')];
  for (let piece = 0; piece < DOWN_PIECES; piece++) sent.update(pieceOf(piece));
  const [host, port] = sidecar.listen.split(':');
  const socket = connectTcp({ host: host as string, port: Number(port) });
  let length = 0;
  const ended = new Promise<void>((resolve, reject) => {
    const events = {
      onHeaders() {},
      onData(_: unknown, bytes: Uint8Array) {
        got.update(bytes);
        length += bytes.length;
      },
      onTrailers: () => resolve(),
      onReset: (_: unknown, code: number) => reject(new Error(`reset with ${code}`)),
      onDrained() {},
      onCapacity() {},
      onClose: (reason: string) => reject(new Error(reason)),
    };
    const all = 1 << 28;
    const wide = { firstWindowBytes: all, streamWindowBytes: all, connectionWindowBytes: all };
    const connection = new Connection('client', events, wide);
    const fields = Object.entries({ ':scheme': 'http', ':authority': 'localhost', ...HEAD, ':path': DOWN });
    connection.openStream(null, headerBlock(fields), -1, 0, true);
    socket.on('data', (chunk) => {
      connection.handleBytes(chunk);
      if (connection.hasOutput) socket.write(connection.takeOutput());
      // Full buffers on the way, again and again.
      socket.pause();
      setTimeout(() => socket.resume(), length % (1 << 22) < chunk.length ? 100 : 0);
    });
    socket.on('error', reject);
    socket.write(connection.takeOutput());
  });
  await ended;
  socket.destroy();
  expect(length).toBe(DOWN_PIECES * PIECE_BYTES);
  expect(got.digest('hex')).toBe(sent.digest('hex'));
  await expectQuiet(sidecar);
});
