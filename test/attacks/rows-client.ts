/** The table of attacks, client role: a hostile upstream. */
import {
  CALM,
  ack,
  call,
  data,
  frame,
  goAway,
  headers,
  join,
  lit,
  ping,
  reply,
  reset,
  settings,
  times,
  wide,
  REPLY_BLOCK,
} from './bytes.ts';
import type { Row } from './measured.ts';

type Made = Omit<Row, 'role'>;

const early = headers(
  1,
  [
    [':status', '103'],
    ['link', 'x'.repeat(500)],
  ],
  false,
);

const rows: Made[] = [
  {
    n: 26,
    name: 'reads nothing: 1,000 calls run out of time at once',
    opening: settings([3, 0x7fffffff]),
    open: 1_000,
    reads: false,
    pieces: times(200, () => ping),
  },
  {
    n: 24,
    name: '1xx × 130',
    pieces: times(130, () => early),
    resets: [1, 1],
    guards: ['informationalBytesMax'],
  },
  { n: 24, name: '1xx with END_STREAM', pieces: [headers(1, [[':status', '103']])], resets: [1, 1] },
  { n: 24, name: ':status 101', pieces: [headers(1, [[':status', '101']], false)], resets: [1, 1] },
  { n: 26, name: 'missing trailers', pieces: [ack, reply(1), data(1, 5, true), reply(3, true)] },
  { n: 26, name: 'DATA before HEADERS', pieces: [data(1, 3)], resets: [1, 1] },
  { n: 26, name: 'RST NO_ERROR early', pieces: [ack, ...times(4, (i) => reset(2 * i + 1, 0))] },
  { n: 26, name: 'GOAWAY storm', pieces: [ack, ...times(3_000, () => goAway(7))], goAway: CALM },
  { n: 26, name: 'GOAWAY 0 with calls open', pieces: [ack, goAway(0)], goAway: 0 },
  {
    n: 26,
    name: 'MAX_CONCURRENT_STREAMS 0, never raised',
    opening: settings([3, 0]),
    pieces: [ack],
    check: (m) => (m.streamsMax === 0 ? '' : 'opened'),
  },
  {
    n: 26,
    name: 'silent: calls end at their deadline',
    pieces: [ack],
    afterMs: 6_000,
    check: (m) => (m.answers === 0 ? '' : 'answered'),
  },
  { n: 26, name: 'reply to nobody', pieces: [headers(99, [[':status', '200']])], goAway: 1 },
  {
    n: 26,
    name: '1,500 calls though any number is allowed',
    opening: settings([3, 0x7fffffff]),
    open: 1_500,
    pieces: [ack],
    guards: ['openStreamsMax'],
  },
  {
    n: 7,
    name: 'replies that make us reset × 1,000',
    opening: settings([3, 0x7fffffff]),
    open: 1_000,
    pieces: [ack, ...times(1_000, (i) => data(2 * i + 1, 3))],
    resets: [1, 900],
  },
  {
    n: 10,
    name: 'empty DATA in a row',
    pieces: [reply(1), ...times(20_000, () => data(1, 0))],
    goAway: CALM,
  },
  {
    n: 16,
    name: 'tiny DATA, unread or not: bounded',
    pieces: [ack, reply(1), ...times(20_000, () => data(1, 1))],
  },
  {
    n: 13,
    name: 'CONTINUATION × 20,000',
    pieces: [frame(1, 0, 1, REPLY_BLOCK), ...times(20_000, () => frame(9, 0, 1, lit('x', 'y'.repeat(90))))],
    goAway: CALM,
  },
  {
    n: 13,
    name: 'empty CONTINUATION × 20,000',
    pieces: [frame(1, 0, 1, REPLY_BLOCK), ...times(20_000, () => frame(9, 0, 1))],
    goAway: CALM,
  },
  {
    n: 14,
    name: 'gone inside a block',
    pieces: [frame(1, 0, 1, REPLY_BLOCK)],
    check: (_, rig) => (rig.hostile.handleEof(), rig.hostile.streamsOpen === 0 ? '' : 'stream left'),
  },
  { n: 6, name: 'PING flood, unread', pieces: times(20_000, () => ping), reads: false, goAway: CALM },
  {
    n: 8,
    name: 'SETTINGS flood, unread',
    pieces: times(20_000, () => settings()),
    reads: false,
    goAway: CALM,
  },
  {
    n: 19,
    name: 'window flips × 4000',
    pieces: times(4000, (i) => settings([4, i % 2 === 0 ? 0 : 65_535])),
    goAway: CALM,
  },
  {
    n: 17,
    name: 'more DATA than the connection window',
    pieces: [ack, ...times(40, (i) => (i < 4 ? reply(2 * i + 1) : data(2 * (i & 3) + 1, 16_384)))],
    limits: { connectionWindowBytes: 65_535, streamWindowBytes: 1_000_000 },
    check: (m) => (m.bufferedMax < 2_000_000 ? '' : 'buffered'),
  },
  {
    n: 23,
    name: 'trailers after trailers',
    pieces: [ack, reply(1), headers(1, [['grpc-status', '0']]), headers(1, [['grpc-status', '0']])],
    goAway: 5,
  },
  { n: 34, name: 'no SETTINGS', opening: Buffer.alloc(0), open: 0, pieces: [], afterMs: 6_000, goAway: 4 },
  { n: 34, name: 'half a header block', pieces: [frame(1, 0, 1, REPLY_BLOCK)], afterMs: 5_100, goAway: CALM },
  {
    n: 36,
    name: 'HTTP/1 upstream',
    opening: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    open: 0,
    pieces: [],
    goAway: 6,
  },
  {
    n: 36,
    name: 'TLS upstream',
    opening: Buffer.from([0x15, 3, 1, 0, 2, 2, 40, 0, 0, 0]),
    open: 0,
    pieces: [],
    goAway: 6,
  },
  {
    n: 28,
    name: 'request pseudo-header in a response',
    pieces: [
      headers(1, [
        [':status', '200'],
        [':path', '/x'],
      ]),
    ],
    resets: [1, 1],
  },
  { n: 28, name: ':status missing', pieces: [headers(1, [['x', 'y']])], resets: [1, 1] },
  { n: 20, name: 'WINDOW_UPDATE 0 on a stream', pieces: [ack, wide(1, 0)], resets: [1, 1] },
  { n: 35, name: 'a request from an upstream', pieces: [call(2)], goAway: 1 },
  {
    n: 22,
    name: 'RST_STREAM × 20,000 on a closed stream',
    pieces: [ack, join(reply(1), reset(1)), ...times(20_000, () => reset(1))],
    goAway: CALM,
  },
];

export const CLIENT_ROWS: readonly Row[] = rows.map((row) => ({ ...row, role: 'client' }));
