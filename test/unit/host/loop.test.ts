import { afterEach, expect, test, vi } from 'vitest';
import { Loop } from '../../../proxy/host/loop.ts';

/** Below it V8 keeps an integer in the object's own word, in builds with the smallest words. */
const SMALL_INTEGER_MAX = 2 ** 30;

afterEach(() => {
  vi.restoreAllMocks();
});

test('from the first reading on the clock shows what V8 never holds as a small integer', () => {
  const performanceNow = vi.spyOn(performance, 'now').mockReturnValue(0);
  const loop = new Loop();
  const firstNs = loop.now();
  expect(firstNs).toBeGreaterThan(SMALL_INTEGER_MAX * 2);
  performanceNow.mockReturnValue(1.5);
  expect(loop.now() - firstNs).toBe(1_500_000);
});
