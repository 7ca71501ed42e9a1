/** The offset between two clocks holds when the process stands still between their readings. */
import { expect, it } from 'vitest';
import { clockOffsetNs } from '../../../proxy/host/clock-offset.ts';

const APART_NS = 5_000_000_000;

it.each([0, 1, 2, 3, 30, 62])('a pause of 4 ms at reading %i does not count', (at) => {
  let nowNs = 1_000;
  let readings = 0;
  const read = (): number => {
    nowNs += 200;
    if (readings++ === at) nowNs += 4_000_000;
    return nowNs;
  };
  const offsetNs = clockOffsetNs(read, () => read() + APART_NS);
  expect(Math.abs(offsetNs - APART_NS)).toBeLessThanOrEqual(200);
});
