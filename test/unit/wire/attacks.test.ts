/** Attacks on HTTP/2 and HPACK, as octets: how the connection ends, what it held, what reached the machine. */
import { describe, expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import {
  Drive,
  PREFACE,
  QUIET,
  REQUEST,
  block,
  call,
  data,
  frame,
  headers,
  lit,
  settings,
  uint32,
} from './kit.ts';

const CALM = 11;
const times = (count: number, make: (i: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, i) => make(i));
const id = (i: number): number => 2 * i + 1;

/** Whatever happened: memory within bounds, never more streams than allowed, and a neighbour is served. */
function bounded(drive: Drive): void {
  expect(drive.bufferedBytesMax).toBeLessThan(1_500_000);
  expect(drive.openMax).toBeLessThanOrEqual(100);
  const neighbour = new Drive().feed(call(1), call(3));
  expect([...neighbour.served]).toEqual([1, 3]);
  expect(neighbour.goAway).toBe(-1);
}

describe('floods end in ENHANCE_YOUR_CALM', () => {
  const floods: [name: string, pieces: Buffer[], take?: boolean][] = [
    ['PING that is not read', times(20_000, () => frame(6, 0, 0, Buffer.alloc(8))), false],
    ['SETTINGS that is not read', times(20_000, () => settings()), false],
    [
      '1000 entries in SETTINGS',
      [settings(...times(1000, () => uint32(0)).map((): [number, number] => [9, 1]))],
    ],
    ['bad requests', times(5000, (i) => headers(id(i), [...REQUEST, ['Upper', 'x']]))],
    ['empty field names', times(5000, (i) => headers(id(i), [...REQUEST, ['', '']]))],
    [
      'rapid reset',
      times(5000, (i) => Buffer.concat([headers(id(i), REQUEST, false), frame(3, 0, id(i), uint32(8))])),
    ],
    [
      'MadeYouReset: WINDOW_UPDATE 0',
      times(2000, (i) => Buffer.concat([headers(id(i), REQUEST, false), frame(8, 0, id(i), uint32(0))])),
    ],
    [
      'MadeYouReset: overflow',
      times(2000, (i) =>
        Buffer.concat([headers(id(i), REQUEST, false), frame(8, 0, id(i), uint32(0x7fffffff))]),
      ),
    ],
    [
      'MadeYouReset: PRIORITY size',
      times(2000, (i) =>
        Buffer.concat([headers(id(i), REQUEST, false), frame(2, 0, id(i), Buffer.alloc(4))]),
      ),
    ],
    [
      'MadeYouReset: PRIORITY on itself',
      times(2000, (i) =>
        Buffer.concat([
          headers(id(i), REQUEST, false),
          frame(2, 0, id(i), Buffer.concat([uint32(id(i)), Buffer.from([0])])),
        ]),
      ),
    ],
    ['empty DATA', [headers(1, REQUEST, false), ...times(20_000, () => data(1, 0))]],
    ['PRIORITY on idle streams', times(20_000, () => frame(2, 0, 99, Buffer.alloc(5)))],
    ['unknown frames', times(50_000, () => frame(0xfa, 0, 0, Buffer.alloc(9)))],
    ['WINDOW_UPDATE', times(20_000, () => frame(8, 0, 0, uint32(1)))],
    ['window flips', times(4000, (i) => settings([4, i % 2 === 0 ? 0 : 65_535]))],
    [
      'CONTINUATION',
      [frame(1, 1, 1, block(REQUEST)), ...times(20_000, () => frame(9, 0, 1, lit('x', 'y'.repeat(90))))],
    ],
    ['empty CONTINUATION', [frame(1, 1, 1, block(REQUEST)), ...times(20_000, () => frame(9, 0, 1))]],
    [
      'HPACK bomb',
      [
        frame(
          1,
          5,
          1,
          Buffer.concat([block(REQUEST), lit('x-a', 'a'.repeat(3900), 0x40), Buffer.alloc(4000, 0xbe)]),
        ),
      ],
    ],
    [
      'many empty fields',
      [frame(1, 5, 1, Buffer.concat([block(REQUEST), lit('cookie', '', 0x40), Buffer.alloc(8000, 0xbe)]))],
    ],
  ];
  test.each(floods)('%s', (_, pieces, take) => {
    const drive = new Drive({ take: take !== false }).feed(...pieces);
    drive.take();
    expect(drive.goAway, drive.goAwayText).toBe(CALM);
    expect(drive.connection.wantsClose).toBe(true);
    expect(drive.served.size).toBeLessThanOrEqual(1100);
    bounded(drive);
  });

  test('tiny DATA that is not consumed; consumed it may go on', () => {
    const open = headers(1, REQUEST, false);
    const unread = new Drive({ consume: false }).feed(open, ...times(20_000, () => data(1, 1)));
    expect(unread.goAway).toBe(CALM);
    const consumed = new Drive().feed(open, ...times(200_000, () => data(1, 20)));
    expect(consumed.goAway).toBe(-1);
    // An honest stream of small messages that nobody reads is stopped by its window, not killed.
    const heldBack = new Drive({ consume: false }).feed(open, ...times(3_276, () => data(1, 20)));
    expect(heldBack.goAway).toBe(-1);
  });
});

describe('connection errors', () => {
  const cases: [name: string, code: number, pieces: Buffer[]][] = [
    ['random block', 9, [frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))]],
    ['index 0', 9, [frame(1, 5, 1, Buffer.from([0x80]))]],
    ['index beyond the table', 9, [frame(1, 5, 1, Buffer.from([0xbe]))]],
    ['size update after a field', 9, [frame(1, 5, 1, Buffer.from([0x82, 0x20]))]],
    ['three size updates', 9, [frame(1, 5, 1, Buffer.from([0x20, 0x20, 0x20]))]],
    ['size update above ours', 9, [frame(1, 5, 1, Buffer.from([0x3f, 0xff, 0x3f]))]],
    ['string of 2^50', 9, [frame(1, 5, 1, Buffer.from([0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]))]],
    ['Huffman EOS', 9, [frame(1, 5, 1, Buffer.from([0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]))]],
    ['Huffman padding of zeros', 9, [frame(1, 5, 1, Buffer.from([0x00, 0x81, 0x18, 0x00]))]],
    ['PUSH_PROMISE', 1, [frame(5, 4, 1, Buffer.alloc(4))]],
    ['connection window overflow', 3, [frame(8, 0, 0, uint32(0x7fffffff))]],
    ['initial window above 2^31-1', 3, [settings([4, 0x80000000])]],
    [
      'SETTINGS makes a stream window overflow',
      3,
      [headers(1, REQUEST, false), frame(8, 0, 1, uint32(0x7ffeffff)), settings([4, 0x10001])],
    ],
    ['even stream id', 1, [call(2)]],
    ['stream 0', 1, [call(0)]],
    ['lower stream id', 1, [call(5), call(3)]],
    [
      'GOAWAY rises',
      1,
      [frame(7, 0, 0, Buffer.alloc(8)), frame(7, 0, 0, Buffer.concat([uint32(3), uint32(0)]))],
    ],
    ['frame of 16 MiB', 6, [Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]],
    ['DATA inside a block', 1, [frame(1, 0, 1, block(REQUEST)), data(1, 1)]],
    ['CONTINUATION alone', 1, [frame(9, 4, 1)]],
    [
      'more DATA than the connection window',
      3,
      [
        headers(1, REQUEST, false),
        headers(3, REQUEST, false),
        ...times(64, (i) => data(i < 4 ? 1 : 3, 16_384)),
      ],
    ],
  ];
  test.each(cases)('%s', (name, code, pieces) => {
    const narrow = name.startsWith('more DATA');
    const limits = narrow ? { connectionWindowBytes: 65_535, streamWindowBytes: 1_000_000 } : {};
    const drive = new Drive({ limits, consume: !narrow }).feed(...pieces);
    expect(drive.goAway, drive.goAwayText).toBe(code);
    expect(drive.connection.streamsOpen).toBe(0);
    expect(drive.events.at(-1)).toBe('close');
    bounded(drive);
  });

  test('an HTTP/1 client gets a line it understands, another one a GOAWAY', () => {
    const http1 = new Connection('server', QUIET);
    http1.handleBytes(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(Buffer.from(http1.takeOutput()).toString()).toMatch(/^HTTP\/1\.1 505 [^]*\r\n\r\n$/);
    const tls = new Connection('server', QUIET);
    tls.handleBytes(Buffer.from([0x16, 3, 1, 2, 0]));
    expect(tls.takeOutput()[3]).toBe(7);
    expect([http1.wantsClose, tls.wantsClose]).toEqual([true, true]);
  });
});

