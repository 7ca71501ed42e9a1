/** The table of attacks, server role: resets that the caller provokes, slowness, openings, ends. */
import {
  CALM,
  REQUEST_BLOCK,
  call,
  data,
  frame,
  goAway,
  held,
  idOf,
  join,
  times,
  uint32,
  wide,
} from './bytes.ts';
import type { Row } from './measured.ts';

type Made = Omit<Row, 'role'>;

const provoked = (name: string, provoke: (id: number) => Buffer): Made => ({
  n: 12,
  name: `MadeYouReset: ${name}`,
  pieces: times(4000, (i) =>
    i % 2 === 0 ? held(idOf(i >> 1), name.includes('after')) : provoke(idOf(i >> 1)),
  ),
  goAway: CALM,
  check: (m, rig) => (rig.sidecar.stats().attemptsStarted <= 1_100 ? '' : `attempts ${m.attemptsStarted}`),
});

const resets: Made[] = [
  provoked('WINDOW_UPDATE 0', (id) => wide(id, 0)),
  provoked('window overflow', (id) => wide(id, 0x7fffffff)),
  provoked('PRIORITY of a wrong size', (id) => frame(2, 0, id, Buffer.alloc(4))),
  provoked('PRIORITY on itself', (id) => frame(2, 0, id, join(uint32(id), Buffer.alloc(1)))),
  provoked('DATA after END_STREAM', (id) => data(id, 1)),
  provoked('HEADERS after END_STREAM', (id) => held(id)),
];

const time: Made[] = [
  {
    n: 34,
    name: 'no preface',
    opening: Buffer.alloc(0),
    pieces: [],
    afterMs: 11_000,
    goAway: 1,
    guards: ['prefaceTimeoutMs'],
  },
  {
    n: 34,
    name: 'preface, no SETTINGS',
    opening: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    pieces: [],
    afterMs: 16_000,
    goAway: 4,
    guards: ['settingsTimeoutMs'],
  },
  {
    n: 34,
    name: 'preface at 1 octet per 10 s',
    opening: Buffer.alloc(0),
    pieces: times(5, (i) => Buffer.from('PRI * '.slice(i, i + 1))),
    paceMs: 10_000,
    goAway: 1,
  },
  {
    n: 34,
    name: 'SETTINGS never acknowledged',
    pieces: [],
    afterMs: 26_000,
    goAway: 4,
    guards: ['settingsAckTimeoutMs'],
  },
  {
    n: 34,
    name: 'half a header block',
    pieces: [frame(1, 1, 1, REQUEST_BLOCK)],
    afterMs: 5_100,
    goAway: CALM,
    guards: ['headerBlockTimeoutMs'],
  },
  {
    n: 35,
    name: 'ids near their end: polite GOAWAY',
    pieces: [call(0x40000001), call(0x7fffffff)],
    guards: ['streamIdMax'],
    check: (m) => (m.politeGoAway && m.answers === 2 ? '' : 'no polite GOAWAY, or a call unanswered'),
  },
  {
    n: 36,
    name: 'HTTP/1 on the port',
    opening: Buffer.from('GET / HTTP/1.1\r\nupgrade: h2c\r\n\r\n'),
    pieces: [],
    check: (m) => (m.plainLine.startsWith('HTTP/1.1 505 ') ? '' : 'no plain line'),
  },
  { n: 36, name: 'TLS on the port', opening: Buffer.from([0x16, 3, 1, 2, 0]), pieces: [], goAway: 1 },
  {
    n: 37,
    name: 'GOAWAY × 3,000 with 16 KB',
    pieces: times(3_000, () => goAway(0, Buffer.alloc(16_000))),
    goAway: CALM,
  },
];

export const SERVER_TIME_ROWS: readonly Row[] = [...resets, ...time].map((row) => ({
  ...row,
  role: 'server',
}));
