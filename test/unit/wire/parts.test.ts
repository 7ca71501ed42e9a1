/** Small parts of the engine by themselves: stream table, state table, block memory, Huffman, the encoder's bounds, validation. */
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BlockMemo, DecodedBlock } from '../../../proxy/wire/block-memo.ts';
import { Core, advanceStream } from '../../../proxy/wire/core.ts';
import { FieldName, WireField } from '../../../proxy/wire/field.ts';
import {
  type HeaderBlock,
  formatGrpcTimeout,
  headerBlock,
  parseGrpcTimeout,
} from '../../../proxy/wire/headers.ts';
import { DecodeEnd, HpackDecoder } from '../../../proxy/wire/hpack-decoder.ts';
import { HpackEncoder } from '../../../proxy/wire/hpack-encoder.ts';
import { huffmanDecode, huffmanEncode, huffmanLength, huffmanRoom } from '../../../proxy/wire/huffman.ts';
import { Output } from '../../../proxy/wire/output.ts';
import { RecentFields } from '../../../proxy/wire/recent-fields.ts';
import { STREAM_TRANSITIONS, Stream, StreamState, StreamTable } from '../../../proxy/wire/stream.ts';
import { requestFlaw, responseFlaw, trailersFlaw } from '../../../proxy/wire/validate.ts';

const EVENTS = {
  onHeaders: () => {},
  onData: () => {},
  onTrailers: () => {},
  onReset: () => {},
  onDrained: () => {},
  onCapacity: () => {},
  onClose: () => {},
};

test('the stream table finds, lists and removes ids that share a place, also after it grew', () => {
  const table = new StreamTable();
  const streams = [1, 8_193, 17, 33, 3, 8_195, 16_385].map((id) => new Stream(id, null, 0));
  const ids = streams.map(({ id }) => id);
  for (const stream of streams) table.add(stream);
  for (const stream of streams) expect(table.get(stream.id)).toBe(stream);
  expect(table.get(49)).toBeNull();
  expect(table.all().map(({ id }) => id)).toEqual(ids.toSorted((a, b) => a - b));
  for (const [n, stream] of streams.entries()) {
    table.remove(stream);
    table.remove(stream);
    expect(table.count).toBe(streams.length - n - 1);
    expect(table.get(stream.id)).toBeNull();
  }
});

test('a stream event where the state table has none is a bug, and shouts', () => {
  for (const [state, row] of STREAM_TRANSITIONS.entries()) {
    for (const [event, next] of row.entries()) {
      const stream = new Stream(1, null, 0);
      stream.state = state;
      const core = new Core('server', EVENTS, {});
      core.streams.add(stream);
      const go = (): void => advanceStream(core, stream, event);
      if (next < 0) expect(go, `${state} ${event}`).toThrow('assert: ');
      else {
        go();
        expect(stream.state).toBe(next);
        expect(core.streams.count).toBe(next === StreamState.CLOSED ? 0 : 1);
      }
    }
  }
});

test('block memory: octets with the same hash are told apart, of equal length or not', () => {
  const decoded = new DecodedBlock([], true, 0);
  const memo = new BlockMemo();
  expect(memo.count).toBe(0);
  const octets = Buffer.from([10, 100]);
  const longer = sameHash(octets, 11);
  for (const kept of [octets, longer]) {
    for (let sight = 0; sight < 2; sight++) {
      memo.find(1, kept, 0, kept.length);
      memo.keep(1, kept, 0, kept.length, decoded);
    }
    expect([memo.find(1, kept, 0, kept.length), memo.count]).toEqual([decoded, 1]);
    expect(memo.find(1, Buffer.from([11, 100 - 31]), 0, 2)).toBeNull();
    const other = kept === octets ? longer : octets;
    expect(memo.find(1, other, 0, other.length)).toBeNull();
  }
});

/** Longer octets that begin with these, with the same hash (length, then times 31 plus each octet, modulo 2^32). */
function sameHash(prefix: Buffer, length: number): Buffer {
  const hash = (bytes: Uint8Array): bigint =>
    bytes.reduce((sum, octet) => (sum * 31n + BigInt(octet)) & 0xffffffffn, BigInt(bytes.length));
  const made = Buffer.alloc(length);
  made.set(prefix);
  let left = (hash(prefix) - hash(made) + 0x100000000n) & 0xffffffffn;
  for (let i = prefix.length; i < length; i++) {
    const weight = 31n ** BigInt(length - 1 - i);
    const digit = left / weight;
    made[i] = Number(digit > 255n ? 255n : digit);
    left -= BigInt(made[i] as number) * weight;
  }
  expect(hash(made)).toBe(hash(prefix));
  return made;
}

