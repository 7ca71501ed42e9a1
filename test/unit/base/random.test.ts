/** Seeded randomness: the same for the same seed and path of labels, whatever the order; even enough to be used. */
import { expect, test } from 'vitest';
import { fnv1a32, fnv1a32Label } from '../../../sim/base/fnv.ts';
import { Random } from '../../../sim/base/random.ts';

const draw = (random: Random) => Array.from({ length: 8 }, () => random.nextUint32());

test('the same seed gives the same numbers, another seed others', () => {
  expect(draw(new Random(1))).toEqual(draw(new Random(1)));
  expect(draw(new Random(1))).not.toEqual(draw(new Random(2)));
  expect(draw(new Random(1))).not.toEqual(draw(new Random(1 + 2 ** 32)));
});

test('forks depend on their label only, not on order or on draws', () => {
  const one = new Random(9);
  const other = new Random(9);
  draw(other);
  const b = draw(other.fork('b'));
  const a = draw(other.fork('a'));
  expect(draw(one.fork('a'))).toEqual(a);
  expect(draw(one.fork('b'))).toEqual(b);
  expect(a).not.toEqual(b);
  expect(draw(one.fork(1))).not.toEqual(draw(one.fork(2)));
  expect(draw(one.fork('a').fork('b'))).not.toEqual(draw(one.fork('b').fork('a')));
});

test('draws spread evenly', () => {
  const random = new Random(3);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let count = 0; count < 100_000; count++) counts[random.below(10)]!++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('FNV-1a 32 as published', () => {
  expect(fnv1a32(new Uint8Array(0))).toBe(0x811c9dc5);
  expect(fnv1a32(Buffer.from('a'))).toBe(0xe40c292c);
  expect(fnv1a32(Buffer.from('xfoobarx'), 1, 7)).toBe(0xbf9cf968);
  expect(fnv1a32Label('a')).not.toBe(fnv1a32Label('b'));
});
