/** Own ln, exp and normal quantile against Math; samples against the quantiles they were asked to have. */
import { describe, expect, test } from 'vitest';
import { exp, ln, normalQuantile } from '../../../sim/base/logarithm.ts';
import { Random } from '../../../sim/base/random.ts';
import {
  constantSampler,
  exponentialSampler,
  lognormalSampler,
  type Sampler,
  uniformSampler,
} from '../../../sim/base/sampler.ts';

function quantiles(sampler: Sampler, shares: readonly number[]): number[] {
  const random = new Random(5);
  const all = Float64Array.from({ length: 200_000 }, () => sampler.sampleNs(random)).sort();
  expect(all.every((one) => Number.isInteger(one) && one >= 0)).toBe(true);
  return shares.map((share) => all[Math.floor(share * all.length)] as number);
}

const near = (value: number, wanted: number, share: number) =>
  expect(Math.abs(value - wanted) / wanted, `${value} for ${wanted}`).toBeLessThan(share);

test('ln and exp agree with Math', () => {
  for (let step = -400; step <= 400; step++) {
    const x = step / 10;
    near(exp(x), Math.exp(x), 1e-12);
    if (step !== 0) near(ln(Math.exp(x)), x, 1e-11);
  }
  near(ln(5e-300), Math.log(5e-300), 1e-13);
});

test('normal quantiles of the textbook', () => {
  near(normalQuantile(0.975), 1.959963984540054, 1e-8);
  near(normalQuantile(0.99), 2.3263478740408408, 1e-8);
  near(-normalQuantile(1e-9), 5.997807015007686, 1e-8);
  expect(Math.abs(normalQuantile(0.5))).toBeLessThan(1e-9);
});

describe('samples have the quantiles asked for', () => {
  test('constant', () => expect(quantiles(constantSampler(5e6), [0, 0.99])).toEqual([5e6, 5e6]));
  test('uniform', () => {
    const [low, median, high] = quantiles(uniformSampler(1e6, 3e6), [0.25, 0.5, 0.75]) as [
      number,
      number,
      number,
    ];
    near(low, 1.5e6, 0.01);
    near(median, 2e6, 0.01);
    near(high, 2.5e6, 0.01);
  });
  test('lognormal', () => {
    const [p1, median, p99] = quantiles(lognormalSampler(3e6, 12e6), [0.01, 0.5, 0.99]) as [
      number,
      number,
      number,
    ];
    near(p1, 0.75e6, 0.03);
    near(median, 3e6, 0.01);
    near(p99, 12e6, 0.03);
  });
  test('exponential', () => {
    const [p10, median, p999] = quantiles(exponentialSampler(1e6), [0.1, 0.5, 0.999]) as [
      number,
      number,
      number,
    ];
    near(p10, 0.10536e6, 0.03);
    near(median, 0.693147e6, 0.01);
    near(p999, 6.9078e6, 0.05);
  });
});
