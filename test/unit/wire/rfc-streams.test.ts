/** What RFC 9113 demands of streams, windows and messages, and RFC 7541 of blocks; names carry the section. */
import { describe, expect, test } from 'vitest';
import { headerBlock, HeaderBlock } from '../../../proxy/wire/headers.ts';
import { DecodeEnd, HpackDecoder } from '../../../proxy/wire/hpack-decoder.ts';
import { HpackEncoder } from '../../../proxy/wire/hpack-encoder.ts';
import type { LinkStream } from '../../../proxy/wire/link.ts';
import { Output } from '../../../proxy/wire/output.ts';
import { ack, reset, wide } from '../../attacks/bytes.ts';
import {
  Drive,
  type Frame,
  REQUEST,
  RESPONSE,
  TRAILERS,
  block,
  call,
  data,
  frame,
  headers,
  lit,
  settings,
} from './kit.ts';

const first = (drive: Drive): LinkStream => drive.streams[0] as LinkStream;
const quiet = (): Drive => new Drive({ answer: false }).feed(ack);
const open = (drive: Drive): LinkStream =>
  drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, true);
const dataOf = (sent: Frame[]): number[] =>
  sent.filter(({ type }) => type === 0).map(({ payload }) => payload.length);

/** All commands that the machine has for a stream. */
function command(drive: Drive, stream: LinkStream): Frame[] {
  drive.take();
  drive.connection.sendHeaders(stream, RESPONSE, false);
  drive.connection.sendData(stream, Buffer.from('late'), false);
  drive.connection.sendTrailers(stream, TRAILERS);
  drive.connection.sendData(stream, Buffer.from('later'), true);
  drive.connection.consume(stream, 1_000_000);
  return drive.take();
}

describe('states', () => {
  test.each([
    ['DATA', data(1, 1)],
    ['RST_STREAM', reset(1)],
    ['WINDOW_UPDATE', wide(1, 1)],
    ['HEADERS on an even id', headers(2, REQUEST)],
    ['DATA on an even id', data(2, 1)],
  ])('5.1 on an idle stream %s is a connection error', (_, octets) => {
    expect(quiet().feed(octets).goAway).toBe(1);
    const client = new Drive({ role: 'client' }).feed(ack, octets);
    expect(client.goAway).toBe(1);
  });

  test('5.1 after our END_STREAM only RST_STREAM leaves', () => {
    const drive = quiet().feed(headers(1, REQUEST, false));
    drive.connection.sendHeaders(first(drive), RESPONSE, true);
    expect(command(drive, first(drive))).toEqual([]);
    drive.connection.resetStream(first(drive), 8);
    expect(drive.take().map(({ type }) => type)).toEqual([3]);
  });

  test('5.1, 6.4 on a closed stream nothing leaves, however it was closed', () => {
    const ends: ((drive: Drive) => unknown)[] = [
      (drive) => drive.feed(reset(1)),
      (drive) => drive.connection.resetStream(first(drive), 8),
      (drive) => drive.feed(wide(1, 0)),
      (drive) => (drive.connection.sendHeaders(first(drive), RESPONSE, true), drive.feed(data(1, 1, true))),
    ];
    for (const end of ends) {
      const drive = quiet().feed(headers(1, REQUEST, false));
      end(drive);
      expect(drive.connection.streamsOpen).toBe(0);
      expect(command(drive, first(drive))).toEqual([]);
      drive.connection.resetStream(first(drive), 8);
      expect(drive.take()).toEqual([]);
    }
  });

  test('5.1, 5.4.2, 6.4 after our RST_STREAM late frames keep table and window in step, and nobody hears of them', () => {
    const drive = quiet().feed(headers(1, REQUEST, false));
    drive.connection.resetStream(first(drive), 8);
    drive.events.length = 0;
    const indexed = Buffer.concat([lit('x', 'z', 0x40)]);
    drive.feed(wide(1, 5), data(1, 16_384), frame(1, 5, 1, indexed));
    expect([drive.events, drive.goAway, drive.resets.size]).toEqual([[], -1, 1]);
    drive.feed(frame(1, 5, 3, Buffer.concat([block(REQUEST), Buffer.from([0xbe])])));
    expect(drive.events).toEqual(['headers 3 7 true']);
    // A connection's worth of octets on streams that were reset: their credit comes back.
    let credit = 0;
    for (let id = 5; id < 205; id += 2) {
      drive.feed(headers(id, REQUEST, false));
      drive.connection.resetStream(drive.streams.at(-1) as LinkStream, 8);
      drive.connection.handleBytes(data(id, 16_384, true));
      for (const sent of drive.take())
        if (sent.type === 8 && sent.id === 0) credit += sent.payload.readUInt32BE(0);
    }
    expect(credit).toBeGreaterThan(1_000_000);
  });

  test('5.4.2 no RST_STREAM answers RST_STREAM, in any state', () => {
    for (const before of [
      [headers(1, REQUEST, false)],
      [call(1)],
      [call(1), reset(1)],
      [headers(1, REQUEST, false), wide(1, 0)],
    ]) {
      const drive = quiet().feed(...before);
      drive.resets.clear();
      drive.feed(reset(1), reset(1));
      expect(drive.resets.size).toBe(0);
    }
  });

  test('5.1.1 a client’s ids are odd, rise, and each is used once', () => {
    const drive = new Drive({ role: 'client' });
    const ids: number[] = [];
    for (let n = 0; n < 5; n++) {
      const stream = open(drive);
      ids.push(stream.id);
      if (n % 2 === 0) drive.connection.resetStream(stream, 8);
    }
    expect(ids).toEqual([1, 3, 5, 7, 9]);
  });

  test('5.1.2 a client stays within the limit, also when it shrinks', () => {
    const drive = new Drive({ role: 'client' }).feed(settings([3, 2]));
    open(drive);
    expect(drive.connection.streamCapacity).toBe(1);
    open(drive);
    drive.take();
    for (const limit of [2, 1, 0]) {
      drive.feed(settings([3, limit]));
      expect(drive.connection.streamCapacity).toBe(0);
      open(drive);
      expect(drive.take().filter(({ type }) => type === 1)).toEqual([]);
    }
  });
});

