/**
 * The same octets to our engine and to node:http2 (nghttp2), in process: what became of the stream and of the connection
 * must agree, but for the differences of a written list.
 */
import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import {
  Drive,
  PREFACE,
  REQUEST,
  RESPONSE,
  block,
  call,
  data,
  frame,
  frames,
  headers,
  lit,
  settings,
  uint32,
} from '../unit/wire/kit.ts';
import type { Random } from './random.ts';

/** served: answered; S: the stream was reset; C: the connection ended with an error; open: neither. */
export type Verdict = 'served' | 'S' | 'C' | 'open';

export interface Case {
  /** What it is made of, for the list of differences. */
  readonly words: readonly string[];
  readonly octets: Buffer;
}

interface Difference {
  readonly word: RegExp;
  readonly ours: readonly Verdict[];
  readonly theirs: readonly Verdict[];
  readonly why: string;
}

/** Where we differ on purpose. */
export const ALLOWED: readonly Difference[] = [
  {
    word: /^bad value/,
    ours: ['S'],
    theirs: ['served', 'open'],
    why: 'node drops a field with an invalid value and serves; RFC 9113 §8.2.1 calls it malformed',
  },
  {
    word: /^bad name/,
    ours: ['S'],
    theirs: ['served', 'open'],
    why: 'node drops an empty field name and serves; RFC 9113 §8.2.1 calls it malformed',
  },
  {
    word: /^host differs/,
    ours: ['S'],
    theirs: ['served', 'open'],
    why: 'RFC 9113 §8.3.1: host that differs from :authority may be refused',
  },
  {
    word: /^priority/,
    ours: ['S', 'C'],
    theirs: ['served', 'open', 'S', 'C'],
    why: 'RFC 9113 §5.3 deprecates what RFC 7540 made of dependencies; we refuse loops',
  },
  {
    word: /^window 0/,
    ours: ['S'],
    theirs: ['C'],
    why: 'nghttp2 makes a connection error of WINDOW_UPDATE 0 on a stream; RFC 9113 §6.9 wants a stream error',
  },
  {
    word: /^after the end/,
    ours: ['S', 'C'],
    theirs: ['S', 'C', 'served'],
    why: 'frames after END_STREAM: stream or connection error, RFC 9113 §5.1 allows both once the stream is closed',
  },
  { word: /^empty data/, ours: ['C'], theirs: ['served', 'open', 'S'], why: 'our limit on empty frames' },
  {
    word: /^window over/,
    ours: ['S'],
    theirs: ['C'],
    why: 'RFC 9113 §6.9.1: the stream or the connection, as appropriate; a stream window concerns the stream',
  },
  {
    word: /^padding/,
    ours: ['C'],
    theirs: ['S', 'open', 'served'],
    why: 'nghttp2 does not look at the padding of DATA on an ended stream; RFC 9113 §6.1 makes no exception',
  },
];

/** The verdict on stream 1 by our engine; like node it answers when all octets are read. */
export function ourVerdict(octets: Buffer): Verdict {
  const drive = new Drive({ answer: false });
  drive.output = Buffer.alloc(0);
  drive.feed(octets);
  const whole = drive.events.some((event) => /^(?:headers|data) 1 \d+ true|^trailers 1 /.test(event));
  const stream = drive.streams.find(({ id }) => id === 1);
  if (whole && stream !== undefined) drive.connection.sendHeaders(stream, RESPONSE, true);
  drive.take();
  return verdictOf(drive.output);
}

/** The same by node:http2. */
export async function theirVerdict(octets: Buffer): Promise<Verdict> {
  const server = http2.createServer();
  let broken = false;
  server.on('sessionError', () => {
    broken = true;
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.on('end', () => {
      if (!stream.destroyed) stream.respond({ ':status': 200 }, { endStream: true });
    });
    stream.resume();
  });
  const written: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      written.push(chunk);
      done();
    },
  });
  wire.on('error', () => {});
  server.emit('connection', wire);
  wire.push(Buffer.concat([PREFACE, settings(), octets, frame(6, 0, 0, Buffer.from('farewell'))]));
  for (let turn = 0; turn < 60 && !wire.destroyed && !broken; turn++) {
    await new Promise(setImmediate);
    if (turn > 8 && Buffer.concat(written).includes('farewell')) break;
  }
  const verdict = verdictOf(Buffer.concat(written));
  const ended = broken || wire.destroyed || !Buffer.concat(written).includes('farewell');
  wire.destroy();
  return ended ? 'C' : verdict;
}

function verdictOf(octets: Buffer): Verdict {
  let verdict: Verdict = 'open';
  for (const { type, id, payload } of frames(octets)) {
    if (type === 7 && payload.readUInt32BE(4) !== 0) return 'C';
    if (id !== 1) continue;
    if (type === 3 && payload.readUInt32BE(0) !== 0) verdict = 'S';
    if (type === 1 && verdict === 'open') verdict = 'served';
  }
  return verdict;
}

