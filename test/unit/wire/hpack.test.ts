/** HPACK and its Huffman code: the vectors of RFC 7541 appendix C, bounds, and the two memories. */
import { describe, expect, test } from 'vitest';
import { BlockMemo, DecodedBlock } from '../../../proxy/wire/block-memo.ts';
import { HeaderBlock, headerBlock } from '../../../proxy/wire/headers.ts';
import { DecodeEnd, HpackDecoder } from '../../../proxy/wire/hpack-decoder.ts';
import { HpackEncoder } from '../../../proxy/wire/hpack-encoder.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../../proxy/wire/huffman.ts';
import { Output } from '../../../proxy/wire/output.ts';

function decode(decoder: HpackDecoder, hex: string): string[] {
  const octets = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  expect(decoder.decode(octets, 0, octets.length)).toBe(DecodeEnd.OK);
  return decoder.fields.map((field) => `${field.name}: ${field.value}`);
}

const FIRST = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];

describe('RFC 7541 appendix C', () => {
  test.each([
    ['C.3', '828684410f7777772e6578616d706c652e636f6d', '828684be58086e6f2d6361636865'],
    ['C.4', '828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf'],
  ])('%s requests', (_, first, second) => {
    const decoder = new HpackDecoder(4096, 65_536, 100);
    expect(decode(decoder, first)).toEqual(FIRST);
    expect(decoder.table.size).toBe(57);
    expect(decode(decoder, second)).toEqual([...FIRST, 'cache-control: no-cache']);
    expect(decoder.table.size).toBe(110);
  });

  test('C.2 literals', () => {
    const decoder = new HpackDecoder(4096, 65_536, 100);
    expect(decode(decoder, '400a637573746f6d2d6b65790d637573746f6d2d686561646572')).toEqual([
      'custom-key: custom-header',
    ]);
    expect(decoder.table.size).toBe(55);
    expect(decode(decoder, '100870617373776f726406736563726574')).toEqual(['password: secret']);
    expect(decoder.fields[0]?.neverIndexed).toBe(true);
  });

  test('Huffman: every octet there and back; the vectors of C.4 and C.6', () => {
    const all = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).join('');
    const coded = new Uint8Array(1000);
    const end = huffmanEncode(all, coded, 0);
    expect(end).toBe(huffmanLength(all));
    const back = Buffer.alloc(300);
    expect(back.toString('latin1', 0, huffmanDecode(coded, 0, end, back))).toBe(all);
    const date = huffmanEncode('Mon, 21 Oct 2013 20:13:21 GMT', coded, 0);
    expect(Buffer.from(coded.subarray(0, date)).toString('hex')).toBe(
      'd07abe941054d444a8200595040b8166e082a62d1bff',
    );
  });
});

describe('encoder', () => {
  const block = headerBlock([
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['x-long', 'y'.repeat(5000)],
  ]);

  test('nothing is indexed before it is seen twice; later blocks are small and decode to the same', () => {
    const encoder = new HpackEncoder(4096);
    const decoder = new HpackDecoder(4096, 65_536, 100);
    const sizes: number[] = [];
    for (let i = 0; i < 6; i++) {
      const output = new Output();
      encoder.encode(block, false, output);
      sizes.push(output.length);
      expect(decoder.decode(output.buffer, 0, output.length)).toBe(DecodeEnd.OK);
      expect(decoder.fields.map((field) => field.value)).toEqual(block.fields.map((field) => field.value));
      expect(decoder.table.count).toBe(i === 0 ? 0 : 1);
    }
    expect(sizes[5]).toBeLessThan(sizes[0] as number);
  });

  test('what is remembered shows nowhere: blocks that other encoders knew come out the same', () => {
    const run = (): string => {
      const encoder = new HpackEncoder(4096);
      const output = new Output();
      for (let i = 0; i < 5; i++) encoder.encode(block, false, output);
      return output.buffer.toString('hex', 0, output.length);
    };
    expect(run()).toBe(run());
  });

  test('the peer may shrink the table but not grow ours; the change is announced', () => {
    const encoder = new HpackEncoder(4096);
    encoder.setPeerTableSize(0xffffffff);
    expect(encoder.table.maxSize).toBe(4096);
    encoder.setPeerTableSize(0);
    encoder.setPeerTableSize(100);
    const output = new Output();
    encoder.encode(headerBlock([[':status', '200']]), false, output);
    expect(output.buffer.toString('hex', 0, output.length)).toBe('203f4588');
  });
});