describe('windows', () => {
  const sending = (bytes: number, window: number): Drive => {
    const drive = quiet().feed(settings([4, window]), call(1));
    drive.connection.sendHeaders(first(drive), RESPONSE, false);
    drive.connection.sendData(first(drive), new Uint8Array(bytes), true);
    return drive;
  };

  test('5.2.1, 6.9.1 what is sent stays within both windows', () => {
    const drive = sending(100_000, 1_000_000);
    expect(dataOf(drive.take()).reduce((sum, size) => sum + size, 0)).toBe(65_535);
    drive.connection.handleBytes(wide(0, 10));
    expect(dataOf(drive.take())).toEqual([10]);
    expect(dataOf(sending(10, 4).take())).toEqual([4]);
  });

  test('6.9.2 a window below zero stays shut until it is above [MS-23]', () => {
    const drive = sending(100, 50);
    expect(dataOf(drive.take())).toEqual([50]);
    drive.connection.handleBytes(settings([4, 20]));
    for (const [by, sent] of [
      [10, []],
      [20, []],
      [3, [3]],
    ] as const) {
      drive.connection.handleBytes(wide(1, by));
      expect(dataOf(drive.take())).toEqual(sent);
    }
  });

  test('5.2.2, 6.9 WINDOW_UPDATE is acted on while nothing of ours is read, and also after the stream’s end', () => {
    const drive = sending(100, 50);
    drive.connection.handleBytes(wide(1, 50));
    expect(dataOf(drive.take())).toEqual([50, 50]);
    expect(drive.connection.streamsOpen).toBe(0);
    drive.feed(wide(1, 1), wide(1, 0x7fffffff));
    expect([drive.goAway, drive.resets.size]).toEqual([-1, 0]);
  });

  test('6.9.1 credit never exceeds what came in, whatever the machine says', () => {
    const drive = new Drive({ answer: false, consume: false }).feed(
      ack,
      headers(1, REQUEST, false),
      data(1, 16_384),
    );
    drive.connection.consume(first(drive), 0x7fffffff);
    drive.connection.consume(first(drive), 0x7fffffff);
    drive.feed(data(1, 16_384), data(1, 1));
    drive.connection.consume(first(drive), 0x7fffffff);
    const given = drive.take().filter(({ type, id }) => type === 8 && id === 1);
    expect(given.map(({ payload }) => payload.readUInt32BE(0))).toEqual([32_769]);
  });

  test('6.9.3 until our smaller window is acknowledged the peer may count on the old one', () => {
    const drive = new Drive({ answer: false, limits: { streamWindowBytes: 1_000 } });
    drive.feed(headers(1, REQUEST, false), data(1, 16_384));
    expect(drive.resets.size).toBe(0);
    drive.feed(ack, headers(3, REQUEST, false), data(3, 1_001));
    expect([...drive.resets]).toEqual([[3, 3]]);
  });
});