describe('stream errors', () => {
  const change = (name: string, value: string | null, ...more: [string, string][]): [string, string][] => [
    ...REQUEST.filter((field) => field[0] !== name || value !== null).map(([key, old]): [string, string] => [
      key,
      key === name && value !== null ? value : old,
    ]),
    ...more,
  ];
  const heads: [name: string, fields: [string, string][]][] = [
    ['CR in a value', change('', '', ['x', 'a\rb'])],
    ['NUL in a value', change('', '', ['x', 'a\0b'])],
    ['space around a value', change('', '', ['x', ' a'])],
    ['connection', change('', '', ['connection', 'close'])],
    ['transfer-encoding', change('', '', ['transfer-encoding', 'chunked'])],
    ['te: gzip', change('te', 'gzip')],
    [':path missing', change(':path', null)],
    [':path empty', change(':path', '')],
    [':path without slash', change(':path', 'a/b')],
    [':path with a space', change(':path', '/a b')],
    [':path twice', [[':path', '/x'], ...change('', '')]],
    [':status in a request', [[':status', '200'], ...change('', '')]],
    ['unknown pseudo-header', [[':extra', '1'], ...change('', '')]],
    ['late pseudo-header', change(':path', null, [':path', '/x'])],
    ['userinfo', change(':authority', 'user@host')],
    ['host differs', change('', '', ['host', 'other'])],
    ['content-length owed at END_STREAM', change('', '', ['content-length', '5'])],
    ['two content-lengths', change('', '', ['content-length', '0'], ['content-length', '0'])],
    ['content-length +5', change('', '', ['content-length', '+5'])],
  ];
  test.each(heads)('%s', (_, fields) => {
    const drive = new Drive().feed(headers(1, fields), call(3));
    expect(drive.resets.get(1)).toBe(1);
    expect([...drive.served]).toEqual([3]);
  });

  test('every octet in a name and in a value', () => {
    for (let octet = 0; octet < 256; octet++) {
      const letter = String.fromCharCode(octet);
      const named = new Drive().feed(headers(1, [...REQUEST, [`x${letter}`, 'v']]));
      expect(named.served.has(1), `name ${octet}`).toBe(/[!#$%&'*+\-.^_`|~0-9a-z]/.test(letter));
      const valued = new Drive().feed(headers(1, [...REQUEST, ['x', `a${letter}b`]]));
      expect(valued.served.has(1), `value ${octet}`).toBe((octet >= 32 || octet === 9) && octet !== 127);
    }
  });

  test('body that disagrees with content-length; trailers with a pseudo-header or without END_STREAM', () => {
    const declared = headers(1, [...REQUEST, ['content-length', '5']], false);
    expect(new Drive().feed(declared, data(1, 4, true)).resets.get(1)).toBe(1);
    expect(new Drive().feed(declared, data(1, 6)).resets.get(1)).toBe(1);
    expect(new Drive().feed(declared, data(1, 4), headers(1, [['x', 'y']])).resets.get(1)).toBe(1);
    expect(new Drive().feed(declared, data(1, 5, true)).resets.size).toBe(0);
    const open = headers(1, REQUEST, false);
    expect(new Drive().feed(open, headers(1, [[':path', '/x']])).resets.get(1)).toBe(1);
    expect(new Drive().feed(open, headers(1, [['x', 'y']], false)).resets.get(1)).toBe(1);
  });

  test('more streams than allowed are refused before any SETTINGS ACK', () => {
    const drive = new Drive({ answer: false }).feed(...times(103, (i) => call(id(i))));
    expect(drive.served.size).toBe(100);
    expect([...drive.resets.entries()]).toEqual([
      [201, 7],
      [203, 7],
      [205, 7],
    ]);
  });

  test('__proto__ and constructor are names like others', () => {
    const drive = new Drive().feed(headers(1, [...REQUEST, ['__proto__', 'a'], ['constructor', 'b']]));
    expect(drive.events[0]).toBe('headers 1 8 true');
  });
});

describe('client role', () => {
  test('GOAWAY: the stream above the last id is unprocessed, the one at it is not', () => {
    const drive = new Drive({ role: 'client', open: 3 });
    drive.feed(frame(7, 0, 0, Buffer.concat([uint32(3), uint32(0)])));
    expect(drive.events).toContain('reset 5 7 true');
    expect(drive.events).toContain('capacity true');
    drive.connection.handleEof();
    expect(drive.events).toContain('reset 3 -1 false');
  });

  test('1xx is swallowed up to a limit', () => {
    const early = headers(
      1,
      [
        [':status', '103'],
        ['link', 'x'.repeat(500)],
      ],
      false,
    );
    const drive = new Drive({ role: 'client', open: 1 }).feed(...times(10_000, () => early));
    expect(drive.served.size).toBe(0);
    expect(drive.resets.get(1)).toBe(1);
  });

  test('DATA before HEADERS, PUSH_PROMISE, answer to nobody', () => {
    expect(new Drive({ role: 'client', open: 1 }).feed(data(1, 3)).resets.get(1)).toBe(1);
    expect(new Drive({ role: 'client', open: 1 }).feed(frame(5, 4, 1, Buffer.alloc(4))).goAway).toBe(1);
    expect(new Drive({ role: 'client', open: 1 }).feed(headers(9, [[':status', '200']])).goAway).toBe(1);
  });

  test('refused streams are unprocessed', () => {
    const drive = new Drive({ role: 'client', open: 1 }).feed(frame(3, 0, 1, uint32(7)));
    expect(drive.events).toContain('reset 1 7 true');
  });
});

describe('time', () => {
  test('preface, SETTINGS, block and shut window have their limits', () => {
    const half = new Drive().feed(frame(1, 0, 1, block(REQUEST)));
    expect(half.connection.nextTimeoutNs).toBe(5e9);
    half.connection.nowNs = 5e9;
    half.connection.handleTimeout();
    half.take();
    expect(half.goAway).toBe(CALM);

    const shut = new Drive({ answer: false }).feed(frame(4, 1, 0), settings([4, 0]), call(1));
    const stream = shut.streams[0];
    if (stream === undefined) throw new Error('no stream');
    shut.connection.sendData(stream, new Uint8Array(100), true);
    expect(stream.queuedBytes).toBe(100);
    expect(shut.connection.nextTimeoutNs).toBeLessThanOrEqual(300e9);
    shut.connection.nowNs = 300e9;
    shut.connection.handleTimeout();
    shut.take();
    expect(shut.resets.get(1)).toBe(8);
    expect(PREFACE.length).toBe(24);
  });
});
