import { describe, expect, test } from 'vitest';
import { roundRobin } from '../../../sim/checks/round-robin.ts';
import { Script } from './journal-script.ts';

const exact = () => roundRobin();

function judge(order: readonly number[], instances: number, spec = exact()) {
  return new Script(instances).up(instances).picks(order).verdict(spec);
}

describe('roundRobin, exact', () => {
  test('holds for a period of N from any start and in any fixed order', () => {
    expect(judge([2, 0, 1, 2, 0, 1, 2], 3)).toMatchObject({ outcome: 'holds', exercised: 6 });
    expect(judge([1, 3, 0, 2, 1, 3, 0, 2], 4).outcome).toBe('holds');
  });

  test('an instance that comes one pick too early is a violation, at that pick', () => {
    const verdict = judge([0, 1, 2, 3, 0, 1, 2, 0], 4);
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 7 });
    expect(verdict.explanation).toContain('picked greeter/0 3 picks after the last time');
  });

  test('one pick too late is a violation too', () => {
    // 0 1 2 0 1 1: the sixth pick is 1 again, too early; 0 1 2 0 2: 2 comes too early by one
    expect(judge([0, 1, 2, 0, 2], 3)).toMatchObject({ outcome: 'violated', firstAtMs: 4 });
    expect(judge([0, 1, 0, 1, 2], 3)).toMatchObject({ outcome: 'violated', firstAtMs: 2 });
  });

  test('every third pick skipped', () => {
    const verdict = judge([0, 1, 3, 4, 0, 2, 3, 4, 1], 5);
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toMatch(
      /greeter\/0 4 picks after the last time, where 5 pickable instances make it 5/,
    );
  });

  test('even counts do not help when rounds turn back', () => {
    expect(judge([0, 1, 2, 2, 1, 0], 3).outcome).toBe('violated');
  });

  test('a change of the set begins anew, and only a real change does', () => {
    const fresh = new Script(3).up(3).picks([0, 1]).saw(2, 'unpickable').picks([1, 0, 1, 0]);
    expect(fresh.verdict(exact()).outcome).toBe('holds');
    const no = new Script(3).up(3).picks([0, 1]).saw(2, 'pickable').saw(2, 'healthy').picks([0]);
    expect(no.verdict(exact()).outcome).toBe('violated');
  });

  test('a pick outside of the set', () => {
    const verdict = new Script(3).up(3).saw(1, 'unpickable').picks([0, 2, 1]).verdict(exact());
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain('picked greeter/1 which the sidecar had reported as not pickable');
  });

  test('retries are not picks', () => {
    const script = new Script(2).up(2).picks([0, 1]);
    const call = script.begin();
    script.sent(call, 1, 0).sent(call, 2, 1).end(call, 0).picks([1, 0]);
    expect(script.verdict(exact()).outcome).toBe('holds');
  });

  test('each sidecar alone', () => {
    const script = new Script(2, { sidecars: 2 }).up(2, 2);
    script.picks([0], 0).picks([0], 1).picks([1], 0).picks([1], 1);
    expect(script.verdict(exact())).toMatchObject({ outcome: 'holds', exercised: 2 });
  });

  test('one instance, or no second pick, shows nothing', () => {
    expect(judge([0, 0, 0], 1).outcome).toBe('not exercised');
    expect(judge([1], 3).outcome).toBe('not exercised');
  });
});

describe('roundRobin with a spread', () => {
  test('2 allows counts that differ by two and no more', () => {
    expect(judge([0, 0, 1, 2, 1, 2], 3, roundRobin({ spreadMax: 2 })).outcome).toBe('holds');
    expect(judge([0, 0, 0], 3, roundRobin({ spreadMax: 2 })).outcome).toBe('violated');
    expect(judge([0, 1, 2, 0, 0, 0], 3, roundRobin({ spreadMax: 2 })).outcome).toBe('violated');
    expect(judge([0, 1, 2, 0, 0, 1, 2], 3, roundRobin({ spreadMax: 2 })).outcome).toBe('holds');
  });

  test('a bad spread is refused', () => {
    expect(() => roundRobin({ spreadMax: 0 })).toThrow("'spreadMax' is 0");
    expect(() => roundRobin({ spreadMax: Number.NaN })).toThrow("'spreadMax' is NaN");
  });
});
