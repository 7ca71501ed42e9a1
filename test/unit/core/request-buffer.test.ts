/** The octets kept for a replay: in slots of shared slabs, in arrays of their own, and gone after a drop. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RequestBuffer } from '../../../proxy/core/request-buffer.ts';

it('after a drop nothing is kept, until it is cleared', () => {
  const buffer = new RequestBuffer();
  buffer.append(Uint8Array.of(1, 2, 3));
  expect([buffer.length, buffer.kept, [...buffer.bytes()]]).toEqual([3, true, [1, 2, 3]]);
  buffer.drop();
  expect([buffer.length, buffer.kept, buffer.bytes().length]).toEqual([0, false, 0]);
  buffer.clear();
  expect([buffer.length, buffer.kept]).toEqual([0, true]);
});

it('many buffers at once keep each their own octets, whatever their sizes and whichever are cleared', () => {
  const step = fc.record({ which: fc.nat(19), count: fc.integer({ min: 0, max: 700 }), clear: fc.nat(6) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const buffers = Array.from({ length: 20 }, () => new RequestBuffer());
      const model: number[][] = buffers.map(() => []);
      for (const [turn, { which, count, clear }] of steps.entries()) {
        const buffer = buffers[which] as RequestBuffer;
        const kept = model[which] as number[];
        if (clear === 0) {
          buffer.clear();
          kept.length = 0;
          continue;
        }
        const octets = Uint8Array.from(
          { length: count },
          (_, index) => (index * 7 + turn * 31 + which) & 255,
        );
        buffer.append(octets);
        kept.push(...octets);
      }
      for (const [index, buffer] of buffers.entries()) expect([...buffer.bytes()]).toEqual(model[index]);
      for (const buffer of buffers) buffer.clear();
    }),
  );
});
