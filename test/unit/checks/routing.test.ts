/** Checks of routes: each verdict from a journal by hand. */
import { describe, expect, test } from 'vitest';
import { check } from '../../../sim/checks/index.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

/** Instances 0 and 1 are the default cluster, 2 is 'canary', 3 is 'shadow'. */
const script = (): Script =>
  new Script(4, {
    sidecar: { clusters: { canary: { instances: [2] }, shadow: { instances: [3] } }, routes: [] },
  }).up(4);
const copies = (one: Script, count: number, instance = 3): Script => {
  for (let copy = 0; copy < count; copy++) one.write(Kind.attemptArrived, -1, 1, instance, -1, -1);
  return one;
};
const times = (count: number, instance: number): number[] => Array.from({ length: count }, () => instance);

describe('split', () => {
  const split = check.split({ shares: { default: 90, canary: 10 } });

  test('holds within chance, and says what each got', () => {
    const verdict = script().picks(times(450, 0)).picks(times(445, 1)).picks(times(105, 2)).verdict(split);
    expect(verdict).toMatchObject({ outcome: 'holds', exercised: 1_000 });
    expect(verdict.explanation).toBe('Of 1000 calls: default 895 of 900.0, canary 105 of 100.0.');
  });

  test('a share that chance does not explain', () => {
    const verdict = script().picks(times(850, 0)).picks(times(150, 2)).verdict(split);
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain(
      'default got 850 of 1000 calls, where its share makes it 900.0 give or take 47.4',
    );
  });

  test('a cluster without a share gets nothing, one with all of it everything', () => {
    const verdict = script().at(20).picks([0, 3]).verdict(split);
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 21 });
    expect(verdict.explanation).toContain(
      '1 call went to a cluster without a share; the first: call 1 went to greeter/3 of shadow',
    );
    const whole = check.split({ shares: { canary: 1, default: 0 } });
    expect(script().picks(times(9, 2)).verdict(whole).outcome).toBe('holds');
    expect(script().picks([2, 0]).verdict(whole).outcome).toBe('violated');
  });

  test('so few calls that chance could leave a cluster without any show nothing', () => {
    expect(script().picks(times(225, 0)).verdict(split).outcome).toBe('not exercised');
    expect(script().picks(times(226, 0)).verdict(split).outcome).toBe('violated');
  });

  test('cannot tell of whose calls an instance of two clusters got any', () => {
    const clusters = { canary: { instances: [1, 2] }, shadow: { instances: [2, 3] } };
    const shared = new Script(4, { sidecar: { clusters, routes: [] } }).up(4);
    const [told, copied] = shared
      .picks([2])
      .verdicts(split, check.mirrored({ cluster: 'shadow' }), check.mirrored({ cluster: 'other' }));
    expect(told).toMatchObject({ outcome: 'inconclusive', exercised: 1 });
    expect(told?.explanation).toContain('greeter/2 is in several clusters');
    expect(copied?.outcome).toBe('inconclusive');
  });

  test('retries are not judged, and without a call nothing was shown', () => {
    const retried = script().picks(times(9, 2));
    retried.sent(0, 2, 3);
    expect(retried.verdict(check.split({ shares: { canary: 1 } })).outcome).toBe('holds');
    expect(script().verdict(split).outcome).toBe('not exercised');
    expect(
      new Script(2)
        .up(2)
        .picks([0, 1])
        .verdict(check.split({ shares: { default: 1 } })).outcome,
    ).toBe('holds');
  });
});

describe('mirrored', () => {
  const mirrored = check.mirrored({ cluster: 'shadow' });

  test('holds when each call has its copy, a few missing', () => {
    const verdict = copies(script().picks(times(100, 0)), 98).verdict(mirrored);
    expect(verdict).toMatchObject({
      outcome: 'holds',
      explanation: 'shadow got 98 copies of 100 calls, and nothing else.',
    });
  });

  test('too few, too many', () => {
    const few = copies(script().picks(times(100, 0)), 97).verdict(mirrored);
    expect(few.explanation).toBe('shadow got 97 copies of 100 calls, where the share makes it 100.0.');
    expect(copies(script().picks(times(100, 0)), 101).verdict(mirrored).outcome).toBe('violated');
    const half = check.mirrored({ cluster: 'shadow', share: 0.5 });
    expect(copies(script().picks(times(100, 0)), 60).verdict(half).outcome).toBe('holds');
    expect(copies(script().picks(times(100, 0)), 10).verdict(half).outcome).toBe('violated');
    // None of twenty may be chance.
    expect(script().picks(times(20, 0)).verdict(half).outcome).toBe('not exercised');
    expect(script().picks(times(30, 0)).verdict(half).outcome).toBe('violated');
  });

  test('a call that is sent there, and a copy that arrives elsewhere', () => {
    const sent = script().picks([0, 3]).verdict(mirrored);
    expect(sent.explanation).toContain('the first: call 1 was sent there');
    const astray = copies(script().picks([0]), 1, 1).verdict(mirrored);
    expect(astray.explanation).toContain('a copy arrived elsewhere');
    expect(script().verdict(mirrored).outcome).toBe('not exercised');
  });

  test('bad limits are refused', () => {
    expect(() => check.mirrored({ cluster: 'a', share: 2 })).toThrow(/'share' is 2/);
    expect(() => check.split({ shares: { a: -1 } })).toThrow(/'shares.a' is -1/);
  });
});
