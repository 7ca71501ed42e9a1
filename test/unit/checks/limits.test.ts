import { describe, expect, test } from 'vitest';
import { circuitBreaker } from '../../../sim/checks/circuit-breaker.ts';
import { retryThrottling } from '../../../sim/checks/retry-throttling.ts';
import { Script } from './journal-script.ts';
import { Kind } from '../../../sim/journal/events.ts';

const ended = (script: Script, call: number, status: number, here = 0): Script =>
  script.write(Kind.sidecarCallEnd, call, -1, -1, status, here).end(call, status);

describe('retryThrottling', () => {
  const mesh = (): Script =>
    new Script(2, { sidecar: { retryThrottling: { maxTokens: 4, tokenRatio: 0.5 } } }).up(2);
  const fail = (
    script: Script,
    again: boolean,
    end: 'complete' | 'reset' | 'unprocessed' = 'complete',
  ): Script => {
    const call = script.begin();
    script.sent(call, 1, 0).ended(call, 1, 0, end === 'complete' ? 14 : -1, end);
    if (again) script.sent(call, 2, 1).ended(call, 2, 1, 0, 'complete');
    return ended(script, call, again ? 0 : 14);
  };
  const succeed = (script: Script): Script => {
    const call = script.begin();
    return ended(script.sent(call, 1, 0).responded(call).ended(call, 1, 0, 0, 'complete'), call, 0);
  };

  test('FO-10: no more attempts at half of the tokens: holds; another one: violated', () => {
    // 4 → 3 → (retry succeeds) 3.5 → 2.5 → 1.5
    const begun = (): Script => fail(fail(fail(mesh(), true), false, 'reset'), false);
    expect(begun().verdict(retryThrottling())).toMatchObject({ outcome: 'holds', exercised: 1 });
    const verdict = fail(begun(), true).verdict(retryThrottling());
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain('tried call 3 again although 0.5 of 4 tokens were left');
    expect(fail(succeed(succeed(succeed(succeed(begun())))), true).verdict(retryThrottling()).outcome).toBe(
      'holds',
    );
  });

  test('FO-10: what never began and what failed after its headers take nothing', () => {
    let script = mesh();
    for (let time = 0; time < 9; time++) {
      script = fail(script, true, 'unprocessed');
      const call = script.begin();
      script.sent(call, 1, 0).responded(call).ended(call, 1, 0, 14, 'complete');
      ended(script, call, 14);
    }
    expect(script.verdict(retryThrottling()).outcome).toBe('not exercised');
    expect(fail(new Script(2).up(2), false).verdict(retryThrottling()).outcome).toBe('not exercised');
  });
});

describe('circuitBreaker', () => {
  const mesh = (breaker: object): Script => new Script(2, { sidecar: { circuitBreaker: breaker } }).up(2);
  const busy = (script: Script, instance = 0): number => {
    const call = script.begin();
    script.sent(call, 1, instance);
    return call;
  };
  const refuse = (script: Script, afterMs = 0): Script => {
    const call = script.begin();
    script.tMs += afterMs;
    return ended(script, call, 14, 1);
  };

  test('OV-01, OV-06: refused at once when so many are in flight: holds', () => {
    const script = mesh({ maxRequests: 2, maxPending: 0 });
    const first = busy(script);
    busy(script);
    refuse(script);
    ended(script.ended(first, 1, 0, 0, 'complete'), first, 0);
    busy(script);
    expect(refuse(script).verdict(circuitBreaker())).toMatchObject({ outcome: 'holds', exercised: 2 });
  });

  test('OV-01: one more than allowed, in all or to one instance', () => {
    const all = mesh({ maxRequests: 1 });
    busy(all);
    busy(all, 1);
    const verdict = all.verdict(circuitBreaker());
    expect(verdict.explanation).toContain('has 2 attempts in flight, more than 1');
    const one = mesh({ endpointMaxRequests: 1 });
    busy(one);
    busy(one, 1);
    busy(one, 1);
    expect(one.verdict(circuitBreaker()).explanation).toContain(
      'has 2 attempts in flight to greeter/1, more than 1',
    );
  });

  test('OV-03, OV-06: refused late, or although there was room', () => {
    const late = mesh({ maxRequests: 1, maxPending: 0 }).at(1);
    busy(late);
    expect(refuse(late, 5).verdict(circuitBreaker()).explanation).toContain('only after 5.0 ms');
    const lost = mesh({ maxRequests: 1, maxPending: 0 });
    busy(lost);
    const waiting = lost.begin();
    lost.at(3).saw(1, 'unpickable').at(5);
    expect(ended(lost, waiting, 14, 1).verdict(circuitBreaker()).outcome).toBe('holds');
    const early = mesh({ maxRequests: 3, maxPending: 0 });
    busy(early);
    early.begin();
    expect(refuse(early).verdict(circuitBreaker()).explanation).toContain('with 2 of 3 in flight or waiting');
    const learned = new Script(2, { sidecar: { circuitBreaker: { maxPending: 0 }, concurrency: {} } }).up(2);
    expect(refuse(learned).verdict(circuitBreaker()).outcome).toBe('holds');
    const pending = mesh({ maxRequests: 3, maxPending: 1 });
    expect(refuse(pending).verdict(circuitBreaker()).outcome).toBe('holds');
    expect(() => circuitBreaker({ quickMs: -1 })).toThrow("'quickMs' is -1");
  });

  test('a call that failed for want of an instance was not refused', () => {
    const script = mesh({ maxRequests: 3 }).saw(0, 'unpickable').saw(1, 'unpickable');
    expect(refuse(script).verdict(circuitBreaker()).outcome).toBe('not exercised');
    script.begin(true);
    const other = new Script(1).up(1);
    ended(other, other.begin(true), 14, 1);
    expect(other.verdict(circuitBreaker()).outcome).toBe('not exercised');
  });
});
