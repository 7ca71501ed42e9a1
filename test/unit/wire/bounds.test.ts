/** Bounds that no flood shows: commands never cause events, ids end, idleness ends, a full output stops new streams. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { Connection } from '../../../proxy/wire/connection.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';
import { Drive, PREFACE, REQUEST, call, data, frame, frames, headers, settings, uint32 } from './kit.ts';

const ping = frame(6, 0, 0, Buffer.alloc(8));
const REPLY: readonly [string, string][] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

async function collectGarbage(): Promise<void> {
  // Whoever made a weak reference keeps what it refers to for this turn.
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('client role', () => {
  test('resets by command cause no event, however many wait unread', () => {
    const drive = new Drive({ role: 'client', take: false });
    drive.feed(settings([3, 100_000]));
    for (let round = 0; round < 3; round++) {
      const streams = Array.from({ length: 1_000 }, () =>
        drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, true),
      );
      for (const stream of streams) drive.connection.resetStream(stream, 8);
    }
    expect(drive.events).not.toContain('close');
    expect(drive.connection.closing).toBe(false);
  });

  test('streams that end while the connection window is shut are let go of', async () => {
    const drive = new Drive({ role: 'client' });
    const begin = (octets: number): LinkStream => {
      const stream = drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, false);
      drive.connection.sendData(stream, new Uint8Array(octets), false);
      return stream;
    };
    const waits = [begin(65_535), begin(1)];
    const ended: WeakRef<LinkStream>[] = [];
    for (let i = 0; i < 1_000; i++) {
      const stream = begin(1);
      drive.connection.resetStream(stream, 8);
      ended.push(new WeakRef(stream));
      drive.take();
    }
    await collectGarbage();
    expect(ended.filter((stream) => stream.deref() !== undefined).length).toBeLessThan(100);
    expect(waits.map(({ queuedBytes }) => queuedBytes)).toEqual([0, 1]);
    drive.feed(frame(8, 0, 0, uint32(1)));
    expect(waits.map(({ queuedBytes }) => queuedBytes)).toEqual([0, 0]);
  });

  test('an output that nobody takes has no room for new streams; taking it makes room', () => {
    const drive = new Drive({ role: 'client', take: false, limits: { outputBytesMax: 10_000 } });
    const capacity = drive.connection.streamCapacity;
    expect(capacity).toBe(1_000);
    for (let i = 0; i < 1_000 && drive.connection.streamCapacity > 0; i++) {
      drive.connection.openStream(null, headerBlock([...REQUEST, ['x-i', `${i}`.padEnd(200)]]), -1, 0, true);
    }
    expect(drive.connection.outputBytes).toBeLessThan(11_000);
    drive.events.length = 0;
    drive.take();
    expect(drive.events).toContain('capacity false');
  });

  test('without ids the machine is told, once, that no stream will come', () => {
    const drive = new Drive({ role: 'client', limits: { streamIdMax: 5 }, open: 2 });
    drive.take();
    drive.feed(ping);
    expect(drive.connection.streamCapacity).toBe(0);
    expect(drive.events.filter((event) => event === 'capacity true')).toHaveLength(1);
  });
});

describe('PINGs of a gRPC client', () => {
  const paced = (gRpc: boolean, between: Buffer[], count: number): number => {
    const drive = new Drive({ nowNs: (piece) => piece * 1e9, answer: false });
    drive.feed(gRpc ? headers(1, REQUEST, false) : headers(1, REQUEST.slice(0, 4), false));
    for (let i = 0; i < count; i++) drive.feed(ping, ...between);
    return drive.goAway;
  };
  test('two too soon are forgiven, the third is not; plain HTTP/2 may', () => {
    expect(paced(true, [], 3)).toBe(-1);
    expect(paced(true, [], 4)).toBe(11);
    expect(paced(false, [], 100)).toBe(-1);
  });
  test('a call in between makes up for it', () => {
    const drive = new Drive({ nowNs: (piece) => piece * 1e9 });
    for (let i = 0; i < 20; i++) drive.feed(ping, call(2 * i + 1));
    expect(drive.goAway).toBe(-1);
  });
});

describe('idleness', () => {
  const at = (drive: Drive, seconds: number): void => {
    drive.connection.nowNs = seconds * 1e9;
    if (drive.connection.nextTimeoutNs <= seconds * 1e9) drive.connection.handleTimeout();
    drive.take();
  };
  test('a stream on which something moves lives, a quiet one is reset between 300 and 450 s', () => {
    const drive = new Drive({ answer: false });
    drive.feed(frame(4, 1, 0), headers(1, REQUEST, false), headers(3, REQUEST, false));
    for (let second = 0; second <= 450; second += 5) {
      at(drive, second);
      if (second % 200 === 100) {
        drive.connection.handleBytes(data(3, 20));
      }
      if (second < 300) expect(drive.resets.size).toBe(0);
    }
    expect([...drive.resets]).toEqual([[1, 8]]);
  });
  test('a connection with a call stays, one without ends with NO_ERROR', () => {
    const drive = new Drive({ limits: { streamIdleTimeoutMs: 3_600_000 }, answer: false });
    drive.feed(frame(4, 1, 0), headers(1, REQUEST, false));
    for (let second = 0; second <= 3_000; second += 100) at(drive, second);
    expect(drive.goAway).toBe(-1);
    drive.feed(frame(3, 0, 1, uint32(8)));
    for (let second = 3_000; second <= 6_000; second += 100) at(drive, second);
    expect([drive.goAway, drive.goAwayText]).toEqual([0, 'idle']);
  });
});

describe('the first window', () => {
  const reply = headers(1, REPLY, false);
  const opened = () => new Drive({ role: 'client', open: 1, consume: false, take: false });
  const increments = (drive: Drive) =>
    drive
      .take()
      .filter(({ type }) => type === 8)
      .map(({ id, payload }) => [id, payload.readUInt32BE(0)]);
  const read = (drive: Drive, byteCount: number) => {
    drive.feed(data(1, byteCount));
    drive.connection.consume(drive.streams[0] as LinkStream, byteCount);
  };

  test('is what SETTINGS announce to an endpoint', () => {
    const drive = new Drive({ role: 'client', take: false });
    const [first] = drive.take();
    const pairs = first?.payload.toString('hex').match(/.{12}/g);
    expect(pairs).toContain('000400002000');
  });

  test('is credited by halves until it is widened, once', () => {
    const drive = opened();
    const stream = drive.streams[0] as LinkStream;
    drive.feed(reply);
    drive.take();
    read(drive, 4_000);
    expect(stream.narrow).toBe(false);
    read(drive, 1_000);
    expect(stream.narrow).toBe(true);
    drive.connection.widen(stream);
    expect(stream.narrow).toBe(false);
    expect(increments(drive)).toEqual([
      [1, 5_000],
      [1, 65_536 - 8_192],
    ]);
    drive.connection.widen(stream);
    read(drive, 16_384);
    expect(increments(drive)).toEqual([]);
    read(drive, 16_384);
    expect(increments(drive)).toEqual([[1, 32_768]]);
  });

  test('widens with what was consumed, and not where the response has ended or windows are equal', () => {
    const drive = opened();
    drive.feed(reply);
    drive.take();
    read(drive, 100);
    drive.connection.widen(drive.streams[0] as LinkStream);
    expect(increments(drive)).toEqual([[1, 65_536 - 8_192 + 100]]);
    const ended = opened().feed(reply, data(1, 5, true));
    ended.take();
    ended.connection.widen(ended.streams[0] as LinkStream);
    expect(increments(ended)).toEqual([]);
    const equal = new Drive({ role: 'client', open: 1, limits: { firstWindowBytes: 65_536 } }).feed(reply);
    equal.take();
    equal.connection.widen(equal.streams[0] as LinkStream);
    expect(increments(equal)).toEqual([]);
  });

  test('nothing of the connection window is taken before SETTINGS, nor of that which they widen', () => {
    const drive = new Drive({ preface: false });
    expect(drive.connection.windowTakenBytes).toBe(0);
    drive.feed(PREFACE, settings());
    expect(drive.connection.windowTakenBytes).toBe(0);
    drive.feed(headers(1, REQUEST, false), data(1, 7));
    expect(drive.connection.windowTakenBytes).toBe(0);
    const unread = new Drive({ consume: false }).feed(headers(1, REQUEST, false), data(1, 7));
    expect(unread.connection.windowTakenBytes).toBe(7);
  });

  test('nothing is credited any more once the connection has ended, not even by a stream that is still to hear of it', () => {
    const events: LinkEvents = {
      onHeaders() {},
      onData() {},
      onTrailers() {},
      onReset: () => streams.forEach((stream) => client.consume(stream, 5_000)),
      onDrained() {},
      onCapacity() {},
      onClose() {},
    };
    const client: Connection = new Connection('client', events);
    const streams = [1, 3].map(() => client.openStream(null, headerBlock(REQUEST), -1, 0, true));
    client.handleBytes(
      Buffer.concat([settings(), reply, data(1, 5_000), headers(3, REPLY, false), data(3, 5_000)]),
    );
    client.takeOutput();
    client.handleEof();
    expect(frames(Buffer.from(client.takeOutput())).map(({ type }) => type)).toEqual([]);
  });

  test('a peer reads while little waits to be written', () => {
    const drive = new Drive({ take: false, answer: false });
    drive.feed(call(1));
    const stream = drive.streams[0] as LinkStream;
    expect(drive.connection.peerReads).toBe(true);
    drive.connection.sendHeaders(stream, headerBlock([[':status', '200']]), false);
    drive.connection.sendData(stream, new Uint8Array(30_000), false);
    expect(drive.connection.peerReads).toBe(false);
    drive.take();
    expect(drive.connection.peerReads).toBe(true);
  });
});
