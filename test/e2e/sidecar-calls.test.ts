/** Calls through a spawned sidecar: cancel, deadline, metadata, trailers-only, back-pressure, retries; nothing is left over. */
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { connect, expectQuiet, startInstance, startProcess, unary, until } from './sidecar-kit.ts';
import type { Instance, SidecarProcess } from './sidecar-kit.ts';

const MIB = 1 << 20;
const seen = { cancelled: 0, metadata: new grpc.Metadata(), deadlineMs: 0, calls: 0, writtenBytes: 0 };
let instance: Instance;
let sidecar: SidecarProcess;
let client: any;

/** What the instance does is in the body. */
function handle(call: any, done: any): void {
  seen.calls++;
  seen.metadata = call.metadata;
  seen.deadlineMs = Number(call.getDeadline()) - Date.now();
  call.on('cancelled', () => seen.cancelled++);
  const what = call.request.toString();
  if (what === 'mute') return;
  if (what === 'refuse')
    return done({ code: 9, details: 'no: ünlucky %', metadata: trailers('t', 'refused') });
  call.sendMetadata(trailers('h', 'head'));
  done(null, call.request, trailers('t', 'tail'));
}

function trailers(name: string, value: string): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.add(`${name}-dup`, `${value}1`);
  metadata.add(`${name}-dup`, `${value}2`);
  metadata.add(`${name}-raw-bin`, Buffer.from([0, 255, 1]));
  metadata.add(`${name}-raw-bin`, Buffer.from([254]));
  return metadata;
}

beforeAll(async () => {
  instance = await startInstance({
    Unary: handle,
    Down: (call: any) => {
      const piece = Buffer.alloc(64 * 1_024, 'x');
      const total = Number(call.request.toString()) * MIB;
      let sent = 0;
      const more = (): void => {
        while (sent < total) {
          sent += piece.length;
          seen.writtenBytes = sent;
          if (!call.write(piece)) return void call.once('drain', more);
        }
        call.end();
      };
      more();
    },
    Up: (call: any, done: any) => call.on('cancelled', () => seen.cancelled++) && call.resume() && void done,
    Both: (call: any) => {
      call.on('cancelled', () => seen.cancelled++);
      call.on('data', (piece: Buffer) => call.write(piece));
      call.on('end', () => call.end());
    },
  });
  sidecar = await startProcess(['--upstream', instance.address], 'command');
  client = connect(sidecar.listen);
});

afterEach(() => expectQuiet(sidecar));

afterAll(async () => {
  client?.close();
  await sidecar?.kill();
  instance?.server.forceShutdown();
});

it.each(['Unary', 'Down', 'Up', 'Both'])('a cancel of a %s call reaches the instance', async (name) => {
  if (name === 'Down') return void (await cancelWhileReading());
  const before = seen.cancelled;
  const calls = seen.calls;
  const stream = name === 'Unary' ? client.Unary(Buffer.from('mute'), () => {}) : client[name](() => {});
  stream.on('error', () => {});
  if (name !== 'Unary') stream.write(Buffer.from('one'));
  if (name === 'Unary') await until('the call arrived', () => seen.calls > calls);
  else await until('the call went up', async () => (await sidecar.stats())['attemptsAlive'] === 1);
  stream.cancel();
  await until('the instance saw the cancel', () => seen.cancelled > before);
});

async function cancelWhileReading(): Promise<void> {
  const stream = client.Down(Buffer.from('50'));
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('data', resolve));
  stream.cancel();
  await expectQuiet(sidecar);
  const written = seen.writtenBytes;
  expect(written).toBeLessThan(50 * MIB);
}

it('the deadline on the wire shrinks, and is enforced against an instance that says nothing', async () => {
  await unary(client, 'hi', { deadlineMs: 5_000 });
  expect(seen.deadlineMs).toBeGreaterThan(0);
  expect(seen.deadlineMs).toBeLessThanOrEqual(5_000);
  // The caller's library enforces its deadline too: this one says it only to the sidecar.
  const metadata = new grpc.Metadata();
  metadata.set('grpc-timeout', '150m');
  let resets = 0;
  const mute = createHttp2().on('stream', (stream) =>
    stream.on('error', () => {}).on('close', () => resets++),
  );
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const other = await startProcess(['--upstream', address]);
  const caller = connect(other.listen);
  try {
    const late = await unary(caller, 'x', { metadata });
    expect(late.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(late.details).toContain(`waiting for ${address}`);
    await until('the endpoint was told', () => resets === 1);
    await expectQuiet(other);
  } finally {
    caller.close();
    await other.kill();
    mute.close();
  }
});

it('metadata keeps duplicates, their order and binary values, in all three places', async () => {
  const metadata = trailers('r', 'request');
  let head = new grpc.Metadata();
  const tail = await new Promise<grpc.Metadata>((resolve) => {
    const call = client.Unary(Buffer.from('hi'), metadata, () => {});
    call.on('metadata', (value: grpc.Metadata) => (head = value));
    call.on('status', (status: grpc.StatusObject) => resolve(status.metadata));
  });
  for (const [block, name, value] of [
    [seen.metadata, 'r', 'request'],
    [head, 'h', 'head'],
    [tail, 't', 'tail'],
  ] as const) {
    expect(block.get(`${name}-dup`).join(', ')).toBe(`${value}1, ${value}2`);
    expect(block.get(`${name}-raw-bin`)).toEqual([Buffer.from([0, 255, 1]), Buffer.from([254])]);
  }
});

it('a refusal keeps status, message and trailers', async () => {
  const refused = await unary(client, 'refuse');
  expect(refused).toMatchObject({ code: 9, details: 'no: ünlucky %' });
  expect(refused.trailers.get('t-dup').join(', ')).toBe('refused1, refused2');
});

it('a caller that does not read holds the writer back; memory stays bounded; then all 100 MiB come', async () => {
  const before = sidecar.residentBytes;
  seen.writtenBytes = 0;
  // grpc-js takes whatever comes, read or not; a bare HTTP/2 client leaves its window shut.
  const session = connectHttp2(`http://${sidecar.listen}`);
  const head = {
    ':method': 'POST',
    ':path': '/t.T/Down',
    te: 'trailers',
    'content-type': 'application/grpc',
  };
  const stream = session.request(head);
  stream.end(Buffer.from([0, 0, 0, 0, 3, ...Buffer.from('100')]));
  await until('the writer is held back', async () => {
    const now = seen.writtenBytes;
    await new Promise((resolve) => setTimeout(resolve, 150));
    return now > 0 && seen.writtenBytes === now;
  });
  expect(seen.writtenBytes).toBeLessThan(16 * MIB);
  expect(sidecar.residentBytes - before).toBeLessThan(32 * MIB);
  let received = 0;
  let trailerStatus: unknown;
  stream.on('trailers', (block) => (trailerStatus = block['grpc-status']));
  for await (const piece of stream) received += (piece as Buffer).length;
  expect(received).toBe(100 * MIB + (100 * MIB * 5) / 65_536);
  expect(trailerStatus).toBe('0');
  expect(sidecar.residentBytes - before).toBeLessThan(64 * MIB);
  session.close();
});
