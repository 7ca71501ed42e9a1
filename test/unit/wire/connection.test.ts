/** The driver's and the machine's side of a connection where nothing goes the usual way: ends, drains, dead streams, dribble. */
import { describe, expect, test } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkStream } from '../../../proxy/wire/link.ts';
import { CALM, ack, ping, times, wide } from '../../attacks/bytes.ts';
import {
  Drive,
  REQUEST,
  RESPONSE,
  TRAILERS,
  block,
  call,
  data,
  frame,
  headers,
  settings,
  uint32,
} from './kit.ts';

const open = (drive: Drive): LinkStream =>
  drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, true);
const first = (drive: Drive): LinkStream => drive.streams[0] as LinkStream;
const goAway = (last: number): Buffer => frame(7, 0, 0, Buffer.concat([uint32(last), uint32(0)]));

describe('the driver’s side', () => {
  test('octets may come as any Uint8Array, also one inside a larger buffer', () => {
    const drive = new Drive();
    const octets = Buffer.concat([Buffer.alloc(7, 0xff), call(1), Buffer.alloc(7, 0xff)]);
    drive.feed(new Uint8Array(octets.buffer, octets.byteOffset + 7, octets.length - 14));
    expect(drive.events).toEqual(['headers 1 6 true']);
    expect(drive.goAway).toBe(-1);
  });

  test('an ACK of a PING may wait for company, an answer or the end may not', () => {
    const drive = new Drive({ answer: false, take: false });
    const { connection } = drive;
    drive.take();
    expect([connection.hasOutput, connection.hasUrgentOutput]).toEqual([false, false]);
    drive.feed(ping);
    expect([connection.hasOutput, connection.hasUrgentOutput]).toEqual([true, false]);
    drive.feed(call(1));
    connection.sendHeaders(first(drive), RESPONSE, true);
    expect(connection.hasUrgentOutput).toBe(true);
    drive.take();
    drive.feed(ping);
    connection.handleEof();
    expect(connection.hasUrgentOutput).toBe(true);
  });

  test('a buffer that is not the pool’s is not taken into it', () => {
    const drive = new Drive({ take: false });
    const foreign = new Uint8Array(16_384).subarray(3);
    drive.take();
    drive.connection.recycle(foreign);
    drive.feed(ping);
    const taken = drive.connection.takeOutput();
    expect(taken.buffer).not.toBe(foreign.buffer);
    expect(Buffer.from(taken).includes(ping.subarray(9))).toBe(true);
  });

  test('a PING of ours is answered once; ACKs that nobody waits for are oddities', () => {
    const drive = new Drive({ nowNs: () => 77 });
    const at: number[] = [];
    drive.connection.onPingAck = (nowNs) => at.push(nowNs);
    drive.connection.ping();
    const sent = drive.take().find(({ type }) => type === 6);
    expect([sent?.flags, sent?.payload.length]).toEqual([0, 8]);
    drive.feed(frame(6, 1, 0, sent?.payload), frame(6, 1, 0, sent?.payload));
    expect(at).toEqual([77]);
    drive.connection.onPingAck = null;
    drive.connection.ping();
    drive.feed(frame(6, 1, 0, Buffer.alloc(8)));
    expect(drive.goAway).toBe(-1);
    drive.feed(...times(1_001, () => frame(6, 1, 0, Buffer.alloc(8))));
    expect(drive.goAway).toBe(CALM);
    drive.connection.ping();
    expect(drive.connection.hasOutput).toBe(false);
  });

  test('the end comes once, whoever brings it about', () => {
    const drive = new Drive({ answer: false });
    drive.feed(call(1));
    drive.connection.fail(CALM, 'the driver wants it');
    drive.take();
    expect([drive.goAway, drive.goAwayText, drive.closed]).toEqual([
      CALM,
      'the driver wants it',
      'the driver wants it',
    ]);
    const before = [...drive.events];
    drive.connection.fail(1, 'again');
    drive.connection.handleEof();
    drive.connection.goAway(0, true);
    drive.connection.close();
    drive.connection.handleTimeout();
    drive.feed(call(3));
    expect(drive.events).toEqual(before);
    expect(drive.connection.hasOutput).toBe(false);
    expect(drive.connection.nextTimeoutNs).toBe(Infinity);
  });
});