/** The entry of the list that allows this difference, or null. */
export function allowedBy(made: Case, ours: Verdict, theirs: Verdict): Difference | null {
  return (
    ALLOWED.find(
      ({ word, ours: mine, theirs: other }) =>
        made.words.some((each) => word.test(each)) && mine.includes(ours) && other.includes(theirs),
    ) ?? null
  );
}

/** A request on stream 1, flawed or not, and what may follow it. */
export function makeCase(random: Random): Case {
  const words: string[] = [];
  let fields: [string, string][] = [...REQUEST];
  if (random.chance(40)) {
    const [word, change] = random.pick(FLAWS);
    words.push(word);
    fields = change(fields);
  }
  const end = random.chance(40);
  const parts = [headers(1, fields, end)];
  if (random.chance(15)) parts[0] = cutBlock(random, fields, end);
  for (let i = random.below(4); i > 0; i--) {
    const [word, follow] = random.pick(FOLLOWERS);
    words.push(
      end || words.includes('data end') || words.includes('trailers') ? `after the end: ${word}` : word,
      word,
    );
    parts.push(follow(random));
  }
  return { words, octets: Buffer.concat(parts) };
}

function cutBlock(random: Random, fields: [string, string][], end: boolean): Buffer {
  const octets = block(fields);
  const cut = random.below(octets.length + 1);
  return Buffer.concat([
    frame(1, end ? 1 : 0, 1, octets.subarray(0, cut)),
    frame(9, 4, 1, octets.subarray(cut)),
  ]);
}

type Fields = [string, string][];
const without =
  (name: string) =>
  (fields: Fields): Fields =>
    fields.filter(([each]) => each !== name);
const plus =
  (name: string, value: string) =>
  (fields: Fields): Fields => [...fields, [name, value]];
const first =
  (name: string, value: string) =>
  (fields: Fields): Fields => [[name, value], ...fields];

const FLAWS: readonly [word: string, change: (fields: Fields) => Fields][] = [
  ['no :path', without(':path')],
  ['no :method', without(':method')],
  ['no :scheme', without(':scheme')],
  ['late pseudo', plus(':authority', 'x')],
  ['unknown pseudo', first(':extra', 'x')],
  [':status', first(':status', '200')],
  ['upper-case name', plus('Upper', 'x')],
  ['bad name', plus('', 'x')],
  ['bad value', plus('x', 'a\rb')],
  ['bad value', plus('x', 'a\0b')],
  ['connection', plus('connection', 'close')],
  ['transfer-encoding', plus('transfer-encoding', 'chunked')],
  ['te', (fields) => plus('te', 'gzip')(without('te')(fields))],
  ['content-length +5', plus('content-length', '+5')],
  ['content-length 5', plus('content-length', '5')],
  ['host differs', plus('host', 'other')],
  ['fine', plus('x-fine', 'value')],
];

const FOLLOWERS: readonly [word: string, make: (random: Random) => Buffer][] = [
  ['data', (random) => data(1, 1 + random.below(300))],
  ['data end', (random) => data(1, random.below(10), true)],
  ['empty data', () => data(1, 0)],
  ['empty data twice', () => Buffer.concat([data(1, 0), data(1, 0)])],
  ['trailers', () => headers(1, [['x', 'y']])],
  ['trailers open', () => headers(1, [['x', 'y']], false)],
  ['trailers pseudo', () => headers(1, [[':path', '/']])],
  ['window', (random) => frame(8, 0, 1, uint32(1 + random.below(1000)))],
  ['window 0', () => frame(8, 0, 1, uint32(0))],
  ['window over', () => frame(8, 0, 1, uint32(0x7fffffff))],
  ['connection window over', () => frame(8, 0, 0, uint32(0x7fffffff))],
  ['priority', (random) => frame(2, 0, 1, Buffer.concat([uint32(random.below(3)), Buffer.alloc(1)]))],
  ['settings', (random) => settings([random.pick([1, 3, 4, 5, 10]), random.pick([16_384, 65_535, 100_000])])],
  [
    'settings bad',
    (random) =>
      random.pick([
        settings([2, 2]),
        settings([5, 1]),
        settings([4, 0x80000000]),
        frame(4, 0, 0, Buffer.alloc(5)),
      ]),
  ],
  ['ping', () => frame(6, 0, 0, Buffer.alloc(8))],
  ['ping bad', (random) => random.pick([frame(6, 0, 0, Buffer.alloc(7)), frame(6, 0, 1, Buffer.alloc(8))])],
  ['unknown', () => frame(0xfa, 0, 1, Buffer.alloc(3))],
  ['push', () => frame(5, 4, 1, Buffer.concat([uint32(2), block(REQUEST)]))],
  ['continuation', () => frame(9, 4, 1, lit('x', 'y'))],
  ['idle data', () => data(9, 1)],
  ['even', () => call(2)],
  ['padding', () => frame(0, 8, 1, Buffer.from([9, 0]))],
  ['big', () => Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])],
  ['hpack', () => frame(1, 5, 3, Buffer.from([0x80]))],
];
