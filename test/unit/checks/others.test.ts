import { describe, expect, test } from 'vitest';
import { check } from '../../../sim/checks/index.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { fnv1a32 } from '../../../sim/base/fnv.ts';
import { Script } from './journal-script.ts';

describe('noLostRequests', () => {
  test('holds, counts failures, and finds calls without an answer', () => {
    expect(new Script(1).up(1).picks([0, 0]).verdict(check.noLostRequests())).toMatchObject({
      outcome: 'holds',
      exercised: 2,
    });
    const failed = new Script(1).up(1).picks([0]);
    failed.end(failed.begin(), 14);
    expect(failed.verdict(check.noLostRequests()).explanation).toContain(
      '1 of 2 calls failed; the first was call 1',
    );
    const open = new Script(1).up(1).at(70);
    open.begin();
    const verdict = open.verdict(check.noLostRequests());
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 70 });
    expect(verdict.explanation).toContain('1 of 1 call never got an answer');
  });

  test('allowed statuses, and calls past the mesh', () => {
    const script = new Script(1).up(1);
    script.end(script.begin(), 8).end(script.begin(true), 14);
    expect(
      script
        .verdicts(check.noLostRequests({ allowStatuses: [8] }), check.noLostRequests())
        .map((v) => v.outcome),
    ).toEqual(['holds', 'violated']);
    expect(new Script(1).verdict(check.noLostRequests()).outcome).toBe('not exercised');
  });

  test('says how many were OK and how many had an allowed status', () => {
    const script = new Script(1).up(1).picks([0, 0, 0]);
    script.end(script.begin(), 14).end(script.begin(), 8);
    expect(script.verdict(check.noLostRequests({ allowStatuses: [14, 8] })).explanation).toBe(
      'All 5 calls were answered: 3 OK, 2 with an allowed status (8, 14).',
    );
  });

  test('exceptCommitted: only a call whose response had begun is excused', () => {
    const cut = (isBegun: boolean) => {
      const script = new Script(1).up(1).picks([0]);
      const call = script.begin();
      if (isBegun) script.write(Kind.responseStarted, call, 1, 0, -1, -1);
      return script.end(call, 14);
    };
    const except = check.noLostRequests({ exceptCommitted: true });
    expect(cut(true).verdict(check.noLostRequests()).outcome).toBe('violated');
    expect(cut(false).verdict(except).outcome).toBe('violated');
    expect(cut(true).verdict(except)).toMatchObject({
      outcome: 'holds',
      explanation:
        'All 2 calls were answered: 1 OK, 1 cut after the response had begun, which no proxy may send again.',
    });
  });
});

describe('retryAmplification', () => {
  const retried = (calls: number, retries: number) => {
    const script = new Script(2).up(2);
    for (let at = 0; at < calls; at++) {
      const call = script.at(at).begin();
      script.sent(call, 1, 0);
      if (at < retries) script.sent(call, 2, 1);
      script.end(call, 0);
    }
    return script;
  };

  test('the limit itself holds, one retry more does not', () => {
    expect(retried(10, 2).verdict(check.retryAmplification({ max: 1.2 }))).toMatchObject({
      outcome: 'holds',
      exercised: 2,
    });
    const verdict = retried(10, 3).verdict(check.retryAmplification({ max: 1.2 }));
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain('13 attempts for 10 calls: 1.300 per call');
  });

  test('a window sees a storm that the whole run hides', () => {
    const params = { max: 1.2 };
    expect(retried(200, 30).verdict(check.retryAmplification(params)).outcome).toBe('holds');
    expect(retried(200, 30).verdict(check.retryAmplification({ ...params, windowMs: 50 })).outcome).toBe(
      'violated',
    );
  });

  test('a window sees a storm wherever it begins', () => {
    for (let begin = 0; begin < 100; begin += 5) {
      const script = new Script(2).up(2);
      for (let at = 0; at < 300; at++) {
        const call = script.at(at).begin();
        script.sent(call, 1, 0);
        // One in five calls is retried, but for 40 ms, in which all are.
        if (at % 5 === 0 || (at >= 100 + begin && at < 140 + begin)) script.sent(call, 2, 1);
        script.end(call, 0);
      }
      const judge = (max: number) => script.verdict(check.retryAmplification({ max, windowMs: 50 })).outcome;
      expect(judge(1.7)).toBe('violated');
    }
  });

  test('no retry, not exercised', () => {
    expect(retried(10, 0).verdict(check.retryAmplification({ max: 2 })).outcome).toBe('not exercised');
  });
});

