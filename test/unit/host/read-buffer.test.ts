/** Where sockets read to: small reads share a buffer, a socket with large ones gets its own, and only so many do. */
import { expect, test } from 'vitest';
import type { Carrier } from '../../../proxy/host/carrier.ts';
import type { Loop } from '../../../proxy/host/loop.ts';
import { OWN_BUFFERS_MAX, READ_BYTES, ReadBuffer } from '../../../proxy/host/read-buffer.ts';

const shared = Buffer.alloc(READ_BYTES);

function rig() {
  const passed: string[] = [];
  const state = { settled: true };
  const loop = { settleLoans: () => state.settled } as unknown as Loop;
  const carrier = {
    receive: () => passed.push('shared'),
    receiveLent: () => passed.push('lent'),
  } as unknown as Carrier;
  const reads = new ReadBuffer(loop, shared);
  const read = (count: number): Buffer => {
    const buffer = reads.next();
    reads.pass(carrier, buffer.subarray(0, count));
    return buffer;
  };
  return { reads, read, passed, state };
}

test('a socket that fills the shared buffer gets its own, and gives it back after many small reads', () => {
  const { reads, read, passed } = rig();
  expect(read(100)).toBe(shared);
  expect(read(READ_BYTES)).toBe(shared);
  const own = read(READ_BYTES);
  expect(own).not.toBe(shared);
  expect(own.length).toBeGreaterThan(READ_BYTES);
  expect(read(READ_BYTES)).toBe(own);
  expect(passed).toEqual(['shared', 'shared', 'lent', 'lent']);
  for (let count = 0; count < 40; count++) read(100);
  expect(reads.next()).toBe(shared);
});

test('what the system did not take yet belongs to the writer: the next read goes elsewhere', () => {
  const { reads, read, state } = rig();
  read(READ_BYTES);
  const first = read(READ_BYTES);
  state.settled = false;
  expect(read(READ_BYTES)).toBe(first);
  expect(reads.next()).not.toBe(first);
  reads.free();
});

test(`only ${OWN_BUFFERS_MAX} have their own at a time`, () => {
  const rigs = Array.from({ length: OWN_BUFFERS_MAX + 1 }, rig);
  for (const { read } of rigs) read(READ_BYTES);
  const buffers = rigs.map(({ reads }) => reads.next());
  expect(buffers.filter((buffer) => buffer === shared)).toHaveLength(1);
  for (const { reads } of rigs.slice(0, 1)) reads.free();
  expect(rigs.at(-1)?.reads.next()).not.toBe(shared);
  for (const { reads } of rigs) reads.free();
});
