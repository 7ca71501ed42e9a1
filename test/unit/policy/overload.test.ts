/** Token bucket and learned limit as pure policies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConcurrencyLimit } from '../../../proxy/policy/concurrency-limit.ts';
import { DEFAULT_CONCURRENCY, DEFAULT_RATE_LIMIT } from '../../../proxy/policy/failover-config.ts';
import { TokenBucket } from '../../../proxy/policy/token-bucket.ts';
import { RATE_LIMIT_DEFAULTS } from '../../../sim/spec/failover.ts';

const MS = 1e6;

describe('the token bucket', () => {
  const bucket = (perSecond: number, burst: number): TokenBucket =>
    new TokenBucket({ perSecond, burst, status: 8 });

  test('OV-06: a burst at once, then the rate, and never more than the burst again', () => {
    const one = bucket(100, 3);
    expect([0, 0, 0, 0].map((ns) => one.take(ns))).toEqual([true, true, true, false]);
    expect([one.take(9 * MS), one.take(10 * MS), one.take(11 * MS)]).toEqual([false, true, false]);
    expect([0, 0, 0, 0].map(() => one.take(10_000 * MS))).toEqual([true, true, true, false]);
    expect(RATE_LIMIT_DEFAULTS).toEqual(DEFAULT_RATE_LIMIT);
  });

  test('OV-06: in any window at most burst + rate × length, and near the rate under pressure', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 30 * MS }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(
        gaps,
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 20 }),
        (list, rate, burst) => {
          const one = bucket(rate, burst);
          const taken: number[] = [];
          let nowNs = 0;
          for (const gap of list) {
            nowNs += gap;
            if (one.take(nowNs)) taken.push(nowNs);
          }
          for (let from = 0; from < taken.length; from++) {
            for (let to = from; to < taken.length; to++) {
              const windowNs = (taken[to] as number) - (taken[from] as number);
              expect(to - from + 1).toBeLessThanOrEqual(burst + (windowNs * rate) / 1e9 + 1e-6);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
    const pressed = bucket(100, 5);
    let count = 0;
    for (let ms = 0; ms <= 10_000; ms++) if (pressed.take(ms * MS)) count++;
    expect(count).toBe(1_005);
  });
});

/** A server that works on so many calls at once, each for `serviceNs`, the others in line; offered a load for a time. */
function overload(
  limiter: ConcurrencyLimit | null,
  offeredPerSecond: number,
  seconds: number,
  deadlineMs: number,
) {
  const servers = 10;
  const serviceNs = 10 * MS;
  const free = Array.from({ length: servers }, () => 0);
  const ends: number[] = [];
  let good = 0;
  let refused = 0;
  const gapNs = 1e9 / offeredPerSecond;
  const limits: number[] = [];
  for (let nowNs = 0; nowNs < seconds * 1e9; nowNs += gapNs) {
    while (ends.length > 0 && (ends[0] as number) <= nowNs) {
      const endNs = ends.shift() as number;
      limiter?.sampled(endNs, started.get(endNs) ?? serviceNs, ends.length + 1);
    }
    if (limiter !== null && ends.length >= limiter.limit) {
      refused++;
      continue;
    }
    const at = free.indexOf(Math.min(...free));
    const endNs = Math.max(free[at] as number, nowNs) + serviceNs;
    free[at] = endNs;
    ends.push(endNs);
    started.set(endNs, endNs - nowNs);
    if (endNs - nowNs <= deadlineMs * MS) good++;
    if (limiter !== null) limits.push(limiter.limit);
  }
  started.clear();
  return { goodPerSecond: good / seconds, refused, limits };
}
const started = new Map<number, number>();

describe('the learned limit', () => {
  const config = { ...DEFAULT_CONCURRENCY, initial: 20 };

  test('OV-07: the best is forgotten in its time, also where nobody called meanwhile', () => {
    const limit = new ConcurrencyLimit({ ...config, initial: 50, baselineMs: 1_000 });
    let nowNs = 0;
    const run = (windows: number, latencyMs: number): number => {
      for (let call = 0; call < windows * 20; call++) {
        nowNs += 5 * MS;
        limit.sampled(nowNs, latencyMs * MS, limit.limit);
      }
      return limit.limit;
    };
    expect(run(20, 10)).toBeGreaterThan(50);
    nowNs += 60_000 * MS;
    // It takes longer now: no queue, since nothing is known of a time in which it did not.
    expect(run(4, 100)).toBeGreaterThan(50);
    // While it is remembered a longer time is a queue.
    expect(run(4, 1_000)).toBeLessThan(50);
  });

  test('OV-07: at three times the capacity most of it is still done in time; without a limit nothing is', () => {
    const capacity = 1_000;
    const without = overload(null, 3 * capacity, 10, 50);
    const withIt = overload(new ConcurrencyLimit(config), 3 * capacity, 10, 50);
    expect(without.goodPerSecond).toBeLessThan(0.1 * capacity);
    expect(withIt.goodPerSecond).toBeGreaterThan(0.8 * capacity);
    expect(withIt.refused).toBeGreaterThan(capacity);
  });

  test('OV-07: below the capacity nobody is refused, and after an overload all is as before', () => {
    const limiter = new ConcurrencyLimit(config);
    expect(overload(limiter, 800, 5, 50)).toMatchObject({ refused: 0 });
    overload(limiter, 5_000, 5, 50);
    expect(overload(new ConcurrencyLimit(config), 800, 5, 50).refused).toBe(0);
  });

  const feed = (
    limiter: ConcurrencyLimit,
    fromMs: number,
    toMs: number,
    tookMs: number,
    inFlight: number,
  ): void => {
    for (let ms = fromMs; ms < toMs; ms++) limiter.sampled(ms * MS, tookMs * MS, inFlight);
  };

  test('it grows by its root where it is used, not where it is idle, up to its bounds', () => {
    const idle = new ConcurrencyLimit({ ...config, initial: 100 });
    feed(idle, 0, 1_000, 10, 20);
    expect(idle.limit).toBe(100);
    const used = new ConcurrencyLimit({ ...config, initial: 100, max: 115 });
    feed(used, 0, 101, 10, 60);
    expect(used.limit).toBe(110);
    feed(used, 101, 1_000, 10, 60);
    expect(used.limit).toBe(115);
  });

  test('it shrinks in proportion to what calls take longer, by half at most, down to its least', () => {
    const limiter = new ConcurrencyLimit({ ...config, initial: 100, tolerance: 0, max: 100 });
    feed(limiter, 0, 101, 10, 10);
    feed(limiter, 101, 202, 12.5, 10);
    expect(limiter.limit).toBe(80);
    feed(limiter, 202, 2_000, 1_000, 10);
    expect(limiter.limit).toBe(4);
  });

  test('a few samples teach nothing; what was best long ago is forgotten', () => {
    const few = new ConcurrencyLimit({ ...config, minSamples: 50 });
    for (let ms = 0; ms < 1_000; ms += 30) few.sampled(ms * MS, ms * MS, 100);
    expect(few.limit).toBe(20);
    const limiter = new ConcurrencyLimit({ ...config, tolerance: 0, baselineMs: 1_000 });
    feed(limiter, 0, 300, 10, 100);
    feed(limiter, 300, 2_500, 40, 100);
    expect(limiter.limit).toBeGreaterThan(4);
  });
});
