/** Both roles joined by a pipe that cuts anywhere: bodies arrive whole, windows hold, everything ends. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import type { WireLimits } from '../../../proxy/wire/limits.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkStream } from '../../../proxy/wire/link.ts';
import { QUIET, REQUEST, RESPONSE, TRAILERS } from './kit.ts';

interface Pipe {
  readonly client: Connection;
  readonly server: Connection;
  readonly got: Map<number, Buffer>;
  readonly trailers: number[];
  readonly resets: string[];
  move(): boolean;
}

/** A server that echoes bodies; `cut` says how much of what waits goes over next. */
function pipe(cut: () => number, limits: Partial<WireLimits> = {}): Pipe {
  const got = new Map<number, Buffer>();
  const trailers: number[] = [];
  const resets: string[] = [];
  const held = new Map<LinkStream, number>();
  const server: Connection = new Connection(
    'server',
    {
      ...QUIET,
      onHeaders: (stream) => server.sendHeaders(stream, RESPONSE, false),
      onData(stream, bytes, endStream) {
        server.sendData(stream, bytes, false);
        // Credit only for what left: back-pressure from end to end.
        if (stream.queuedBytes > 0) held.set(stream, (held.get(stream) ?? 0) + bytes.length);
        else server.consume(stream, bytes.length);
        if (endStream) server.sendTrailers(stream, TRAILERS);
      },
      onDrained(stream) {
        server.consume(stream, held.get(stream) ?? 0);
        held.delete(stream);
      },
      onReset: (stream, code) => resets.push(`server ${stream.id} ${code}`),
    },
    limits,
  );
  const client: Connection = new Connection(
    'client',
    {
      ...QUIET,
      onData(stream, bytes) {
        got.set(stream.id, Buffer.concat([got.get(stream.id) ?? Buffer.alloc(0), bytes]));
        client.consume(stream, bytes.length);
      },
      onTrailers: (stream) => trailers.push(stream.id),
      onReset: (stream, code) => resets.push(`client ${stream.id} ${code}`),
    },
    limits,
  );
  const wires: [Connection, Connection, Buffer][] = [
    [client, server, Buffer.alloc(0)],
    [server, client, Buffer.alloc(0)],
  ];
  return {
    client,
    server,
    got,
    trailers,
    resets,
    move() {
      let moved = false;
      for (const wire of wires) {
        if (wire[0].hasOutput) wire[2] = Buffer.concat([wire[2], wire[0].takeOutput()]);
        if (wire[2].length === 0) continue;
        const size = Math.min(wire[2].length, cut());
        wire[1].handleBytes(wire[2].subarray(0, size));
        wire[2] = wire[2].subarray(size);
        moved = true;
      }
      return moved;
    },
  };
}

test('bodies of any sizes come back whole through any cuts and windows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 10 }),
      fc.constantFrom(1_024, 16_384, 65_535, 1_000_000),
      (sizes, cuts, streamWindowBytes) => {
        let turn = 0;
        const both = pipe(() => cuts[turn++ % cuts.length] as number, {
          streamWindowBytes,
          windowUpdatesBase: 10_000,
        });
        const streams = sizes.map((size, i) => {
          const stream = both.client.openStream(null, headerBlock(REQUEST), -1, 0, false);
          both.client.sendData(stream, Buffer.alloc(size, i + 1), true);
          return stream;
        });
        for (let i = 0; i < 2_000_000 && both.move(); i++);
        expect(both.resets).toEqual([]);
        for (const [i, stream] of streams.entries()) {
          expect(both.got.get(stream.id)?.length ?? 0).toBe(sizes[i]);
          expect(both.got.get(stream.id)?.every((octet) => octet === i + 1) ?? true).toBe(true);
        }
        expect(both.trailers.length).toBe(sizes.length);
        expect([both.client.streamsOpen, both.server.streamsOpen]).toEqual([0, 0]);
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});

test('blocks above the frame size go out in CONTINUATION and arrive', () => {
  const both = pipe(() => 1_000_000, { headerListBytesMax: 200_000 });
  const big = headerBlock([...REQUEST, ['x-big', 'v'.repeat(60_000)]]);
  const stream = both.client.openStream(null, big, 1_500_000, 2, false);
  both.client.sendData(stream, Buffer.from('x'), true);
  while (both.move());
  expect(both.trailers).toEqual([stream.id]);
});

test('a thousand calls one after the other: records end, capacity returns, graceful GOAWAY closes both', () => {
  const both = pipe(() => 1_000_000);
  for (let i = 0; i < 1000; i++) {
    const stream = both.client.openStream(null, headerBlock(REQUEST), -1, 0, false);
    both.client.sendData(stream, Buffer.from('x'), true);
    while (both.move());
  }
  expect(both.trailers.length).toBe(1000);
  expect(both.client.streamCapacity).toBe(100);
  both.server.goAway(0, false);
  both.server.goAway(0, true);
  while (both.move());
  expect(both.client.streamCapacity).toBe(0);
  expect([both.client.wantsClose, both.server.wantsClose]).toEqual([true, true]);
});
