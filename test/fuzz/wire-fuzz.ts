/**
 * Fuzzes the wire engine: made-up and mutated frames into both roles, whole and cut anywhere; random blocks into HPACK;
 * round trips. A finding is a broken promise: something thrown, outputs that depend on the cuts, memory out of bounds.
 */
import { DecodeEnd, HpackDecoder } from '../../proxy/wire/hpack-decoder.ts';
import { HpackEncoder } from '../../proxy/wire/hpack-encoder.ts';
import { HeaderBlock, headerBlock } from '../../proxy/wire/headers.ts';
import { Connection, type ConnectionRole } from '../../proxy/wire/connection.ts';
import type { LinkEvents, LinkStream } from '../../proxy/wire/link.ts';
import { Output } from '../../proxy/wire/output.ts';
import {
  PREFACE,
  REQUEST,
  RESPONSE,
  TRAILERS,
  block,
  frame,
  lit,
  settings,
  uint32,
} from '../unit/wire/kit.ts';
import { Random } from './random.ts';

export interface Trace {
  readonly role: ConnectionRole;
  readonly hex: string;
  readonly note: string;
}

/** One round of a seed. Returns what was found, or null. */
export function fuzzOnce(seed: number): Trace | null {
  const random = new Random(seed);
  if (random.chance(30)) return fuzzHpack(random, seed);
  const role: ConnectionRole = random.chance(50) ? 'server' : 'client';
  let octets = makeTrace(random, role);
  if (random.chance(50)) octets = mutate(random, octets);
  const note = judgeTrace(role, octets, random);
  return note === '' ? null : { role, hex: octets.toString('hex'), note: `seed ${seed}: ${note}` };
}

/** Every promise about one trace; '' when all hold. */
export function judgeTrace(role: ConnectionRole, octets: Buffer, random: Random): string {
  let whole: string;
  try {
    whole = run(role, [octets]);
    for (let i = 0; i < 2; i++) {
      const cut = run(role, cuts(random, octets));
      if (cut !== whole) return `depends on cuts:\n${whole}\n---\n${cut}`;
    }
  } catch (error) {
    return `thrown: ${error instanceof Error ? error.stack : String(error)}`;
  }
  return whole.startsWith('broken') ? whole : '';
}

function run(role: ConnectionRole, pieces: Buffer[]): string {
  const log: string[] = [];
  const holder: { connection: Connection | null } = { connection: null };
  const connection = new Connection(role, machine(holder, log), {});
  holder.connection = connection;
  if (role === 'client') {
    for (let i = 0; i < 4; i++) connection.openStream(null, headerBlock(REQUEST), i * 1e6 - 1, i, i !== 3);
  }
  for (const piece of pieces) {
    connection.handleBytes(piece);
    if (connection.bufferedBytes > BUFFERED_MAX) return `broken: holds ${connection.bufferedBytes} octets`;
  }
  log.push(Buffer.from(connection.takeOutput()).toString('hex'));
  connection.handleEof();
  if (connection.streamsOpen !== 0) return 'broken: streams left after the end';
  connection.handleBytes(Buffer.from('late'));
  connection.handleTimeout();
  return log.join('\n');
}

/** A machine that does something of everything, as a function of what it gets. */
function machine(holder: { connection: Connection | null }, log: string[]): LinkEvents {
  const own = (): Connection => holder.connection as Connection;
  return {
    onHeaders(stream, head, endStream) {
      log.push(
        `h ${stream.id} ${head.fields.map((field) => `${field.name}=${field.value}`).join()} ${endStream}`,
      );
      if (own().role === 'client') return;
      if (stream.id % 8 === 7) own().resetStream(stream, 8);
      else own().sendHeaders(stream, RESPONSE, stream.id % 8 === 5);
    },
    onData(stream, bytes, endStream) {
      log.push(`d ${stream.id} ${Buffer.from(bytes).toString('hex')} ${endStream}`);
      own().consume(stream, bytes.length >> (stream.id & 1));
      own().sendData(stream, bytes, false);
      if (endStream) own().sendTrailers(stream, TRAILERS);
    },
    onTrailers(stream, trailers) {
      log.push(`t ${stream.id} ${trailers.fields.length}`);
      own().sendTrailers(stream, TRAILERS);
    },
    onReset(stream: LinkStream, code, unprocessed) {
      log.push(`r ${stream.id} ${code} ${unprocessed}`);
    },
    onDrained(stream) {
      log.push(`q ${stream.id}`);
    },
    onCapacity(goingAway) {
      log.push(`c ${goingAway}`);
    },
    onClose(reason) {
      log.push(`x ${reason}`);
    },
  };
}

function makeTrace(random: Random, role: ConnectionRole): Buffer {
  const parts: Buffer[] = role === 'server' ? [PREFACE, settings()] : [settings([3, 100])];
  if (random.chance(5)) parts.length = 0;
  let id = role === 'server' ? -1 : 1;
  const count = 1 + random.below(20);
  for (let i = 0; i < count; i++) {
    if (random.chance(50)) id = role === 'server' ? id + 2 : 1 + 2 * random.below(5);
    parts.push(makeFrame(random, role, random.chance(90) ? Math.max(1, id) : random.below(12)));
  }
  return Buffer.concat(parts);
}

