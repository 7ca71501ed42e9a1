/** The table of attacks: what is wrong with a frame or a block is wrong in both roles. */
import {
  CALM,
  REPLY_BLOCK,
  REQUEST_BLOCK,
  block,
  bomb,
  crumb,
  data,
  frame,
  goAway,
  headers,
  join,
  lit,
  raw,
  request,
  settings,
  times,
  uint32,
  wide,
  ack,
  opened,
  call,
  held,
} from './bytes.ts';
import type { Row } from './measured.ts';
import { hpackCostCheck, namesCheck } from './checks.ts';

type Made = Omit<Row, 'role'>;
const ROLES = ['server', 'client'] as const;
const block5 = (...octets: number[]): Made['pieces'] => [raw(...octets)];

const compression: [n: number, name: string, octets: number[]][] = [
  [15, 'random block', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  [31, 'size update after a field', [0x82, 0x20]],
  [31, 'three size updates', [0x20, 0x20, 0x20]],
  [31, 'size update above ours', [0x3f, 0xff, 0x3f]],
  [32, 'index 0', [0x80]],
  [32, 'index beyond the table', [0xbe]],
  [32, 'string of 2^50', [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  [32, 'integer with zero padding', [0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
  [32, 'Huffman EOS', [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]],
  [32, 'Huffman padding of zeros', [0x00, 0x81, 0x18, 0x00]],
  [32, 'Huffman padding of 8 bits', [0x00, 0x82, 0x1f, 0xff, 0x00]],
  [32, 'cut string', [0x00, 0x05, 0x61]],
];

const connection: [n: number, name: string, code: number, pieces: Buffer[]][] = [
  [17, 'connection window overflow', 3, [wide(0, 0x7fffffff)]],
  [17, 'initial window above 2^31-1', 3, [settings([4, 0x80000000])]],
  [22, 'frame of 16 MiB', 6, [Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]],
  [25, 'PUSH_PROMISE', 1, [frame(5, 4, 1, Buffer.alloc(4))]],
  [35, 'HEADERS on stream 0', 1, [frame(1, 5, 0, REQUEST_BLOCK)]],
  [35, 'HEADERS on an even id', 1, [frame(1, 5, 2, REQUEST_BLOCK)]],
  [37, 'GOAWAY whose last id rises', 1, [goAway(1), goAway(3)]],
  [13, 'DATA inside a block', 1, [frame(1, 0, 1, REQUEST_BLOCK), data(1, 1)]],
  [13, 'CONTINUATION alone', 1, [frame(9, 4, 1)]],
  [20, 'WINDOW_UPDATE 0 on stream 0', 1, [wide(0, 0)]],
  [6, 'PING of 7 octets', 6, [frame(6, 0, 0, Buffer.alloc(7))]],
  [8, 'SETTINGS of 5 octets', 6, [frame(4, 0, 0, Buffer.alloc(5))]],
  [8, 'SETTINGS ACK with a payload', 6, [frame(4, 1, 0, Buffer.alloc(6))]],
  [8, 'ENABLE_PUSH 2', 1, [settings([2, 2])]],
  [8, 'MAX_FRAME_SIZE below 16,384', 1, [settings([5, 16_383])]],
  [11, 'RST_STREAM on an idle stream', 1, [frame(3, 0, 99, uint32(8))]],
  [11, 'RST_STREAM of 3 octets', 6, [frame(3, 0, 1, Buffer.alloc(3))]],
  [15, 'padding as long as the frame', 1, [frame(0, 8, 1, Buffer.from([9, 0]))]],
  [20, 'WINDOW_UPDATE × 20,000', CALM, times(20_000, () => wide(0, 1))],
  [21, 'PRIORITY × 20,000', CALM, times(20_000, () => frame(2, 0, 99, Buffer.alloc(5)))],
  [22, 'unknown frames × 50,000', CALM, times(50_000, () => frame(0xfa, 0, 0, Buffer.alloc(9)))],
  [
    8,
    '1000 entries in SETTINGS',
    CALM,
    [settings(...Array.from({ length: 1000 }, (): [number, number] => [9, 1]))],
  ],
];

const heads: [n: number, name: string, fields: [string, string][]][] = [
  [27, 'CR in a value', request({}, ['x', 'a\rb'])],
  [27, 'LF in a value', request({}, ['x', 'a\nb'])],
  [27, 'NUL in a value', request({}, ['x', 'a\0b'])],
  [27, 'space around a value', request({}, ['x', ' a'])],
  [27, 'upper-case name', request({}, ['X', 'a'])],
  [27, 'colon in a name', request({}, ['x:y', 'a'])],
  [28, ':path missing', request({ ':path': null })],
  [28, ':path empty', request({ ':path': '' })],
  [28, ':path without slash', request({ ':path': 'a/b' })],
  [28, ':path with a space', request({ ':path': '/a b' })],
  [28, ':path with #', request({ ':path': '/a#b' })],
  [28, ':path twice', [[':path', '/x'], ...request()]],
  [28, ':method missing', request({ ':method': null })],
  [28, ':scheme missing', request({ ':scheme': null })],
  [28, ':status in a request', [[':status', '200'], ...request()]],
  [28, 'unknown pseudo-header', [[':extra', '1'], ...request()]],
  [28, 'late pseudo-header', request({ ':path': null }, [':path', '/x'])],
  [28, 'userinfo', request({ ':authority': 'user@host' })],
  [28, 'empty :authority', request({ ':authority': '' })],
  [28, 'host differs', request({}, ['host', 'other'])],
  [28, 'CONNECT with :path', request({ ':method': 'CONNECT' })],
  [29, 'connection', request({}, ['connection', 'close'])],
  [29, 'keep-alive', request({}, ['keep-alive', '1'])],
  [29, 'proxy-connection', request({}, ['proxy-connection', 'x'])],
  [29, 'transfer-encoding', request({}, ['transfer-encoding', 'chunked'])],
  [29, 'upgrade', request({}, ['upgrade', 'h2c'])],
  [29, 'te: gzip', request({ te: 'gzip' })],
  [30, 'content-length owed at END_STREAM', request({}, ['content-length', '5'])],
  [30, 'two content-lengths', request({}, ['content-length', '0'], ['content-length', '0'])],
  [30, 'content-length +5', request({}, ['content-length', '+5'])],
  [30, 'content-length 0x5', request({}, ['content-length', '0x5'])],
  [30, 'content-length 5,5', request({}, ['content-length', '5,5'])],
];

const SKIP_IN_REPLY = new Set([':method', ':scheme', ':path', ':authority', 'te', 'host', ':extra']);

/** The same flaw in a response, where it can be one there. */
function inReply(fields: readonly [string, string][]): [string, string][] | null {
  const rest = fields.filter(([name]) => !SKIP_IN_REPLY.has(name));
  const flawed = rest.some(([name]) => !['content-type', ':status'].includes(name));
  return flawed ? [[':status', '200'], ...rest] : null;
}

const declared5 = (length: string): [string, string][] =>
  request({ ':path': '/my.Hold/Hold' }, ['content-length', length]);
const bodies: Made[] = [
  {
    n: 30,
    name: 'DATA less than content-length',
    pieces: [headers(1, declared5('5'), false), data(1, 4, true)],
    resets: [1, 1],
  },
  {
    n: 30,
    name: 'DATA more than content-length',
    pieces: [headers(1, declared5('5'), false), data(1, 6)],
    resets: [1, 1],
  },
  {
    n: 30,
    name: 'trailers with octets owed',
    pieces: [headers(1, declared5('5'), false), data(1, 4), headers(1, [['x', 'y']])],
    resets: [1, 1],
  },
  {
    n: 23,
    name: 'trailers with a pseudo-header',
    pieces: [held(1), headers(1, [[':path', '/x']])],
    resets: [1, 1],
  },
  {
    n: 23,
    name: 'trailers without END_STREAM',
    pieces: [held(1), headers(1, [['x', 'y']], false)],
    resets: [1, 1],
  },
  {
    n: 23,
    name: 'trailers after trailers',
    pieces: [held(1), headers(1, [['x', 'y']]), headers(1, [['x', 'y']])],
    resets: [5, 1],
  },
  { n: 35, name: 'id lower than before', pieces: [held(5), held(3)], goAway: 1 },
  { n: 17, name: 'stream window overflow', pieces: [held(1), wide(1, 0x7fffffff)], resets: [3, 1] },
  {
    n: 17,
    name: 'SETTINGS makes a stream window overflow',
    pieces: [held(1), wide(1, 0x7ffeffff), settings([4, 0x10001])],
    goAway: 3,
  },
  {
    n: 40,
    name: 'gRPC frames that lie about their length, by pieces',
    pieces: [
      ack,
      headers(1, request(), false),
      frame(0, 0, 1, Buffer.from([2, 0xff, 0xff, 0xff, 0xff])),
      data(1, 3),
      data(1, 0),
      data(1, 0, true),
    ],
    check: (m) => (m.answers === 1 ? '' : 'not passed on'),
  },
  {
    n: 40,
    name: 'grpc-timeout of 9 digits',
    pieces: [ack, headers(1, request({}, ['grpc-timeout', '123456789m']))],
    check: (m) => (m.attemptsMax <= 1 ? '' : 'reached the upstream'),
  },
  {
    n: 39,
    name: '__proto__ and constructor as names',
    pieces: [ack, headers(1, request({}, ['__proto__', 'a'], ['constructor', 'b'], ['0', 'c']))],
    check: (m) => (m.answers === 1 ? '' : 'not served'),
  },
  { n: 39, name: 'names read from a big chunk do not pin it', pieces: [], check: namesCheck },
  {
    n: 31,
    name: 'size updates 0, 4096 × 10,000',
    waits: true,
    pieces: [
      opened,
      ...times(10_000, (i) =>
        frame(1, 5, 2 * i + 1, join(Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), block(request()))),
      ),
    ],
    check: (m) => (m.answers === 10_000 ? '' : `${m.answers} answers`),
  },
  {
    n: 31,
    name: 'our decoder table 0: update missing after the ACK',
    pieces: [ack, call(1)],
    limits: { decoderTableBytes: 0 },
    goAway: 9,
    guards: ['decoderTableBytes'],
  },
  {
    n: 1,
    name: 'peer asks for an encoder table of 2^32-1',
    pieces: [settings([1, 0xffffffff])],
    check: hpackCostCheck,
    guards: ['encoderTableBytes'],
  },
];

const hostileReplies: Made[] = [
  {
    n: 26,
    name: 'header bomb',
    pieces: [frame(1, 5, 1, bomb(REPLY_BLOCK, lit('x-a', 'a'.repeat(3900), 0x40), 4000))],
    goAway: CALM,
  },
  { n: 26, name: '120 crumbs', pieces: [frame(1, 5, 1, bomb(REPLY_BLOCK, crumb, 120))], resets: [1, 1] },
];

export const BOTH_ROWS: readonly Row[] = [
  ...ROLES.flatMap((role): Row[] => [
    ...compression.map(([n, name, octets]): Row => ({ n, name, role, pieces: block5(...octets), goAway: 9 })),
    ...connection.map(
      ([n, name, goAwayCode, pieces]): Row => ({ n, name, role, pieces, goAway: goAwayCode }),
    ),
  ]),
  ...heads.map(
    ([n, name, fields]): Row => ({
      n,
      name,
      role: 'server',
      pieces: [headers(1, fields), call(3)],
      resets: [1, 1],
      check: (m) => (m.answers === 1 ? '' : 'the next call is not served'),
    }),
  ),
  ...heads.flatMap(([n, name, fields]): Row[] => {
    const reply = inReply(fields);
    return reply === null ? [] : [{ n, name, role: 'client', pieces: [headers(1, reply)], resets: [1, 1] }];
  }),
  ...bodies.map((row): Row => ({ ...row, role: 'server' })),
  ...hostileReplies.map((row): Row => ({ ...row, role: 'client' })),
];
