/** Payloads on loan: what one connection reads goes out on another without a copy, whole and in order, however it was cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkStream } from '../../../proxy/wire/link.ts';
import { PREFACE, QUIET, REQUEST, block, data, frame, frames, settings } from './kit.ts';

const REQUEST_BLOCK = headerBlock(REQUEST.map(([name, value]) => [name, value]));
interface Passing {
  near: Connection;
  far: Connection;
  /** Reads into one buffer, as a driver does, writes what is on loan, and scribbles over the buffer. */
  read(octets: Uint8Array): void;
  /** All that was written to the far side. */
  written(): Buffer;
  /** The most pieces that one write had. */
  pieces(): number;
}

/** A server connection whose bodies go on to a client connection. */
function passing(borrows: boolean, consume = true): Passing {
  const slab = Buffer.alloc(65_536);
  const out: Buffer[] = [];
  let pieces = 0;
  const far = new Connection('client', QUIET);
  const near: Connection = new Connection(
    'server',
    {
      ...QUIET,
      onHeaders(stream) {
        stream.user = far.openStream(null, REQUEST_BLOCK, -1, 0, false);
      },
      onData(stream, bytes, endStream) {
        far.sendData(stream.user as LinkStream, bytes, endStream);
        if (consume) near.consume(stream, bytes.length);
      },
    },
    { streamWindowBytes: 1 << 24, connectionWindowBytes: 1 << 24 },
  );
  far.borrows = borrows;
  far.handleBytes(settings([4, 1 << 24]));
  far.handleBytes(frame(8, 0, 0, Buffer.from([0, 0xff, 0, 0])));
  near.handleBytes(Buffer.concat([PREFACE, settings()]));
  const take = (): void => {
    for (let rounds = 0; rounds < 64 && far.hasOutput; rounds++) {
      const chunks: Uint8Array[] = [];
      const own = far.takeChunks(chunks);
      pieces = Math.max(pieces, chunks.length);
      out.push(Buffer.concat(chunks));
      far.recycle(own);
    }
  };
  return {
    near,
    far,
    read(octets) {
      for (let at = 0; at < octets.length; at += slab.length) {
        const part = octets.subarray(at, at + slab.length);
        slab.set(part);
        near.handleLentBytes(slab.subarray(0, part.length));
        take();
        slab.fill(0xee);
      }
    },
    written() {
      take();
      return Buffer.concat(out);
    },
    pieces: () => pieces,
  };
}

function body(size: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) + seed) & 0xff));
}

function opened(id: number): Buffer {
  return frame(1, 0x4, id, block(REQUEST));
}

/** The bodies by stream, and the streams that ended. */
function bodies(octets: Buffer): { got: Map<number, Buffer>; ended: number[] } {
  const got = new Map<number, Buffer>();
  const ended: number[] = [];
  for (const { type, flags, id, payload } of frames(octets)) {
    if (type !== 0) continue;
    got.set(id, Buffer.concat([got.get(id) ?? Buffer.alloc(0), payload]));
    if ((flags & 1) !== 0) ended.push(id);
  }
  return { got, ended };
}

test('any frames, cut anywhere, padded or not, borrowed or copied: the same bodies', () => {
  const sizes = fc.array(
    fc.record({
      stream: fc.integer({ min: 0, max: 2 }),
      size: fc.oneof(fc.integer({ min: 1, max: 16_000 }), fc.constantFrom(4_095, 4_096, 16_000)),
      padding: fc.constantFrom(-1, 0, 200),
    }),
    { minLength: 1, maxLength: 24 },
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 8 });
  const property = fc.property(sizes, cuts, fc.boolean(), (list, lengths, borrows) => {
    const pass = passing(borrows);
    const expected = new Map<number, Buffer>();
    const octets = [opened(1), opened(3), opened(5)];
    for (const [index, { stream, size, padding }] of list.entries()) {
      const id = stream * 2 + 1;
      const bytes = body(size, index);
      expected.set(id, Buffer.concat([expected.get(id) ?? Buffer.alloc(0), bytes]));
      const padded = Buffer.concat([Buffer.from([padding]), bytes, Buffer.alloc(Math.max(0, padding))]);
      octets.push(padding < 0 ? frame(0, 0, id, bytes) : frame(0, 0x8, id, padded));
    }
    octets.push(...[1, 3, 5].map((id) => data(id, 0, true)));
    const all = Buffer.concat(octets);
    for (let at = 0, turn = 0; at < all.length; turn++) {
      const length = lengths[turn % lengths.length] as number;
      pass.read(all.subarray(at, at + length));
      at += length;
    }
    const { got, ended } = bodies(pass.written());
    expect(ended).toEqual([1, 3, 5]);
    for (const [id, bytes] of expected) expect(got.get(id)?.equals(bytes)).toBe(true);
  });
  fc.assert(property, { numRuns: 150 });
});

