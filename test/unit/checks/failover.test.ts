import { describe, expect, test } from 'vitest';
import { failover } from '../../../sim/checks/failover.ts';
import type { CheckContext } from '../../../sim/spec/check.ts';
import { Script } from './journal-script.ts';

const spec = () => failover({ withinMs: 500 });
const BLACKHOLE: CheckContext['faults'] = [
  { kind: 'blackhole', target: 'greeter/1', instances: [1], impact: 'unavailable' },
];
const FAIL: CheckContext['faults'] = [
  { kind: 'failStatus', target: 'greeter/1', instances: [1], impact: 'degraded' },
];

describe('failover: detection window', () => {
  const lateBy = (ms: number) => {
    const script = new Script(2)
      .up(2)
      .at(1_000)
      .state(1, 'dead')
      .at(1_000 + ms);
    const call = script.begin();
    return script
      .sent(call, 1, 1)
      .ended(call, 1, 1, -1, 'connection_lost')
      .sent(call, 2, 0)
      .end(call, 0)
      .verdict(spec());
  };

  test('an attempt at the last moment of the window is allowed, one ms later it is not', () => {
    expect(lateBy(500)).toMatchObject({ outcome: 'holds', exercised: 2 });
    const verdict = lateBy(501);
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 1_501 });
    expect(verdict.explanation).toContain('sent to greeter/1, unavailable since 1.000 s');
  });

  test('a blackhole counts from when it was applied until it was healed', () => {
    const script = new Script(2, { faults: BLACKHOLE }).up(2).at(1_000).fault('faultApplied', 0, 1);
    script.at(3_000).fault('faultHealed', 0, 1).at(3_100).picks([1, 0]);
    expect(script.verdict(spec()).outcome).toBe('holds');
    const late = new Script(2, { faults: BLACKHOLE })
      .up(2)
      .at(1_000)
      .fault('faultApplied', 0, 1)
      .at(2_900)
      .picks([1]);
    expect(late.verdict(spec()).outcome).toBe('violated');
  });

  test('paused and resumed', () => {
    const script = new Script(2).up(2).at(1_000).state(1, 'paused').at(1_600).picks([0, 0]);
    script.at(2_000).state(1, 'resumed').picks([1]);
    expect(script.verdict(spec()).outcome).toBe('holds');
    const late = new Script(2).up(2).at(1_000).state(1, 'paused').at(1_600).picks([1]);
    expect(late.verdict(spec()).outcome).toBe('violated');
  });

  test('a stall within the window makes it inconclusive and is named', () => {
    const script = new Script(2).up(2).at(1_000).state(1, 'dead').at(1_450).stall(400).at(1_600).picks([1]);
    const verdict = script.verdict(spec());
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.explanation).toContain('stood still for 400 ms until 1.450 s');
    const before = new Script(2).up(2).at(900).stall(400).at(1_000).state(1, 'dead').at(1_600).picks([1]);
    expect(before.verdict(spec()).outcome).toBe('violated');
  });
});

describe('failover: calls that another instance could have answered', () => {
  const failing = (status: number, act: (script: Script) => void = () => {}) => {
    const script = new Script(2).up(2).at(1_000).state(1, 'dead');
    act(script);
    const call = script.at(2_000).begin();
    return script
      .sent(call, 1, 0)
      .at(2_010)
      .ended(call, 1, 0, status, 'complete')
      .end(call, status)
      .verdict(spec());
  };

  test('a retryable failure is a violation', () => {
    const verdict = failing(14);
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toMatch(
      /Call 0 failed with status 14 at 2.010 s although greeter\/0 was available/,
    );
  });

  test('a failure that may not be retried is not', () => {
    expect(failing(3).outcome).toBe('holds');
  });

  test('nor is one where nobody was left', () => {
    const script = new Script(2).up(2).at(1_000).state(1, 'dead').state(0, 'dead').at(2_000);
    expect(script.end(script.begin(), 14).verdict(spec()).outcome).toBe('holds');
  });

  test('nor is one where the only other one came back less than the window ago', () => {
    expect(failing(14, (s) => s.at(1_400).state(0, 'dead').at(1_501).state(0, 'ready')).outcome).toBe(
      'holds',
    );
    expect(failing(14, (s) => s.at(1_400).state(0, 'dead').at(1_500).state(0, 'ready')).outcome).toBe(
      'violated',
    );
  });

  test('an instance behind a degrading fault is not one that could have answered', () => {
    const script = (healed: boolean) => {
      const made = new Script(2, { faults: FAIL })
        .up(2)
        .at(500)
        .state(0, 'dead')
        .at(600)
        .fault('faultApplied', 0, 1);
      if (healed) made.at(700).fault('faultHealed', 0, 1);
      const call = made.at(2_000).begin();
      return made.sent(call, 1, 1).ended(call, 1, 1, 14, 'complete').end(call, 14).verdict(spec());
    };
    expect(script(false).outcome).toBe('holds');
    expect(script(true).outcome).toBe('violated');
  });

  test('a call that was committed to the caller is exempt', () => {
    const script = new Script(2).up(2).at(1_000);
    const call = script.begin();
    script.sent(call, 1, 1).responded(call).ended(call, 1, 1, 14, 'complete').end(call, 14);
    expect(script.verdict(spec()).outcome).toBe('holds');
  });
});

describe('failover: once and for all', () => {
  test('an attempt after response headers', () => {
    const script = new Script(2).up(2).at(1_000);
    const call = script.begin();
    script
      .sent(call, 1, 1)
      .responded(call)
      .ended(call, 1, 1, 14, 'complete')
      .at(1_010)
      .sent(call, 2, 0)
      .end(call, 0);
    const verdict = script.verdict(spec());
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 1_010 });
    expect(verdict.explanation).toContain('sent attempt 2 of call 0 after response headers');
  });

  test('a call that ends twice', () => {
    const script = new Script(2).up(2);
    const call = script.begin();
    const verdict = script.sent(call, 1, 0).end(call, 0).end(call, 14).verdict(spec());
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain('Call 0 ended a second time');
  });

  test('nothing failed: not exercised', () => {
    expect(new Script(2).up(2).picks([0, 1, 0]).verdict(spec()).outcome).toBe('not exercised');
  });

  test('withinMs must be a number', () => {
    expect(() => failover({ withinMs: -1 })).toThrow("'withinMs' is -1");
  });
});

test('an instance that discovery lists as draining, or no more, is none that a call could have gone to', () => {
  const failing = (tell: (script: Script) => Script) => {
    const script = tell(new Script(2).up(2).at(1_000).state(1, 'dead')).at(2_000);
    return script.end(script.begin(), 14).verdict(spec()).outcome;
  };
  expect(failing((script) => script)).toBe('violated');
  expect(failing((script) => script.member(0, 'draining'))).toBe('holds');
  expect(failing((script) => script.member(0, 'removed'))).toBe('holds');
  expect(failing((script) => script.member(0, 'draining').at(1_400).member(0, 'active'))).toBe('violated');
  expect(failing((script) => script.member(0, 'draining').at(1_600).member(0, 'active'))).toBe('holds');
});