describe('messages', () => {
  test('8.1 a whole response counts, though RST_STREAM with NO_ERROR follows', () => {
    const drive = new Drive({ role: 'client' });
    const stream = drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, false);
    drive.streams.push(stream);
    drive.take();
    drive.feed(
      headers(1, [[':status', '200']], false),
      data(1, 2),
      headers(1, [['grpc-status', '0']]),
      reset(1, 0),
    );
    expect(drive.events.filter((event) => !event.startsWith('capacity'))).toEqual([
      'headers 1 1 false',
      'data 1 2 false',
      'trailers 1 1',
      'reset 1 0 false',
    ]);
  });

  test('8.1.1, 8.2.1 nothing malformed reaches the machine, in either role', () => {
    const bad: [string, string][][] = [
      [['x', 'a\0']],
      [['x', 'a\r']],
      [['x', '\n']],
      [['x', ' a']],
      [['x', 'a\t']],
      [['X', 'a']],
      [['a b', 'c']],
      [['a:b', 'c']],
      [['', 'c']],
      [['\x7f', 'c']],
      [['connection', 'close']],
      [['te', 'gzip']],
      [[':extra', '1']],
    ];
    for (const fields of bad) {
      const server = quiet().feed(
        headers(1, [...REQUEST, ...fields]),
        headers(3, REQUEST, false),
        headers(3, fields),
      );
      expect(server.events, JSON.stringify(fields)).toEqual(['headers 3 6 false', 'reset 3 1 false']);
      expect([...server.resets]).toEqual([
        [1, 1],
        [3, 1],
      ]);
      const client = new Drive({ role: 'client', open: 1 }).feed(headers(1, [[':status', '200'], ...fields]));
      expect([client.events.at(-1), client.resets.get(1)]).toEqual(['reset 1 1 false', 1]);
    }
  });

  test('8.3.1 OPTIONS may ask for *, and an empty :path is malformed', () => {
    const { served, resets } = quiet().feed(
      headers(1, [
        [':method', 'OPTIONS'],
        [':scheme', 'http'],
        [':path', '*'],
      ]),
      headers(3, [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', ''],
      ]),
    );
    expect([[...served], [...resets]]).toEqual([[1], [[3, 1]]]);
  });
});

