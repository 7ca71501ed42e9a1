/** What RFC 9113 demands of frames and of the connection, as far as no row of attacks shows it; names carry the section. */
import { describe, expect, test } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkStream } from '../../../proxy/wire/link.ts';
import { ack, ping, reset, wide } from '../../attacks/bytes.ts';
import {
  Drive,
  type Frame,
  PREFACE,
  REQUEST,
  RESPONSE,
  block,
  call,
  data,
  frame,
  frames,
  headers,
  settings,
  uint32,
} from './kit.ts';

const first = (drive: Drive): LinkStream => drive.streams[0] as LinkStream;
const quiet = (): Drive => new Drive({ answer: false }).feed(ack);
const open = (drive: Drive, end = true): LinkStream =>
  drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, end);
const big = headerBlock([...REQUEST, ['x-big', 'b'.repeat(40_000)]]);
const sentFrames = (drive: Drive): Frame[] => frames(drive.output);

describe('opening', () => {
  test('3.4 a client begins with its preface and SETTINGS, a server with SETTINGS', () => {
    const client = new Drive({ role: 'client' });
    expect(client.output.subarray(0, 24).equals(PREFACE)).toBe(true);
    for (const drive of [client, new Drive()]) {
      expect(sentFrames(drive)[0]).toMatchObject({ type: 4, flags: 0, id: 0 });
    }
  });

  test('3.4 SETTINGS come before GOAWAY also where nothing was received, and once', () => {
    for (const end of ['goAway', 'close'] as const) {
      const drive = new Drive({ role: 'server', preface: false });
      if (end === 'close') drive.connection.close();
      else drive.connection.goAway(0, false);
      drive.take();
      expect(sentFrames(drive).map(({ type }) => type)).toEqual([4, 8, 7]);
      if (end === 'close') continue;
      drive.feed(PREFACE, settings());
      expect(sentFrames(drive).map(({ type }) => type)).toEqual([4, 8, 7, 4]);
    }
  });

  test('3.4, 6.5.3 SETTINGS are acknowledged after our own, each once, and an ACK is not', () => {
    for (const role of ['server', 'client'] as const) {
      const drive = new Drive({ role }).feed(settings([3, 5]), settings(), ack);
      const flags = sentFrames(drive).filter(({ type }) => type === 4);
      expect(flags.map((each) => each.flags)).toEqual([0, 1, 1, 1]);
      expect(flags.slice(1).every(({ payload }) => payload.length === 0)).toBe(true);
    }
  });

  test('6.5.2 a server never mentions push, a client forbids it; what is announced is within its range', () => {
    const announced = (drive: Drive): Map<number, number> => {
      const { payload } = sentFrames(drive)[0] as Frame;
      const entries = Array.from({ length: payload.length / 6 }, (_, n): [number, number] => [
        payload.readUInt16BE(n * 6),
        payload.readUInt32BE(n * 6 + 2),
      ]);
      return new Map(entries);
    };
    const server = announced(new Drive());
    const client = announced(new Drive({ role: 'client' }));
    expect([server.has(2), client.get(2)]).toEqual([false, 0]);
    for (const all of [server, client]) {
      expect(all.get(4)).toBeLessThanOrEqual(0x7fffffff);
      expect(all.get(5) ?? 16_384).toBe(16_384);
    }
  });
});