describe('Huffman', () => {
  test('the code of every octet is that of RFC 7541 appendix B', () => {
    const coded = new Uint8Array(40);
    const table = Array.from({ length: 256 }, (_, octet) => {
      // Eight of a kind end on a whole octet: their length in octets is one code's length in bits.
      const text = String.fromCharCode(octet);
      const bits = huffmanLength(text.repeat(8));
      huffmanEncode(text.repeat(8), coded, 0);
      const digits = Array.from(coded, (each) => each.toString(2).padStart(8, '0')).join('');
      return `${octet} ${digits.slice(0, bits)}\n`;
    }).join('');
    // Of lines `OCTET CODE` made from the table in the RFC's text.
    expect(createHash('sha256').update(table).digest('hex')).toBe(
      'c47fc604cdcea5f03667a26b3404faacff8f3f069e29b3f22a44a6f7192f6c3d',
    );
  });

  test('EOS is refused in either half of an octet; the room that is told is enough for any text', () => {
    const target = Buffer.alloc(100);
    const eos = Buffer.from([0xff, 0xff, 0xff, 0xfc, 0xff]);
    expect(huffmanDecode(eos, 0, eos.length, target)).toBe(-1);
    const shifted = Buffer.from([0x07, 0xff, 0xff, 0xff, 0xff]);
    expect(huffmanDecode(shifted, 0, shifted.length, target)).toBe(-1);
    const coded = new Uint8Array(100);
    for (const text of ['aaaaa', 'abc', 'x-y-z', '\0\u00ff', '0'.repeat(40)]) {
      const end = huffmanEncode(text, coded, 0);
      expect(end).toBe(huffmanLength(text));
      expect(huffmanDecode(coded, 0, end, target)).toBe(text.length);
      const snug = Buffer.alloc(huffmanRoom(end));
      expect(snug.toString('latin1', 0, huffmanDecode(coded, 0, end, snug))).toBe(text);
    }
  });

  test('a decoder takes values of any length, from any Uint8Array', () => {
    const text = 'the longest cookie of all '.repeat(600);
    const coded = new Uint8Array(huffmanLength(text));
    huffmanEncode(text, coded, 0);
    const prefix: number[] = [0x00, 0x01, 0x78, 0xff];
    for (let rest = coded.length - 127; ; rest = rest >>> 7) {
      prefix.push(rest < 128 ? rest : (rest & 127) | 128);
      if (rest < 128) break;
    }
    const octets = Uint8Array.of(...prefix, ...coded);
    const decoder = new HpackDecoder(4_096, 65_536, 10);
    expect(decoder.decode(octets, 0, octets.length)).toBe(DecodeEnd.OK);
    expect(decoder.fields.map(({ name, value }) => [name, value])).toEqual([['x', text]]);
    const plain = Uint8Array.from([9, 9, 0x00, 0x01, 0x78, 0x01, 0x79]).subarray(1);
    expect(decoder.decode(plain, 1, plain.length)).toBe(DecodeEnd.OK);
    expect(decoder.fields[0]?.value).toBe('y');
  });
});

