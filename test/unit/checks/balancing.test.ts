import { describe, expect, test } from 'vitest';
import { hashAffinity } from '../../../sim/checks/hash-affinity.ts';
import { leastRequest } from '../../../sim/checks/least-request.ts';
import { weightedShare } from '../../../sim/checks/weighted-share.ts';
import { Script } from './journal-script.ts';

describe('weightedShare', () => {
  const up = (weights: number[]) => new Script(weights.length, { weights }).up(weights.length);

  test('holds where each has its share at every moment, per sidecar and per epoch', () => {
    const script = up([1, 2, 1])
      .picks([1, 0, 2, 1, 1, 2, 0, 1])
      .saw(0, 'unpickable')
      .picks([1, 2, 1])
      .phase(1);
    // Of 8 and of 3 picks those that could be 3 from a share: from the fifth on.
    expect(script.verdict(weightedShare())).toMatchObject({ outcome: 'holds', exercised: 4 });
  });

  test('too many, too few, and one forgotten until the end', () => {
    const many = up([1, 2, 1])
      .picks([1, 1, 1, 1, 1])
      .verdict(weightedShare({ errorMax: 2 }));
    expect(many).toMatchObject({ outcome: 'violated', firstAtMs: 4 });
    expect(many.explanation).toContain(
      'greeter/1 had 5 of 5 picks of sidecar 0, where weight 2 of 4 makes it 2.5',
    );
    const few = up([1, 1])
      .picks([0, 0, 0, 0, 0, 1])
      .verdict(weightedShare({ errorMax: 2.4 }));
    expect(few.outcome).toBe('violated');
    const order = Array.from({ length: 20 }, (_, at) => [0, 2, 3][at % 3] as number);
    const forgotten = up([5, 1, 5, 5]).picks(order);
    expect(forgotten.phase(1).verdict(weightedShare({ errorMax: 1.2 })).outcome).toBe('violated');
  });

  test('one instance, or none, shows nothing', () => {
    expect(up([3]).picks([0, 0]).verdict(weightedShare()).outcome).toBe('not exercised');
    // All to one of two: three picks from its share with the sixth, and more only with the seventh.
    const one = (picks: number) => up([1, 1]).picks(Array.from({ length: picks }, () => 0));
    expect(one(6).phase(1).verdict(weightedShare()).outcome).toBe('not exercised');
    expect(one(7).phase(1).verdict(weightedShare()).outcome).toBe('violated');
    expect(new Script(2).verdict(weightedShare()).outcome).toBe('not exercised');
    expect(() => weightedShare({ errorMax: 0 })).toThrow("'errorMax' is 0");
  });
});

describe('hashAffinity', () => {
  const up = (instances: number, keys = 2) => new Script(instances, { keys, sidecars: 2 }).up(instances, 2);

  test('each key with its instance: holds; a move without a reason: violated', () => {
    expect(up(3).picks([0, 2, 0, 2, 0]).verdict(hashAffinity())).toMatchObject({
      outcome: 'holds',
      exercised: 3,
    });
    const verdict = up(3).picks([0, 2, 0, 2, 1]).verdict(hashAffinity());
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 4 });
    expect(verdict.explanation).toContain('took key 0 from greeter/0 to greeter/1');
    expect(
      up(3)
        .picks([0, 2, 0, 2, 1])
        .verdict(hashAffinity({ strayShareMax: 0.4 })).outcome,
    ).toBe('holds');
  });

  test('away from a lost one, back to it, and to one that joined, keys may move', () => {
    const script = (): Script => {
      const begun = up(3).saw(2, 'unpickable').picks([0, 1]).saw(0, 'unpickable').picks([1, 1]);
      return begun.saw(0, 'pickable').picks([0, 1]).saw(2, 'pickable').picks([0, 2]);
    };
    expect(script().verdict(hashAffinity())).toMatchObject({ outcome: 'holds', exercised: 5 });
    // To a third one while nothing changed: it strays.
    expect(script().picks([1, 2]).verdict(hashAffinity()).outcome).toBe('violated');
  });

  test('nothing is shown without keys, or when none comes twice', () => {
    expect(up(2, 0).picks([0, 1]).verdict(hashAffinity()).outcome).toBe('not exercised');
    expect(up(2).picks([0, 1]).verdict(hashAffinity()).outcome).toBe('not exercised');
    expect(up(1).picks([0, 0, 0]).verdict(hashAffinity()).outcome).toBe('not exercised');
    expect(() => hashAffinity({ strayShareMax: 2 })).toThrow("'strayShareMax' is 2");
  });
});