describe('the machine’s side', () => {
  test('a stream without room for it is dead from the start', () => {
    const drive = new Drive({ role: 'client' }).feed(settings([3, 0]));
    expect(drive.connection.streamCapacity).toBe(0);
    const dead = open(drive);
    drive.connection.sendData(dead, Buffer.from('x'), true);
    drive.connection.sendTrailers(dead, TRAILERS);
    drive.connection.resetStream(dead, 8);
    expect(drive.take()).toEqual([]);
    expect(drive.connection.streamsOpen).toBe(0);
  });

  test('GOAWAY: the first names every id, the second the last one, a third is not sent', () => {
    const drive = new Drive({ answer: false }).feed(call(1));
    drive.connection.goAway(0, false);
    drive.take();
    expect(drive.goAway).toBe(0);
    drive.connection.goAway(0, true);
    drive.connection.goAway(0, true);
    const sent = drive.take().filter(({ type }) => type === 7);
    expect(sent.map(({ payload }) => payload.readUInt32BE(0))).toEqual([1]);
    drive.connection.sendHeaders(first(drive), RESPONSE, true);
    drive.feed(ping);
    expect([drive.closed, drive.connection.wantsClose]).toEqual(['drained after GOAWAY', true]);
  });

  test('close says GOAWAY, once, and nothing to the machine', () => {
    for (const before of [false, true]) {
      const drive = new Drive({ answer: false }).feed(call(1), call(3));
      if (before) drive.connection.goAway(0, false);
      drive.events.length = 0;
      drive.connection.close();
      drive.connection.close();
      const sent = drive.take().filter(({ type }) => type === 7);
      expect(sent.map(({ payload }) => payload.readUInt32BE(0))).toEqual([before ? 0x7fffffff : 3]);
      expect([drive.events, drive.connection.streamsOpen, drive.connection.wantsClose]).toEqual([
        [],
        0,
        true,
      ]);
    }
  });

  test('empty DATA that ends a queued body ends it with its last octets', () => {
    const drive = new Drive({ answer: false }).feed(ack, settings([4, 0]), call(1));
    drive.connection.sendHeaders(first(drive), RESPONSE, false);
    drive.connection.sendData(first(drive), Buffer.from('body'), false);
    drive.connection.sendData(first(drive), new Uint8Array(0), true);
    expect(drive.take().filter(({ type }) => type === 0)).toEqual([]);
    drive.connection.handleBytes(wide(1, 10));
    const sent = drive.take().filter(({ type }) => type === 0);
    expect(sent.map(({ flags, payload }) => [flags, payload.toString()])).toEqual([[1, 'body']]);
  });
});

describe('after the final GOAWAY', () => {
  test('a call that was under way is ignored with all its frames, and the open one finishes', () => {
    const drive = new Drive({ answer: false }).feed(ack, headers(1, REQUEST, false));
    drive.connection.goAway(0, true);
    drive.take();
    drive.feed(headers(3, REQUEST, false), data(3, 100), data(3, 1, true), headers(5, REQUEST, false));
    drive.feed(wide(3, 5), frame(3, 0, 3, uint32(8)), headers(5, [['x', 'y']]));
    expect([drive.goAway, drive.resets.size, [...drive.served]]).toEqual([0, 0, [1]]);
    drive.feed(data(1, 7, true));
    expect(drive.events.at(-1)).toBe('data 1 7 true');
    drive.connection.sendHeaders(first(drive), RESPONSE, true);
    drive.feed(ping);
    expect(drive.closed).toBe('drained after GOAWAY');
  });

  test('its blocks still move the table of the decoder', () => {
    const drive = new Drive({ answer: false }).feed(ack, headers(1, REQUEST, false));
    drive.connection.goAway(0, true);
    const indexed = Buffer.concat([block(REQUEST), Buffer.from('400178017a', 'hex')]);
    drive.feed(frame(1, 4, 3, indexed), frame(1, 5, 1, Buffer.from([0xbe])));
    expect([drive.goAway, drive.events.at(-1)]).toEqual([0, 'trailers 1 1']);
  });

  test('a client without ids left says so once, also after GOAWAY', () => {
    const drive = new Drive({ role: 'client', limits: { streamIdMax: 5 }, open: 1 });
    drive.feed(goAway(1));
    expect(drive.events.filter((event) => event === 'capacity true')).toHaveLength(1);
    const spent = new Drive({ role: 'client', limits: { streamIdMax: 3 }, take: false });
    open(spent);
    spent.feed(goAway(1), ping);
    expect(spent.events.filter((event) => event === 'capacity true')).toHaveLength(1);
  });
});