function makeFrame(random: Random, role: ConnectionRole, id: number): Buffer {
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return headersFrame(random, role, id);
    case 4:
    case 5:
    case 6:
      return dataFrame(random, id);
    case 7:
      return frame(3, 0, id, uint32(random.below(16)));
    case 8:
      return settings([
        1 + random.below(7),
        random.pick([0, 1, 100, 4096, 16384, 65535, 0x7fffffff, random.uint32()]),
      ]);
    case 9:
      return frame(8, 0, random.chance(50) ? 0 : id, uint32(random.pick([0, 1, 1000, 65535, 0x7fffffff])));
    case 10:
      return frame(6, random.below(2), 0, random.octets(8));
    case 11:
      return frame(7, 0, 0, Buffer.concat([uint32(random.below(8)), uint32(0)]));
    case 12:
      return frame(2, 0, id, Buffer.concat([uint32(random.below(6)), Buffer.from([1])]));
    default:
      return frame(random.below(16), random.below(256), random.below(8), random.octets(random.below(40)));
  }
}

function headersFrame(random: Random, role: ConnectionRole, id: number): Buffer {
  const head: readonly (readonly [string, string])[] =
    role === 'server' ? REQUEST : [[':status', random.pick(['200', '103', '204', '99', '503'])]];
  let octets = random.chance(20) ? Buffer.alloc(0) : block(head);
  if (random.chance(50)) {
    octets = Buffer.concat([
      octets,
      lit(random.pick(NAMES), random.pick(VALUES), random.pick([0, 0x10, 0x40])),
    ]);
  }
  if (random.chance(30)) octets = Buffer.concat([octets, Buffer.from([random.below(256)])]);
  const end = random.below(2);
  if (random.chance(80)) return frame(1, 4 | end, id, octets);
  const cut = random.below(octets.length + 1);
  return Buffer.concat([
    frame(1, end, id, octets.subarray(0, cut)),
    frame(9, random.chance(90) ? 4 : 0, id, octets.subarray(cut)),
  ]);
}

function dataFrame(random: Random, id: number): Buffer {
  const body = random.octets(random.pick([0, 1, 5, 300, 2000]));
  if (random.chance(80)) return frame(0, random.below(2), id, body);
  const padding = random.below(20);
  return frame(
    0,
    8 | random.below(2),
    id,
    Buffer.concat([Buffer.from([padding]), body, Buffer.alloc(padding)]),
  );
}

function mutate(random: Random, octets: Buffer): Buffer {
  const mutated = Buffer.from(octets);
  for (let i = 1 + random.below(4); i > 0 && mutated.length > 0; i--) {
    mutated[random.below(mutated.length)] = random.chance(50)
      ? random.below(256)
      : random.pick([0, 1, 0x7f, 0x80, 0xff]);
  }
  return random.chance(20) ? mutated.subarray(0, random.below(mutated.length + 1)) : mutated;
}

function cuts(random: Random, octets: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const each = random.pick([1, 3, 10, 100]);
  for (let at = 0; at < octets.length; ) {
    const end = Math.min(octets.length, at + 1 + random.below(each));
    pieces.push(octets.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Random blocks never break out of bounds; what decodes survives our encoder and decoder. */
function fuzzHpack(random: Random, seed: number): Trace | null {
  const decoder = new HpackDecoder(4096, 65_536, 100);
  const encoder = new HpackEncoder(4096);
  const back = new HpackDecoder(4096, 65_536, 100);
  const fed: Buffer[] = [];
  const found = (note: string): Trace => ({
    role: 'server',
    hex: Buffer.concat(fed).toString('hex'),
    note: `seed ${seed}: HPACK: ${note}`,
  });
  try {
    for (let i = 0; i < 8; i++) {
      const octets = random.chance(50)
        ? random.octets(1 + random.below(64))
        : mutate(random, goodBlock(random));
      fed.push(octets);
      const end = decoder.decode(octets, 0, octets.length);
      if (decoder.table.size > 4096 || decoder.fields.length > octets.length) return found('out of bounds');
      if (end !== DecodeEnd.OK) break;
      const output = new Output();
      encoder.encode(new HeaderBlock(decoder.fields), false, output);
      if (back.decode(output.buffer, 0, output.length) !== DecodeEnd.OK)
        return found('own encoding is refused');
      if (textOf(back) !== textOf(decoder)) return found('round trip differs');
      if (back.table.size !== encoder.table.size) return found('tables differ');
    }
  } catch (error) {
    return found(`thrown: ${error instanceof Error ? error.stack : String(error)}`);
  }
  return null;
}

function textOf(decoder: HpackDecoder): string {
  return JSON.stringify(decoder.fields.map((field) => [field.name, field.value, field.neverIndexed]));
}

function goodBlock(random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let i = random.below(8); i >= 0; i--) {
    if (random.chance(40)) parts.push(Buffer.from([0x80 | (1 + random.below(70))]));
    else parts.push(lit(random.pick(NAMES), random.pick(VALUES), random.pick([0, 0x10, 0x40])));
  }
  return Buffer.concat(parts);
}

const NAMES = [
  'x-a',
  'content-length',
  'te',
  'cookie',
  '__proto__',
  'Upper',
  '',
  ':path',
  'grpc-status',
  'host',
  'x-é',
];
const VALUES = ['', '0', '5', 'trailers', 'a'.repeat(300), 'line\nbreak', '\xff\x00', 'constructor'];
/** Half a frame, a header block, the output, queued bodies and the block memory: far above them all together. */
const BUFFERED_MAX = 2_097_152;