describe('leastRequest', () => {
  /** Starts attempts that stay under way. */
  const busy = (script: Script, order: number[]): Script => {
    for (const instance of order) script.sent(script.begin(), 1, instance);
    return script;
  };

  test('the busiest is not picked: holds; it is: violated', () => {
    expect(busy(new Script(3).up(3), [0, 1, 2, 0, 1]).verdict(leastRequest()).outcome).toBe('holds');
    const script = busy(new Script(3).up(3), [0, 1, 0, 0]);
    const verdict = script.verdict(leastRequest());
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain(
      'picked greeter/0 with 2 attempts under way, while every other had fewer',
    );
  });

  test('what ended, and who cannot be picked, does not count', () => {
    const script = new Script(3).up(3);
    const call = script.begin();
    script.sent(call, 1, 0).ended(call, 1, 0, 0, 'complete');
    expect(busy(script, [0, 1, 2]).verdict(leastRequest())).toMatchObject({ outcome: 'holds', exercised: 1 });
    const alone = busy(new Script(2).up(2).saw(1, 'unpickable'), [0, 0, 0]);
    expect(alone.verdict(leastRequest()).outcome).toBe('not exercised');
    expect(new Script(2).up(2).verdict(leastRequest()).outcome).toBe('not exercised');
  });

  test('calls one after the other, all to the same instance, show nothing: nobody is ever busy', () => {
    const script = new Script(2).up(2);
    for (let at = 0; at < 50; at++) {
      const call = script.begin();
      script.sent(call, 1, 0).ended(call, 1, 0, 0, 'complete').end(call, 0);
    }
    expect(script.verdict(leastRequest())).toMatchObject({ outcome: 'not exercised', exercised: 0 });
  });

  test('where weights differ, or grow, the busiest may be the right one', () => {
    const slow = { balancer: { name: 'least_request', slowStartMs: 100 } } as const;
    for (const more of [{ weights: [9, 1] }, { sidecar: slow }])
      expect(busy(new Script(2, more).up(2), [0, 0, 0, 1]).verdict(leastRequest()).outcome).toBe(
        'not exercised',
      );
    expect(busy(new Script(2, { weights: [1, 1] }).up(2), [0, 0]).verdict(leastRequest()).outcome).toBe(
      'violated',
    );
  });

  test('the share of a slow instance', () => {
    const faults = [{ kind: 'latency', target: 'greeter/0', instances: [0], impact: 'degraded' as const }];
    const judge = (slow: number, picks: number) => {
      const script = new Script(2, { faults }).up(2).fault('faultApplied', 0, 0);
      for (let at = 0; at < picks; at++) {
        const call = script.begin();
        const instance = at < slow ? 0 : 1;
        script.sent(call, 1, instance).ended(call, 1, instance, 0, 'complete');
      }
      return script.fault('faultHealed', 0, 0).verdict(leastRequest({ slowShareMax: 0.1 }));
    };
    expect(judge(10, 200)).toMatchObject({ outcome: 'holds', exercised: 200 });
    expect(judge(30, 200).explanation).toContain('15.0 % of 200 picks went to slow instances');
    expect(judge(30, 200).outcome).toBe('violated');
    expect(judge(1, 50).outcome).toBe('not exercised');
    expect(() => leastRequest({ slowShareMax: -1 })).toThrow("'slowShareMax' is -1");
  });
});