describe('recovery', () => {
  const spec = () => check.recovery({ withinMs: 500 });
  const back = () =>
    new Script(2).up(2).at(1_000).state(1, 'dead').saw(1, 'unpickable').at(2_000).state(1, 'ready');

  test('picked in the two rounds after the window: holds; in the pick after them: violated', () => {
    const held = back().at(2_501).picks([0, 0, 0]).saw(1, 'pickable').picks([1]);
    expect(held.verdict(spec())).toMatchObject({ outcome: 'holds', exercised: 1 });
    const late = back().at(2_501).picks([0, 0, 0, 0]).saw(1, 'pickable').picks([1]);
    const verdict = late.verdict(spec());
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain(
      'greeter/1 was back at 2.000 s, but sidecar 0 had not picked it by',
    );
  });

  test('picks before the window is over prove nothing yet', () => {
    expect(back().at(2_400).picks([0, 0, 0, 0, 0, 0]).verdict(spec()).outcome).toBe('not exercised');
  });

  test('gone again, or out of discovery: not judged', () => {
    expect(back().at(2_300).state(1, 'dead').at(2_501).picks([0, 0, 0, 0, 0]).verdict(spec()).outcome).toBe(
      'not exercised',
    );
    const left = back().at(2_300).write(Kind.memberState, -1, -1, 1, 2, -1).at(2_501).picks([0, 0, 0, 0, 0]);
    expect(left.verdict(spec()).outcome).toBe('not exercised');
  });

  test('a stall makes it inconclusive', () => {
    const script = back().at(2_400).stall(300).at(2_501).picks([0, 0, 0, 0]);
    expect(script.verdict(spec()).outcome).toBe('inconclusive');
  });

  test('a lifted partition is a return', () => {
    const faults = [
      { kind: 'partition', target: 'greeter/1', instances: [1], impact: 'unavailable' as const },
    ];
    const script = new Script(2, { faults })
      .up(2)
      .at(1_000)
      .fault('faultApplied', 0, 1)
      .at(2_000)
      .fault('faultHealed', 0, 1);
    expect(script.at(2_501).picks([0, 0, 0, 0]).verdict(spec()).outcome).toBe('violated');
  });
});

describe('replies', () => {
  test('compares the hash of the encoded message', () => {
    const octets = Uint8Array.from([0x0a, 2, 0x48, 0x69]);
    const good = new Script(1).up(1);
    good.end(good.begin(), 0, fnv1a32(octets) | 0);
    expect(good.verdict(check.replies({ message: 'Hi' })).outcome).toBe('holds');
    const bad = new Script(1).up(1);
    bad.end(bad.begin(), 0, fnv1a32(octets) | 0);
    expect(bad.verdict(check.replies({ message: 'Ho' })).explanation).toContain(
      '1 of 1 replies did not say "Ho"',
    );
  });
});

describe('overhead', () => {
  const measured = (addedMs: number, calls: number, cpuUs: number) => {
    const script = new Script(1, { world: 'real' }).up(1);
    for (let at = 0; at < calls; at++) {
      const direct = at % 2 === 0;
      const base = at * 100;
      const call = script.at(base).begin(direct);
      script.at(base + 10 + (at % 7) / 10 + (direct ? 0 : addedMs)).end(call, 0);
    }
    return script.write(Kind.cpu, -1, -1, -1, 0, cpuUs);
  };

  test('holds within, violated above, and says by how much', () => {
    expect(
      measured(2, 400, 20_000).verdict(check.overhead({ addedP50MsMax: 3, cpuUsPerCallMax: 100 })).outcome,
    ).toBe('holds');
    const verdict = measured(5, 400, 20_000).verdict(check.overhead({ addedP50MsMax: 3 }));
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toMatch(/[45]\.\d\d ms at p50 .*above the 3 ms allowed/);
    expect(measured(2, 400, 20_200).verdict(check.overhead({ cpuUsPerCallMax: 100 })).outcome).toBe(
      'violated',
    );
  });

  test('few pairs, or the virtual world: not exercised', () => {
    expect(measured(9, 40, 0).verdict(check.overhead({ addedP50MsMax: 1 })).outcome).toBe('not exercised');
    const virtual = new Script(1).up(1).verdict(check.overhead({ addedP50MsMax: 1 }));
    expect(virtual.explanation).toContain('only be measured in the real world');
  });
});