describe('frames that are wrong in rarer ways', () => {
  test('a GOAWAY of 7 octets, padded DATA without a pad length', () => {
    expect(new Drive().feed(frame(7, 0, 0, Buffer.alloc(7))).goAway).toBe(6);
    expect(new Drive().feed(headers(1, REQUEST, false), frame(0, 8, 1)).goAway).toBe(6);
  });

  test('ACKs of SETTINGS beyond the first are oddities', () => {
    const drive = new Drive().feed(...times(900, () => ack));
    expect(drive.goAway).toBe(0); // Only the polite one, at three quarters.
    expect(drive.connection.closing).toBe(false);
    drive.feed(...times(102, () => ack));
    expect(drive.goAway).toBe(CALM);
  });

  test('HEADERS whose priority names the stream itself: a stream error, and the table stays in step', () => {
    const self = Buffer.concat([uint32(1), Buffer.from([0])]);
    const indexed = Buffer.concat([block(REQUEST), Buffer.from('400178017a', 'hex')]);
    const drive = new Drive().feed(frame(1, 0x25, 1, Buffer.concat([self, indexed])));
    expect([...drive.resets]).toEqual([[1, 1]]);
    drive.feed(frame(1, 5, 3, Buffer.concat([block(REQUEST), Buffer.from([0xbe])])));
    expect(drive.events).toEqual(['headers 3 7 true']);
  });

  test('an even id below the last odd one is no late frame', () => {
    const drive = new Drive().feed(call(5), headers(2, REQUEST));
    expect([drive.goAway, drive.goAwayText]).toEqual([1, 'HEADERS on an even stream id']);
  });

  test('a window that was wide on an ended stream does not forbid a wider initial one', () => {
    const drive = new Drive({ answer: false });
    drive.feed(ack, headers(1, REQUEST, false), wide(1, 0x7ffeffff), frame(3, 0, 1, uint32(8)));
    drive.feed(headers(3, REQUEST, false), wide(3, 5), settings([4, 0x10001]));
    expect(drive.goAway).toBe(-1);
  });

  test('tiny DATA is made up for by full frames', () => {
    const tiny = times(90, () => data(1, 2));
    const full = [...times(4, () => data(1, 10_000)), ...tiny];
    const over = new Drive({ answer: false, consume: false }).feed(
      headers(1, REQUEST, false),
      ...tiny,
      ...tiny,
    );
    expect(over.goAway).toBe(CALM);
    const made = new Drive({ answer: false, consume: false }).feed(
      headers(1, REQUEST, false),
      ...tiny,
      ...full,
    );
    expect(made.goAway).toBe(-1);
  });
});