describe('frames', () => {
  test('4.1 unused flags and the reserved bit are ignored', () => {
    const drive = quiet();
    drive.feed(frame(4, 0xfe, 0), frame(6, 0xfe, 0x80000000, Buffer.alloc(8)));
    drive.feed(frame(1, 0x05 | 0xd2, 0x80000001, block(REQUEST)), frame(8, 0xff, 0x80000001, uint32(1)));
    drive.feed(frame(3, 0xff, 0x80000001, uint32(8)));
    expect([drive.goAway, drive.events]).toEqual([-1, ['headers 1 6 true', 'reset 1 8 false']]);
  });

  test('4.1, 6.1 nothing that is sent has an unused flag, padding, the reserved bit or an unknown type', () => {
    const allowed = [0x1, 0x5, 0, 0, 0x1, 0, 0x1, 0, 0, 0x4];
    const server = new Drive().feed(
      settings([4, 10]),
      call(1),
      headers(3, REQUEST, false),
      data(3, 9, true),
      ping,
    );
    const client = new Drive({ role: 'client', open: 3 }).feed(
      headers(1, [[':status', '200']]),
      ping,
      reset(3),
    );
    client.connection.openStream(null, big, 1e9, 1, true);
    client.connection.ping();
    client.connection.goAway(0, true);
    client.take();
    for (const drive of [server, client]) {
      const all = sentFrames(drive);
      expect(all.length).toBeGreaterThan(5);
      for (const { type, flags, id } of all) {
        expect(type).toBeLessThan(10);
        expect(flags & ~(allowed[type] as number), `type ${type}`).toBe(0);
        expect(id).toBeLessThan(0x80000000);
      }
    }
  });

  test('4.1, 4.2 frames of 16,384 octets are taken; none larger is sent, whatever the peer allows', () => {
    const drive = quiet().feed(
      settings([5, 0xffffff], [4, 1_000_000]),
      wide(0, 1_000_000),
      headers(1, REQUEST, false),
    );
    drive.feed(data(1, 16_384, true));
    expect(drive.events.at(-1)).toBe('data 1 16384 true');
    drive.connection.sendHeaders(first(drive), RESPONSE, false);
    drive.connection.sendData(first(drive), new Uint8Array(100_000), true);
    const sizes = drive.take().map(({ payload }) => payload.length);
    expect(Math.max(...sizes)).toBe(16_384);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(100_000);
    const small = new Drive({ role: 'client', open: 1 });
    small.connection.openStream(null, big, -1, 0, true);
    expect(Math.max(...small.take().map(({ payload }) => payload.length))).toBe(16_384);
  });

  test('4.2 a frame too short for what it must hold: FRAME_SIZE_ERROR of the connection', () => {
    const short = [
      headers(1, REQUEST, false),
      frame(1, 0x24, 3, Buffer.alloc(4)),
      frame(1, 0x0c, 3),
      frame(8, 0, 0, Buffer.alloc(3)),
      frame(8, 0, 1, Buffer.alloc(5)),
      frame(3, 0, 1, Buffer.alloc(5)),
      frame(7, 0, 0, Buffer.alloc(4)),
    ];
    for (const octets of short.slice(1)) {
      expect(quiet().feed(short[0] as Buffer, octets).goAway, octets.toString('hex')).toBe(6);
    }
  });

  test('4.3, 6.2, 6.10 a block above the frame size leaves as HEADERS and CONTINUATION in one row', () => {
    const drive = new Drive({ role: 'client' });
    const upload = open(drive, false);
    drive.connection.sendData(upload, new Uint8Array(50), false);
    drive.connection.openStream(null, big, -1, 0, true);
    drive.connection.sendData(upload, new Uint8Array(50), true);
    const sent = drive.take().filter(({ id }) => id > 0);
    const at = sent.findIndex(({ id, type }) => id === 3 && type === 1);
    expect(sent.slice(at, at + 3).map(({ type, flags, id }) => [type, flags, id])).toEqual([
      [1, 1, 3],
      [9, 0, 3],
      [9, 4, 3],
    ]);
    const server = new Drive({ limits: { headerListBytesMax: 100_000 } });
    server.feed(Buffer.concat(sent.map(({ type, flags, id, payload }) => frame(type, flags, id, payload))));
    expect(server.events).toContain('headers 3 7 true');
  });

  test.each([
    ['5.5, 6.2 an unknown frame', frame(0xfa, 0, 0)],
    ['6.2 a frame of the stream itself', data(1, 1)],
    ['6.2 HEADERS of another stream', headers(3, [['x', 'y']])],
    ['6.10 CONTINUATION of another stream', frame(9, 4, 3)],
    ['6.10 CONTINUATION on stream 0', frame(9, 4, 0)],
    ['6.5 SETTINGS', settings()],
  ])('inside a block: %s is a connection error', (_, octets) => {
    const drive = quiet().feed(headers(1, REQUEST, false), headers(3, REQUEST, false));
    drive.feed(frame(1, 1, 1, block([['x', 'y']])), octets);
    expect([drive.goAway, drive.goAwayText]).toEqual([1, 'frame inside a header block']);
  });

  test.each([
    ['6.1 DATA', data(0, 1)],
    ['6.2 HEADERS', headers(0, REQUEST)],
    ['6.3 PRIORITY', frame(2, 0, 0, Buffer.alloc(5))],
    ['6.4 RST_STREAM', reset(0)],
    ['6.10 CONTINUATION', frame(9, 4, 0)],
  ])('%s on stream 0 is a connection error', (_, octets) => {
    const drive = quiet().feed(octets);
    expect(drive.goAway).toBe(1);
    expect(drive.goAwayText).toMatch(/on stream 0$|^CONTINUATION without HEADERS$/);
  });

  test.each([
    ['6.5 SETTINGS', frame(4, 0, 1)],
    ['6.7 PING', frame(6, 0, 1, Buffer.alloc(8))],
    ['6.8 GOAWAY', frame(7, 0, 1, Buffer.alloc(8))],
  ])('%s on a stream is a connection error', (_, octets) => {
    expect(quiet().feed(headers(1, REQUEST, false), octets).goAway).toBe(1);
  });

  test('6.1 padding counts for the windows, is given back, and reaches nobody', () => {
    const drive = quiet().feed(headers(1, REQUEST, false));
    const padded = frame(0, 0x8, 1, Buffer.concat([Buffer.from([200, 0x61]), Buffer.alloc(200)]));
    for (let i = 0; i < 6_000; i++) drive.feed(padded);
    expect(drive.goAway).toBe(-1);
    expect(new Set(drive.events.slice(1))).toEqual(new Set(['data 1 1 false']));
  });

  test('6.2 padding longer than HEADERS: connection error; a block that is all padding is only empty', () => {
    expect(quiet().feed(frame(1, 0x0c, 1, Buffer.from([2, 0]))).goAway).toBe(1);
    const empty = quiet().feed(frame(1, 0x0d, 1, Buffer.from([1, 0])));
    expect([empty.goAway, empty.resets.get(1)]).toEqual([-1, 1]);
    const fine = Buffer.concat([Buffer.from([3]), block(REQUEST), Buffer.alloc(3)]);
    expect(quiet().feed(frame(1, 0x0d, 1, fine)).events).toEqual(['headers 1 6 true']);
  });
});

