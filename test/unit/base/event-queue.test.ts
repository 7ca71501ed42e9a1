/** The queue gives events by (time, order of pushing), against a plain sorted list. */
import { expect, test } from 'vitest';
import { EventQueue } from '../../../sim/base/event-queue.ts';
import { Random } from '../../../sim/base/random.ts';

test('10,000 pushes and pops in a random mix come out as from a sorted list', () => {
  const random = new Random(7);
  const queue = new EventQueue();
  const model: { tNs: number; order: number }[] = [];
  let nowNs = 0;
  for (let order = 0; order < 10_000; order++) {
    const ahead = random.below(3) === 0 ? random.below(5) : random.below(1_000_000_000);
    model.push({ tNs: nowNs + ahead, order });
    queue.push(nowNs + ahead, order);
    if (random.below(5) < 2) {
      model.sort((a, b) => a.tNs - b.tNs || a.order - b.order);
      const expected = model.shift() as { tNs: number; order: number };
      nowNs = queue.nextNs;
      expect([nowNs, queue.pop()]).toEqual([expected.tNs, expected.order]);
    }
  }
  model.sort((a, b) => a.tNs - b.tNs || a.order - b.order);
  for (const { tNs, order } of model) expect([queue.nextNs, queue.pop()]).toEqual([tNs, order]);
  expect(queue.length).toBe(0);
  expect(queue.nextNs).toBe(Infinity);
});

test('a time that is no time is refused', () => {
  const queue = new EventQueue();
  for (const bad of [-1, Number.NaN, Infinity, 2 ** 53]) expect(() => queue.push(bad, 0)).toThrow(RangeError);
});
