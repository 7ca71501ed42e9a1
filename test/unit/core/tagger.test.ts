import { expect, it } from 'vitest';
import { Tagger } from '../../../proxy/core/tagger.ts';

function message(text: string): Buffer {
  const field = text === '' ? [] : [0x0a, ...varint(Buffer.byteLength(text)), ...Buffer.from(text)];
  const head = Buffer.alloc(5);
  head.writeUInt32BE(field.length, 1);
  return Buffer.concat([head, Buffer.from(field)]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

function through(bytes: Buffer, size: number): Buffer {
  const tagger = new Tagger(Buffer.from('Sidecar: '));
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size)
    out.push(Uint8Array.from(tagger.pass(bytes.subarray(at, at + size), false)));
  out.push(tagger.rest());
  return Buffer.concat(out);
}

it('tags the first message however it is cut, and no other', () => {
  for (const text of ['', 'Hello, World', 'x'.repeat(120), 'y'.repeat(20_000)]) {
    const bytes = Buffer.concat([message(text), message('second')]);
    const wanted = Buffer.concat([message(`Sidecar: ${text}`), message('second')]);
    for (const size of [1, 2, 5, 6, 7, 11, 12, 64, bytes.length]) {
      if (size < 5 && text.length > 1_000) continue;
      expect(through(bytes, size).equals(wanted)).toBe(true);
    }
  }
});

it('leaves alone what it does not understand: compressed, another first field, a length that lies, a short end', () => {
  const compressed = message('abc');
  compressed[0] = 1;
  const other = message('abc');
  other[5] = 0x12;
  const lies = message('abc');
  lies[6] = 100;
  const endless = Buffer.from([0, 0, 0, 0, 9, 0x0a, 255, 255, 255, 255, 255, 255, 1, 2]);
  for (const bytes of [
    compressed,
    other,
    lies,
    endless,
    Buffer.from([0, 0, 0]),
    Buffer.from([0, 0, 0, 0, 4, 0x0a]),
  ]) {
    for (const size of [1, 3, bytes.length]) expect(through(bytes, size).equals(bytes)).toBe(true);
  }
});