describe('SETTINGS, PING, GOAWAY', () => {
  test('6.5.3 values count in their order, unknown ones not at all', () => {
    const drive = quiet().feed(settings([4, 5], [99, 7], [4, 3], [0xff, 0]), call(1));
    drive.connection.sendHeaders(first(drive), RESPONSE, false);
    drive.connection.sendData(first(drive), new Uint8Array(10), true);
    expect(drive.take().map(({ type, payload }) => [type, payload.length])[1]).toEqual([0, 3]);
    expect(drive.goAway).toBe(-1);
  });

  test('6.5 every setting has its effect', () => {
    const client = new Drive({ role: 'client' }).feed(
      settings([1, 0], [2, 0], [3, 2], [4, 4], [5, 20_000], [6, 9]),
    );
    expect([client.connection.encoderTableBytes, client.connection.streamCapacity]).toEqual([0, 2]);
    const stream = client.connection.openStream(null, big, -1, 0, false);
    client.connection.sendData(stream, new Uint8Array(10), true);
    const sent = client.take();
    expect(sent.map(({ payload }) => payload.length).slice(0, 2)).toEqual([20_000, 20_000]);
    expect(sent.at(-1)).toMatchObject({ type: 0, payload: Buffer.alloc(4) });
  });

  test('6.5.2 ENABLE_PUSH: a client refuses 1, a server takes it and pushes nothing', () => {
    expect(new Drive({ role: 'client' }).feed(settings([2, 1])).goAway).toBe(1);
    expect(quiet().feed(settings([2, 1]), call(1)).goAway).toBe(-1);
  });

  test('6.7 a PING comes back with the same octets, an ACK does not', () => {
    const drive = quiet();
    const octets = Buffer.from('01234567');
    drive.feed(frame(6, 0, 0, octets), frame(6, 1, 0, octets));
    const pings = sentFrames(drive).filter(({ type }) => type === 6);
    expect(pings.map(({ flags, payload }) => [flags, payload.toString()])).toEqual([[1, '01234567']]);
  });

  test('6.8 after GOAWAY no stream is opened here', () => {
    const drive = new Drive({ role: 'client', open: 1 });
    drive.feed(frame(7, 0, 0, Buffer.concat([uint32(1), uint32(0)])));
    expect(drive.connection.streamCapacity).toBe(0);
    drive.output = Buffer.alloc(0);
    open(drive);
    drive.take();
    expect(sentFrames(drive)).toEqual([]);
    expect(drive.connection.streamsOpen).toBe(1);
  });

  test('6.8 the last id that is sent never rises, also when an error follows', () => {
    const drive = quiet().feed(call(1));
    drive.connection.goAway(0, true);
    drive.feed(call(3), call(5), frame(6, 0, 0, Buffer.alloc(7)));
    const ids = sentFrames(drive).filter(({ type }) => type === 7);
    expect(ids.map(({ payload }) => payload.readUInt32BE(0))).toEqual([1, 1]);
  });

  test('5.4.1 after the GOAWAY of an error nothing more is read, and the driver is to close', () => {
    const drive = quiet().feed(frame(6, 0, 0, Buffer.alloc(7)), call(1));
    expect([drive.connection.wantsClose, drive.events]).toEqual([true, ['close']]);
    expect(sentFrames(drive).at(-1)?.type).toBe(7);
  });

  test('5.4.1 nothing follows that GOAWAY, whatever else is wrong with the frame', () => {
    const broken = frame(1, 5, 1, Buffer.from([0x80]));
    for (const before of [[], [headers(1, REQUEST, false)], [call(1), reset(1)]]) {
      const drive = quiet().feed(...before);
      drive.output = Buffer.alloc(0);
      drive.feed(broken);
      expect(sentFrames(drive).map(({ type }) => type)).toEqual([7]);
    }
  });

  test('5.4 the connection error is what is told when a frame has other flaws too', () => {
    const broken = Buffer.concat([block([['UPPER', 'x']]), Buffer.from([0x80])]);
    expect(quiet().feed(frame(1, 5, 1, broken)).goAway).toBe(9);
  });

  test('7 error codes that nobody knows are passed on as they are', () => {
    const drive = quiet().feed(call(1), reset(1, 0xfffffff0), call(3));
    expect(drive.events).toEqual(['headers 1 6 true', 'reset 1 4294967280 false', 'headers 3 6 true']);
    const away = new Drive({ role: 'client', open: 1 });
    away.feed(frame(7, 0, 0, Buffer.concat([uint32(1), uint32(0xabcd)])), headers(1, [[':status', '200']]));
    expect(away.events).toContain('headers 1 1 true');
  });
});