test('a decoder whose smaller table was acknowledged wants the update first', () => {
  const decoder = new HpackDecoder(100, 65_536, 100);
  decoder.handleSettingsAck();
  expect(decoder.decode(Buffer.from([0x88]), 0, 1)).toBe(DecodeEnd.BROKEN);
});

test('limits are applied while decoding, with the table kept in step', () => {
  const decoder = new HpackDecoder(4096, 1000, 3);
  const octets = Buffer.from('828684400161016288', 'hex');
  expect(decoder.decode(octets, 0, octets.length)).toBe(DecodeEnd.TOO_LARGE);
  expect(decoder.fields.length).toBe(3);
  expect(decoder.table.count).toBe(1);
});

test('block memory: from the second sight, under its table version, bounded', () => {
  const memo = new BlockMemo();
  const decoded = new DecodedBlock([], true, 0);
  const put = (version: number, octets: Buffer): void => {
    if (memo.find(version, octets, 0, octets.length) === null)
      memo.keep(version, octets, 0, octets.length, decoded);
  };
  const octets = Buffer.from('some block');
  put(1, octets);
  expect(memo.find(1, octets, 0, octets.length)).toBe(null);
  put(1, octets);
  expect(memo.find(1, octets, 0, octets.length)).toBe(decoded);
  expect(memo.find(2, octets, 0, octets.length)).toBe(null);
  expect(memo.find(1, Buffer.from('same block'), 0, octets.length)).toBe(null);
  for (let i = 0; i < 10_000; i++) {
    const other = Buffer.alloc(600, `${i}-`);
    put(1, other);
    put(1, other);
    expect(memo.find(1, other, 0, other.length)).toBe(decoded);
  }
  expect(memo.count).toBeLessThanOrEqual(256);
  expect(memo.bytes).toBeLessThanOrEqual(65_536);
});

test('block memory: who never repeats a block is asked now and then only, and found again when he does', () => {
  const memo = new BlockMemo();
  const decoded = new DecodedBlock([], true, 0);
  const ask = (octets: Buffer): boolean => {
    if (memo.find(1, octets, 0, octets.length) !== null) return true;
    memo.keep(1, octets, 0, octets.length, decoded);
    return false;
  };
  for (let i = 0; i < 100; i++) expect(ask(Buffer.from(`block ${i}`))).toBe(false);
  const same = Buffer.from('the same block');
  const sights = Array.from({ length: 64 }, () => ask(same));
  expect(sights.indexOf(true)).toBeGreaterThan(2);
  expect(sights.slice(sights.indexOf(true)).every(Boolean)).toBe(true);
});

test('more encoders than a field has places for marks: each still knows its own fields', () => {
  const block = headerBlock([
    ['x-one', 'a'],
    ['x-two', 'b'],
  ]);
  const pairs = Array.from({ length: 20 }, () => ({
    encoder: new HpackEncoder(4_096),
    decoder: new HpackDecoder(4_096, 65_536, 100),
  }));
  for (let round = 0; round < 6; round++) {
    for (const [index, { encoder, decoder }] of pairs.entries()) {
      const output = new Output();
      const mixed = headerBlock([['x-three', `${index} ${round}`]]);
      encoder.encode(new HeaderBlock([...block.fields, ...mixed.fields]), false, output);
      expect(decoder.decode(output.buffer, 0, output.length)).toBe(DecodeEnd.OK);
      expect(decoder.fields.map(({ value }) => value)).toEqual(['a', 'b', `${index} ${round}`]);
      // From the fourth round on both constant fields are one octet each.
      if (round > 3) expect([...output.buffer.subarray(0, 2)].every((octet) => octet >= 0x80)).toBe(true);
    }
  }
});
