/** Retry throttling and circuit breaking as pure policies. */
import { describe, expect, test } from 'vitest';
import * as breaker from '../../../proxy/policy/breaker.ts';
import { DEFAULT_BREAKER, DEFAULT_HEDGING, DEFAULT_THROTTLE } from '../../../proxy/policy/failover-config.ts';
import { RetryThrottle } from '../../../proxy/policy/throttle.ts';
import { BREAKER_DEFAULTS, HEDGING_DEFAULTS, THROTTLING_DEFAULTS } from '../../../sim/spec/failover.ts';

describe('retry throttling', () => {
  test('FO-10: full at first, one token per failure, a part back per success, closed at half and below', () => {
    const throttle = new RetryThrottle({ maxTokens: 10, tokenRatio: 0.1 });
    for (let failure = 0; failure < 4; failure++) throttle.failed();
    expect([throttle.tokens, throttle.allows]).toEqual([6, true]);
    throttle.failed();
    expect([throttle.tokens, throttle.allows]).toEqual([5, false]);
    throttle.succeeded();
    expect([throttle.tokens, throttle.allows]).toEqual([5.1, true]);
  });

  test('FO-10: neither below nothing nor above the maximum; thousandths count exactly', () => {
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 0.001 });
    throttle.succeeded();
    expect(throttle.tokens).toBe(2);
    for (let failure = 0; failure < 30; failure++) throttle.failed();
    for (let success = 0; success < 1_000; success++) throttle.succeeded();
    expect([throttle.tokens, throttle.allows]).toEqual([1, false]);
    throttle.succeeded();
    expect(throttle.allows).toBe(true);
  });
});

describe('circuit breaking', () => {
  const bounded = { maxRequests: 2, maxPending: 2, maxRetries: 2, maxConnections: 2 };
  const config = { ...bounded, endpointMaxRequests: 2, endpointMaxPending: 2, endpointMaxConnections: 2 };
  const open = Object.fromEntries(Object.keys(config).map((name) => [name, 0])) as unknown as typeof config;

  test('OV-01, OV-02: up to the bound and not beyond; 0 is no bound', () => {
    const { admitsConnection: _, ...simple } = breaker;
    for (const admits of Object.values(simple)) {
      expect([0, 1, 2, 3].map((count) => admits(config, count))).toEqual([true, true, false, false]);
      expect(admits(open, 1e9)).toBe(true);
    }
  });

  test('OV-01: connections are bounded here and in all, but the first one to an endpoint', () => {
    const may = (own: number, all: number, change = {}): boolean =>
      breaker.admitsConnection({ ...config, ...change }, own, all);
    expect([may(0, 9), may(1, 1), may(1, 2), may(2, 1)]).toEqual([true, true, false, false]);
    expect([may(1, 9, { maxConnections: 0 }), may(9, 9, open)]).toEqual([true, true]);
  });
});

test('the simulator assumes the same defaults', () => {
  expect(THROTTLING_DEFAULTS).toEqual(DEFAULT_THROTTLE);
  expect(BREAKER_DEFAULTS).toEqual(DEFAULT_BREAKER);
  expect(HEDGING_DEFAULTS).toEqual(DEFAULT_HEDGING);
});