test('frames that were read together go on as one piece', () => {
  const pass = passing(true);
  pass.read(Buffer.concat([opened(1)]));
  pass.read(Buffer.concat([0, 1, 2].map(() => data(1, 16_384))));
  expect(pass.pieces()).toBe(1);
  const { got } = bodies(pass.written());
  expect(got.get(1)?.length).toBe(3 * 16_384);
});

test('what is not given away, or small, is copied', () => {
  const pass = passing(true);
  pass.near.handleBytes(Buffer.concat([opened(1), data(1, 16_384)]));
  expect(pass.far.holdsLoans).toBe(false);
  pass.near.handleLentBytes(data(1, 4_095));
  expect(pass.far.holdsLoans).toBe(false);
  pass.near.handleLentBytes(data(1, 4_096));
  expect(pass.far.holdsLoans).toBe(true);
  pass.near.handleLentBytes(data(1, 4_096, true));
  expect(pass.far.outputBytes).toBeGreaterThan(16_384 + 4_095 + 2 * 4_096);
  // A driver that does not know of pieces gets them in one.
  const { got, ended } = bodies(Buffer.from(pass.far.takeOutput()));
  expect(got.get(1)?.equals(Buffer.alloc(16_384 + 4_095 + 2 * 4_096, 0x61))).toBe(true);
  expect(ended).toEqual([1]);
  expect(pass.far.holdsLoans).toBe(false);
});

test('what the far window does not admit is copied into the queue, and what follows it too', () => {
  const pass = passing(true, false);
  pass.far.handleBytes(settings([4, 10_000]));
  pass.read(opened(1));
  const bytes = body(30_000, 7);
  pass.read(
    Buffer.concat([frame(0, 0, 1, bytes.subarray(0, 15_000)), frame(0, 1, 1, bytes.subarray(15_000))]),
  );
  pass.far.handleBytes(frame(8, 0, 1, Buffer.from([0, 1, 0, 0])));
  const { got, ended } = bodies(pass.written());
  expect(got.get(1)?.equals(bytes)).toBe(true);
  expect(ended).toEqual([1]);
});

test('a frame that the chunk cuts goes on in parts without a copy, and only the last one ends the stream', () => {
  const pass = passing(true);
  pass.read(opened(1));
  const bytes = body(16_384, 3);
  const whole = frame(0, 1, 1, bytes);
  pass.near.handleLentBytes(whole.subarray(0, 9 + 6_000));
  expect(pass.far.holdsLoans).toBe(true);
  expect(bodies(Buffer.from(pass.far.takeOutput())).ended).toEqual([]);
  // Where the rest lies at the chunk's very beginning there is no room for a header before it.
  const rest = Buffer.from(whole.subarray(9 + 6_000));
  pass.near.handleLentBytes(rest);
  expect(pass.far.holdsLoans).toBe(true);
  expect(rest.equals(whole.subarray(9 + 6_000))).toBe(true);
  const { got, ended } = bodies(pass.written());
  expect(pass.pieces()).toBe(2);
  expect(got.get(1)?.equals(bytes.subarray(6_000))).toBe(true);
  expect(ended).toEqual([1]);
});

test('the rest of a cut frame may come in chunks that are not lent, and may never come', () => {
  const pass = passing(true);
  pass.read(opened(1));
  const whole = frame(0, 1, 1, body(16_384, 5));
  pass.near.handleLentBytes(whole.subarray(0, 9_000));
  pass.near.handleBytes(whole.subarray(9_000, 9_001));
  expect(bodies(Buffer.from(pass.far.takeOutput())).got.get(1)?.length).toBe(9_001 - 9);
  pass.near.handleEof();
  pass.near.handleBytes(whole.subarray(9_001));
  expect(pass.far.hasOutput).toBe(false);
});