describe('encoder', () => {
  const encode = (encoder: HpackEncoder, ...fields: [string, string][]): Buffer => {
    const output = new Output();
    encoder.encode(headerBlock(fields), false, output);
    return Buffer.from(output.take());
  };

  test('a table smaller than the default is announced before the first field', () => {
    expect(encode(new HpackEncoder(100), [':status', '200']).toString('hex')).toBe('3f4588');
    expect(encode(new HpackEncoder(0), [':status', '200']).toString('hex')).toBe('200803323030');
    expect(encode(new HpackEncoder(4_096), [':status', '200']).toString('hex')).toBe('88');
  });

  test('a name whose values come back is believed in again after many that did not', () => {
    const encoder = new HpackEncoder(4_096);
    const decoder = new HpackDecoder(4_096, 65_536, 100);
    const seen = (value: string): void => {
      const octets = encode(encoder, ['x-id', value]);
      expect(decoder.decode(octets, 0, octets.length)).toBe(DecodeEnd.OK);
      expect(decoder.fields[0]?.value).toBe(value);
    };
    for (let i = 0; i < 30; i++) seen(`v${i}`);
    for (let i = 0; i < 3; i++) seen(`v${i}`);
    expect(decoder.table.count).toBe(3);
    for (let i = 30; i < 50; i++) seen(`v${i}`);
    seen('later');
    seen('later');
    expect(decoder.table.count).toBe(4);
    // Thirty-three in a row that never come back: the next one is not even remembered.
    for (let i = 50; i < 70; i++) seen(`v${i}`);
    seen('too late');
    seen('too late');
    expect(decoder.table.count).toBe(4);
  });

  test('its memories of names, fields and blocks are bounded, and forgetting shows nowhere but in the size', () => {
    const encoder = new HpackEncoder(4_096);
    const decoder = new HpackDecoder(4_096, 65_536, 100);
    const blocks = Array.from({ length: 300 }, (_, n) =>
      headerBlock([
        [':status', '200'],
        [`x-${n}`, 'v'.repeat(900)],
        [`y-${n}`, 'w'.repeat(1_200)],
        [`z-${n}`, '1'],
      ]),
    );
    for (let round = 0; round < 4; round++) {
      for (const one of blocks) {
        for (let again = 0; again < 3; again++) {
          const output = new Output();
          encoder.encode(one, false, output);
          expect(decoder.decode(output.buffer, 0, output.length)).toBe(DecodeEnd.OK);
          expect(decoder.fields.map(({ value }) => value)).toEqual(one.fields.map(({ value }) => value));
        }
      }
    }
    expect(decoder.table.size).toBeLessThanOrEqual(4_096);
  });

  test('a block comes out the same before and after the memory of blocks was emptied', () => {
    const encoder = new HpackEncoder(4_096);
    const blocks = Array.from({ length: 300 }, (_, n) => headerBlock([[`x-${n % 20}`, `v${n % 20}`]]));
    const hex = (n: number): string => {
      const output = new Output();
      encoder.encode(blocks[n] as (typeof blocks)[number], false, output);
      return Buffer.from(output.take()).toString('hex');
    };
    for (let n = 0; n < 300; n++) for (let again = 0; again < 4; again++) hex(n);
    const remembered = Array.from({ length: 300 }, (_, n) => hex(n));
    // All are one octet of index by now, those that were forgotten as well.
    expect(new Set(remembered).size).toBe(20);
    expect(remembered.every((octets, n) => octets.length === 2 && octets === remembered[n % 20])).toBe(true);
  });
});

describe('recent fields', () => {
  const find = (recent: RecentFields, name: string, value: string, neverIndexed = false): WireField | null =>
    recent.find(name, Buffer.from(`<${value}>`, 'latin1'), 1, value.length + 1, neverIndexed);
  const keep = (recent: RecentFields, name: string, value: string): WireField => {
    const field = new WireField(new FieldName(name), value, false);
    expect(find(recent, name, value)).toBeNull();
    recent.keep(field);
    return field;
  };

  test('a field is found by its name and all octets of its value', () => {
    const recent = new RecentFields();
    const field = keep(recent, 'abc', 'x-1-z\u00ff');
    expect(find(recent, 'abc', 'x-1-z\u00ff')).toBe(field);
    expect(find(recent, 'abc', 'x-2-z\u00ff')).toBeNull();
    expect(find(recent, 'abd', 'x-1-z\u00ff')).toBeNull();
    expect(find(recent, 'abc', 'x-1-z\u00ff', true)).toBeNull();
    const nothing = keep(recent, 'abc', '');
    expect(find(recent, 'abc', '')).toBe(nothing);
    const long = 'l'.repeat(257);
    keep(recent, 'abc', long);
    expect(find(recent, 'abc', long)).toBeNull();
  });

  test('one that was found again outlives eight strangers in its place, another none', () => {
    const recent = new RecentFields();
    const good = keep(recent, 'abc', 'a0z');
    expect(find(recent, 'abc', 'a0z')).toBe(good);
    for (let n = 1; n < 8; n++) keep(recent, 'abc', `a${n}z`);
    expect(find(recent, 'abc', 'a0z')).toBe(good);
    for (let n = 1; n <= 9; n++) keep(recent, 'abc', `a${n}z`);
    expect(find(recent, 'abc', 'a0z')).toBeNull();
  });

  test('a decoder makes a field once that its peer sends again and again', () => {
    const decoder = new HpackDecoder(4_096, 16_384, 100);
    const literal = (first: number): Buffer => Buffer.from([first, 2, 0x74, 0x65, 2, 0x68, 0x69]);
    const fieldOf = (first: number): WireField => {
      expect(decoder.decode(literal(first), 0, 7)).toBe(DecodeEnd.OK);
      return decoder.fields[0] as WireField;
    };
    expect(fieldOf(0x40)).toBe(fieldOf(0x00));
    expect(fieldOf(0x10)).not.toBe(fieldOf(0x00));
    expect(fieldOf(0x10).neverIndexed).toBe(true);
  });
});