describe('HPACK', () => {
  const encode = (encoder: HpackEncoder, one: HeaderBlock): Buffer => {
    const output = new Output();
    encoder.encode(one, false, output);
    return Buffer.from(output.take());
  };
  const decoded = (decoder: HpackDecoder, octets: Buffer): string[] => {
    expect(decoder.decode(octets, 0, octets.length)).toBe(DecodeEnd.OK);
    return decoder.fields.map(({ name, value }) => `${name}=${value}`);
  };
  const pairs: [string, string][] = [
    ['b', '1'],
    ['a', '2'],
    ['b', '1'],
    [':status', '200'],
    ['a', '3'],
  ];

  test('7541 2.1 the order of fields is kept in both directions, again and again', () => {
    const encoder = new HpackEncoder(4_096);
    const decoder = new HpackDecoder(4_096, 65_536, 100);
    for (let n = 0; n < 5; n++) {
      expect(decoded(decoder, encode(encoder, headerBlock(pairs)))).toEqual(
        pairs.map(([name, value]) => `${name}=${value}`),
      );
    }
  });

  test('7541 2.3.2 an entry may stand in the table twice', () => {
    const decoder = new HpackDecoder(4_096, 65_536, 100);
    const octets = Buffer.concat([lit('x', 'y', 0x40), lit('x', 'y', 0x40), Buffer.from([0xbe, 0xbf])]);
    expect(decoded(decoder, octets)).toEqual(Array(4).fill('x=y'));
    expect(decoder.table.count).toBe(2);
  });

  test('7541 6.2.3, 7.1.3 what came as never indexed goes on as never indexed, however often', () => {
    const decoder = new HpackDecoder(4_096, 65_536, 100);
    const octets = Buffer.concat([lit('x-secret', 'k', 0x10), lit('authorization', 'k', 0x10)]);
    decoded(decoder, octets);
    const fields = [...decoder.fields];
    const encoder = new HpackEncoder(4_096);
    for (let n = 0; n < 5; n++) {
      const again = new HpackDecoder(4_096, 65_536, 100);
      decoded(again, encode(encoder, new HeaderBlock(fields)));
      expect(again.fields.map(({ neverIndexed }) => neverIndexed)).toEqual([true, true]);
      expect(again.table.count).toBe(0);
    }
  });

  test('7541 4.2, 9113 4.3.1 a smaller table is announced at the next block’s start, the smallest first', () => {
    const drive = new Drive({ role: 'client' }).feed(settings([1, 100]), settings([1, 0]), settings([1, 60]));
    open(drive);
    const sent = drive.take().find(({ type }) => type === 1) as Frame;
    expect(sent.payload.subarray(0, 3).toString('hex')).toBe('203f1d');
    const decoder = new HpackDecoder(60, 65_536, 100);
    decoder.handleSettingsAck();
    expect(decoder.decode(sent.payload, 0, sent.payload.length)).toBe(DecodeEnd.OK);
  });

  test('7541 4.2, 6.3 until a smaller table of ours is acknowledged the default is the bound of an update', () => {
    const sized = (id: number, size: number): Buffer =>
      frame(
        1,
        5,
        id,
        Buffer.concat([Buffer.from([0x3f, ((size - 31) & 127) | 128, (size - 31) >>> 7]), block(REQUEST)]),
      );
    const drive = new Drive({ limits: { decoderTableBytes: 1_024 } });
    drive.feed(sized(1, 2_048), sized(3, 4_096));
    expect(drive.goAway).toBe(-1);
    drive.feed(ack, sized(5, 1_024));
    expect(drive.goAway).toBe(-1);
    drive.feed(sized(7, 1_025));
    expect(drive.goAway).toBe(9);
    expect(new Drive({ limits: { decoderTableBytes: 1_024 } }).feed(sized(1, 4_097)).goAway).toBe(9);
  });

  test('7541 4.2, 9113 4.3.1 a block that was known before our smaller table was acknowledged owes the update, too', () => {
    const drive = new Drive({ limits: { decoderTableBytes: 1_024 } });
    drive.feed(call(1), call(3), call(5), call(7));
    expect(drive.served).toEqual(new Set([1, 3, 5, 7]));
    drive.feed(ack, call(9));
    expect([drive.goAway, drive.served.has(9)]).toEqual([9, false]);
  });

  test('7541 4.2, 6.3 our table never exceeds what the peer allows', () => {
    const encoder = new HpackEncoder(4_096);
    encoder.setPeerTableSize(80);
    let inserted = 0;
    for (let n = 0; n < 100; n++) {
      encode(encoder, headerBlock([['x', `${Math.floor(n / 10)}`]]));
      expect(encoder.table.size).toBeLessThanOrEqual(80);
      inserted = encoder.table.inserted;
    }
    expect(inserted).toBeGreaterThan(2);
  });
});
