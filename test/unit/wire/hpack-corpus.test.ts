/** The stories of http2jp/hpack-test-case: what a dozen encoders made of real header lists. Ours decodes all, and its own encoding of each. */
import { expect, test } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { DecodeEnd, HpackDecoder } from '../../../proxy/wire/hpack-decoder.ts';
import { HpackEncoder } from '../../../proxy/wire/hpack-encoder.ts';
import { Output } from '../../../proxy/wire/output.ts';
import { HPACK_CORPUS, jsonFiles, needCorpus, readJson } from './corpus.ts';

interface Story {
  readonly cases: readonly {
    readonly wire?: string;
    readonly header_table_size?: number | null;
    readonly headers: readonly Readonly<Record<string, string>>[];
  }[];
}
type Pairs = [string, string][];

const LIST_BYTES_MAX = 1_000_000;
const FIELDS_MAX = 1_000;

test('every story of every encoder decodes to its header lists', (context) => {
  const folder = needCorpus(HPACK_CORPUS, context);
  const files = jsonFiles(folder).filter((file) => !file.startsWith('raw-data/'));
  let blocks = 0;
  for (const file of files) {
    const story = readJson(folder, file) as Story;
    const sizes = story.cases.map((one) => one.header_table_size ?? 4_096);
    const decoder = new HpackDecoder(Math.max(...sizes), LIST_BYTES_MAX, FIELDS_MAX);
    let allowed = 4_096;
    for (const [n, one] of story.cases.entries()) {
      const octets = Buffer.from(one.wire ?? '', 'hex');
      expect(decode(decoder, octets), `${file} ${n}`).toEqual(pairsOf(one.headers));
      allowed = one.header_table_size ?? allowed;
      expect(decoder.table.maxSize, `${file} ${n}`).toBeLessThanOrEqual(allowed);
      expect(decoder.table.size).toBeLessThanOrEqual(decoder.table.maxSize);
      blocks += 1;
    }
  }
  console.log(`hpack corpus: ${files.length} of ${files.length} stories passed, ${blocks} header blocks`);
  expect(files.length).toBeGreaterThan(300);
  expect(blocks).toBeGreaterThan(files.length);
});

test('what our encoder makes of every story decodes to the same, with tables of any size, and is smaller', (context) => {
  const folder = needCorpus(HPACK_CORPUS, context);
  const files = jsonFiles(folder).filter((file) => file.startsWith('raw-data/'));
  const ratios: string[] = [];
  for (const tableBytes of [4_096, 256, 0]) {
    let plain = 0;
    let coded = 0;
    for (const file of files) {
      const encoder = new HpackEncoder(tableBytes);
      const decoder = new HpackDecoder(tableBytes, LIST_BYTES_MAX, FIELDS_MAX);
      for (const [n, one] of (readJson(folder, file) as Story).cases.entries()) {
        const pairs = pairsOf(one.headers);
        const output = new Output();
        encoder.encode(headerBlock(pairs), false, output);
        const octets = output.take();
        expect(decode(decoder, octets), `${file} ${n}`).toEqual(pairs);
        coded += octets.length;
        for (const [name, value] of pairs) plain += name.length + value.length;
      }
    }
    expect(coded).toBeLessThan(plain);
    ratios.push(`${((100 * coded) / plain).toFixed(0)} % with a table of ${tableBytes}`);
  }
  console.log(`hpack corpus: ${files.length} raw stories, ours takes ${ratios.join(', ')}`);
  expect(files.length).toBeGreaterThan(30);
});

function decode(decoder: HpackDecoder, octets: Uint8Array): Pairs {
  expect(decoder.decode(octets, 0, octets.length)).toBe(DecodeEnd.OK);
  return decoder.fields.map(({ name, value }) => [name, value]);
}

function pairsOf(headers: Story['cases'][number]['headers']): Pairs {
  return headers.flatMap((one) => Object.entries(one));
}
