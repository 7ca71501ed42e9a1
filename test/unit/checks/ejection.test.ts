import { describe, expect, test } from 'vitest';
import { ejection } from '../../../sim/checks/ejection.ts';
import type { OutlierSpec } from '../../../sim/spec/failover.ts';
import { Script } from './journal-script.ts';

const POLICY: OutlierSpec = {
  intervalMs: 100,
  baseEjectionMs: 250,
  consecutiveErrors: 2,
  maxEjectionPercent: 50,
};

function mesh(
  instances: number,
  outlier: OutlierSpec = POLICY,
  world: 'virtual' | 'real' = 'virtual',
): Script {
  const script = new Script(instances, { sidecar: { outlier }, world });
  for (let index = 0; index < instances; index++) script.saw(index, 'added');
  return script.up(instances);
}

/** Attempts on one instance that end so. */
function attempts(script: Script, instance: number, times: number, status = 14): Script {
  for (let time = 0; time < times; time++) {
    const call = script.begin();
    script.sent(call, 1, instance).ended(call, 1, instance, status, 'complete').end(call, status);
  }
  return script;
}

const eject = (script: Script, instance: number): Script =>
  attempts(script, instance, 2).saw(instance, 'ejected');

describe('ejection', () => {
  test('FO-22: after so many errors in a row, at once, and back after its time: holds', () => {
    const script = attempts(eject(mesh(4), 1).at(300).saw(1, 'unejected'), 1, 1);
    expect(attempts(script, 1, 1, 0).verdict(ejection())).toMatchObject({ outcome: 'holds', exercised: 1 });
    const ends = mesh(4, { ...POLICY, consecutiveErrors: 4 });
    for (const end of [
      'reset',
      'connection_lost',
      'per_try_timeout',
      'cancelled',
      'unprocessed',
      'deadline',
    ] as const)
      ends.ended(0, 1, 1, -1, end);
    expect(ends.saw(1, 'ejected').verdict(ejection()).outcome).toBe('holds');
  });

  test('FO-22: never ejected, ejected too late, ejected for nothing: violated', () => {
    const never = attempts(mesh(4), 1, 3).verdict(ejection());
    expect(never).toMatchObject({ outcome: 'violated', firstAtMs: 0 });
    expect(never.explanation).toContain('sidecar 0 did not eject greeter/1 after 2 errors in a row');
    expect(attempts(mesh(4), 1, 2).verdict(ejection()).outcome).toBe('violated');
    expect(attempts(mesh(4), 1, 2).at(1).saw(1, 'ejected').verdict(ejection()).outcome).toBe('violated');
    const nothing = attempts(attempts(mesh(4), 1, 1), 1, 1, 0)
      .saw(1, 'ejected')
      .verdict(ejection());
    expect(nothing.explanation).toContain('ejected greeter/1 without 2 errors in a row');
    const counted = { ...POLICY, successRate: {} };
    expect(mesh(4, counted).saw(1, 'ejected').verdict(ejection()).outcome).toBe('holds');
  });

  test('FO-22: an attempt to an ejected instance', () => {
    const verdict = attempts(eject(mesh(4), 1).at(20), 1, 1, 0).verdict(ejection());
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 20 });
    expect(verdict.explanation).toContain('sent an attempt to greeter/1, ejected at 0.0 ms');
  });

  test('FO-24: beyond the cap as the dialect reads it, and beyond a share of its own', () => {
    const two = (outlier: OutlierSpec): Script => eject(eject(mesh(5, outlier), 0), 1);
    const three = (outlier: OutlierSpec): Script => eject(two(outlier), 2);
    expect(three(POLICY).verdict(ejection()).outcome).toBe('holds');
    const envoy = three({ ...POLICY, cap: 'envoy' }).verdict(ejection());
    expect(envoy.explanation).toContain('2 of 5 were ejected already, beyond 50 % as envoy reads it');
    expect(attempts(two({ ...POLICY, cap: 'envoy' }), 2, 2).verdict(ejection())).toMatchObject({
      outcome: 'holds',
      exercised: 3,
    });
    const one = { ...POLICY, cap: 'envoy_at_least_one', maxEjectionPercent: 0 } as const;
    expect(eject(mesh(5, one), 0).verdict(ejection()).outcome).toBe('holds');
    expect(two(one).verdict(ejection()).outcome).toBe('violated');
    const share = two(POLICY).verdict(ejection({ maxShare: 0.3 }));
    expect(share.explanation).toContain('has 2 of 5 ejected, more than 30 %');
  });

  test('FO-25: the second in a row lasts twice as long; an interval without takes that back', () => {
    const again = (atMs: number): Script => eject(eject(mesh(4), 1).at(300).saw(1, 'unejected').at(atMs), 1);
    expect(again(350).at(850).saw(1, 'unejected').verdict(ejection()).outcome).toBe('holds');
    const short = again(350).at(700).saw(1, 'unejected').verdict(ejection());
    expect(short.explanation).toContain(
      'let greeter/1 back after 350.0 ms, where it had to be between 500.0 ms and 600.0 ms (times 2)',
    );
    expect(again(450).at(700).saw(1, 'unejected').verdict(ejection()).outcome).toBe('holds');
    expect(again(350).at(951).saw(1, 'unejected').verdict(ejection()).outcome).toBe('violated');
    expect(
      again(350)
        .at(951)
        .saw(1, 'unejected')
        .verdict(ejection({ toleranceMs: 10 })).outcome,
    ).toBe('holds');
    const forever = eject(mesh(4), 1).at(400).phase(1).verdict(ejection());
    expect(forever.explanation).toContain('still has greeter/1 ejected after 400.0 ms');
  });

  test('FO-25: a good check, or a set that shrank, may end it early', () => {
    const early = (outlier: OutlierSpec): Script => eject(mesh(4, outlier), 1).at(20).saw(1, 'unejected');
    expect(early(POLICY).verdict(ejection()).outcome).toBe('violated');
    expect(early({ ...POLICY, healthyCheckUnejects: true }).verdict(ejection()).outcome).toBe('holds');
    const shrunk = eject(mesh(4), 1).at(20).saw(3, 'removed').saw(1, 'unejected');
    expect(shrunk.verdict(ejection()).outcome).toBe('holds');
  });

  test('FO-28: who was removed is neither in the cap nor ejected', () => {
    const script = eject(eject(mesh(4), 0), 1)
      .saw(0, 'removed')
      .at(5)
      .saw(0, 'added');
    expect(attempts(script, 0, 1, 0).verdict(ejection()).outcome).toBe('holds');
  });

  test('without outlier detection, or without errors, nothing is shown', () => {
    expect(attempts(new Script(2).up(2), 1, 9).verdict(ejection()).outcome).toBe('not exercised');
    expect(attempts(mesh(2), 1, 9, 0).verdict(ejection()).outcome).toBe('not exercised');
    expect(() => ejection({ maxShare: 2 })).toThrow("'maxShare' is 2");
  });
});