describe('a peer that opens its window octet by octet', () => {
  const dribbled = (): Drive => {
    const drive = new Drive({ answer: false, limits: { dribbleBurst: 1, windowUpdatesBase: 100 } });
    drive.feed(ack, settings([4, 0]), call(1), call(3));
    for (const stream of drive.streams) {
      drive.connection.sendHeaders(stream, RESPONSE, false);
      drive.connection.sendData(stream, new Uint8Array(1_000), true);
    }
    drive.take();
    return drive;
  };
  const dataFrames = (drive: Drive): number[] =>
    drive
      .take()
      .filter(({ type }) => type === 0)
      .map(({ id, payload }) => id * 10_000 + payload.length);

  test('is served in larger pieces after a while, both streams in turn', () => {
    const drive = dribbled();
    const { connection } = drive;
    for (const octets of [wide(1, 1), wide(1, 1), wide(3, 2), wide(0, 1)]) connection.handleBytes(octets);
    expect(dataFrames(drive)).toEqual([10_001]);
    expect(connection.nextTimeoutNs).toBe(100_000_000);
    connection.nowNs = 200_000_000;
    connection.handleTimeout();
    expect(dataFrames(drive)).toEqual([10_001]);
    for (const octets of [wide(1, 2_000), wide(3, 2_000)]) connection.handleBytes(octets);
    expect(dataFrames(drive)).toEqual([10_998, 31_000]);
  });

  test('and ends a stream that is held back: nothing of it is sent', () => {
    const drive = dribbled();
    drive.connection.handleBytes(Buffer.concat([wide(1, 1), wide(1, 1)]));
    expect(dataFrames(drive)).toEqual([10_001]);
    drive.connection.handleBytes(Buffer.concat([frame(3, 0, 1, uint32(8)), wide(0, 1), wide(3, 2_000)]));
    expect(dataFrames(drive)).toEqual([31_000]);
    expect(drive.connection.streamsOpen).toBe(0);
  });

  test('and ends all that was held back: nobody is woken for it again', () => {
    const drive = dribbled();
    const { connection } = drive;
    connection.handleBytes(Buffer.concat([wide(1, 1), wide(1, 1)]));
    connection.handleBytes(Buffer.concat([1, 3].map((id) => frame(3, 0, id, uint32(8)))));
    connection.nowNs = connection.nextTimeoutNs;
    connection.handleTimeout();
    expect(connection.nextTimeoutNs).toBeGreaterThan(connection.nowNs);
  });
});

describe('time, with hardly any reset allowed', () => {
  const shut = (limits = {}): Drive => {
    const drive = new Drive({ answer: false, limits: { resetBurst: 1, resetsPerSecond: 0, ...limits } });
    drive.feed(ack, settings([4, 0]), call(1), call(3), call(5), call(7));
    return drive;
  };
  const at = (drive: Drive, seconds: number): void => {
    expect(drive.connection.nextTimeoutNs).toBeLessThanOrEqual(seconds * 1e9);
    drive.connection.nowNs = seconds * 1e9;
    drive.connection.handleTimeout();
    drive.take();
  };

  test('idle streams end one by one until the connection does', () => {
    const drive = shut();
    for (const second of [75, 150, 225, 300, 375]) at(drive, second);
    expect(drive.goAway).toBe(CALM);
    expect(drive.events.filter((event) => event.startsWith('reset'))).toEqual([
      'reset 1 8 false',
      'reset 3 8 false',
      'reset 5 -1 false',
      'reset 7 -1 false',
    ]);
  });

  test('the last idle stream may take the connection with it', () => {
    const drive = new Drive({ answer: false, limits: { resetBurst: 1, resetsPerSecond: 0 } });
    drive.feed(ack, headers(1, REQUEST, false), headers(3, REQUEST, false));
    for (const second of [75, 150, 225, 300, 375]) at(drive, second);
    expect([drive.goAway, drive.goAwayText]).toEqual([CALM, 'too many resets']);
  });

  test('shut windows: only streams with a queue that waited too long are reset, until the connection ends', () => {
    const drive = shut({ streamIdleTimeoutMs: 3_600_000, connectionIdleTimeoutMs: 3_600_000 });
    const send = (n: number): void => {
      drive.connection.sendHeaders(drive.streams[n] as LinkStream, RESPONSE, false);
      drive.connection.sendData(drive.streams[n] as LinkStream, new Uint8Array(10), true);
    };
    send(1);
    drive.connection.nowNs = 100e9;
    send(2);
    at(drive, 300);
    expect([...drive.resets]).toEqual([[3, 8]]);
    expect(drive.connection.nextTimeoutNs).toBe(400e9);
    send(3);
    at(drive, 400);
    expect([...drive.resets.keys()]).toEqual([3, 5]);
    expect(drive.goAway).toBe(CALM);
    expect(drive.connection.streamsOpen).toBe(0);
  });
});