describe('what may be a message', () => {
  const fields = (list: Record<string, string>, more: [string, string][] = []): HeaderBlock =>
    headerBlock([...Object.entries(list), ...more]);
  const GET = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'host' };

  test.each([
    ['a plain request', GET, ''],
    ['OPTIONS *', { ...GET, ':method': 'OPTIONS', ':path': '*' }, ''],
    ['GET *', { ...GET, ':path': '*' }, ':path is malformed'],
    ['a method that is no token', { ...GET, ':method': 'G E T' }, ':method is not a token'],
    ['an empty method', { ...GET, ':method': '' }, ':method is missing'],
    ['CONNECT', { ':method': 'CONNECT', ':authority': 'host:443' }, ''],
    ['CONNECT to nowhere', { ':method': 'CONNECT' }, 'CONNECT without :authority'],
    ['CONNECT to nothing', { ':method': 'CONNECT', ':authority': '' }, 'CONNECT without :authority'],
    [
      'CONNECT with a scheme',
      { ':method': 'CONNECT', ':authority': 'h', ':scheme': 'http' },
      'CONNECT with :scheme or :path',
    ],
    [
      'CONNECT with a path',
      { ':method': 'CONNECT', ':authority': 'h', ':path': '/' },
      'CONNECT with :scheme or :path',
    ],
    ['a scheme with a space', { ...GET, ':scheme': 'ht tp' }, ':scheme is missing or malformed'],
  ])('%s', (_, list, flaw) => {
    expect(requestFlaw(fields(list as Record<string, string>))).toBe(flaw);
  });

  test('host twice: the same is one, another is a flaw; without :authority it stands alone', () => {
    const { ':authority': _, ...bare } = GET;
    expect(requestFlaw(fields(bare, [['host', 'host']]))).toBe('');
    const twice = (second: string): string =>
      requestFlaw(
        fields(GET, [
          ['host', 'host'],
          ['host', second],
        ]),
      );
    expect([twice('host'), twice('other')]).toEqual(['', 'two hosts']);
  });

  test('a response has a status of three digits and no request field', () => {
    expect(responseFlaw(fields({ ':status': '200' }))).toBe('');
    for (const bad of ['', '20', '2000', '099', '2x0']) {
      expect(responseFlaw(fields({ ':status': bad })), bad).toBe(':status is missing or malformed');
    }
    for (const name of [':method', ':scheme', ':path', ':authority']) {
      expect(responseFlaw(fields({ ':status': '200', [name]: name === ':path' ? '/' : 'http' }))).toBe(
        'request pseudo-header in a response',
      );
    }
  });
});

test('trailers: a length, which means nothing there, may even come twice; pseudo-headers and flawed fields may not', () => {
  const length: [string, string] = ['content-length', '1'];
  expect(trailersFlaw(headerBlock([length, length, ['grpc-status', '0']]))).toBe('');
  expect(trailersFlaw(headerBlock([length, length, [':path', '/']]))).toBe('pseudo-header in trailers');
  expect(trailersFlaw(headerBlock([['X', 'a']]))).not.toBe('');
});

test('MS-12: a timeout is written with at most eight digits, never as zero, and never shorter or a unit longer', () => {
  const sizes: Record<string, number> = { n: 1, u: 1e3, m: 1e6, S: 1e9, M: 60e9, H: 3_600e9 };
  const most = 99_999_999 * 3_600e9;
  fc.assert(
    fc.property(fc.double({ min: 0, max: Math.log2(most), noNaN: true }), (exponent) => {
      const timeoutNs = Math.floor(2 ** exponent);
      const text = formatGrpcTimeout(timeoutNs);
      expect(text).toMatch(/^[1-9]\d{0,7}[HMSmun]$/);
      const longer = parseGrpcTimeout(text) - timeoutNs;
      expect(longer).toBeGreaterThanOrEqual(0);
      expect(longer).toBeLessThan(sizes[text.at(-1) as string] as number);
    }),
    { numRuns: 2_000 },
  );
});

test('grpc-timeout: the finest unit of eight digits, and never more than there are hours for', () => {
  expect([1, 99_999_999, 1e8, 1e25].map(formatGrpcTimeout)).toEqual([
    '1n',
    '99999999n',
    '100000u',
    '99999999H',
  ]);
  expect(
    ['1n', '2S', '99999999H', '', 'S', '123456789m', '1x', '-1S', '1é', '1→'].map(parseGrpcTimeout),
  ).toEqual([1, 2e9, 99_999_999 * 3_600e9, -2, -2, -2, -2, -2, -2, -2]);
});
