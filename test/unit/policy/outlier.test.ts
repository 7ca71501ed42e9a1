/** Outlier detection as a pure policy: results and time in, ejections out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_FAILURE_PERCENT, DEFAULT_OUTLIER } from '../../../proxy/policy/failover-config.ts';
import { DEFAULT_SUCCESS_RATE, EJECTION_CAPS } from '../../../proxy/policy/failover-config.ts';
import type { OutlierConfig } from '../../../proxy/policy/failover-config.ts';
import { OutlierDetector, type OutlierMember, OutlierRecord } from '../../../proxy/policy/outlier.ts';
import { OUTLIER_DEFAULTS } from '../../../sim/spec/failover.ts';
import { seeded } from './members.ts';

const S = 1e9;
const UNAVAILABLE = 14;

class Member implements OutlierMember {
  readonly outlier = new OutlierRecord();
  changes = 0;
  ejectionChanged(): void {
    this.changes++;
  }
}

class Rig {
  nowNs = 0;
  readonly members: Member[];
  readonly detector: OutlierDetector<Member>;

  constructor(count: number, config: Partial<OutlierConfig>, random: () => number = seeded(1)) {
    this.members = Array.from({ length: count }, () => new Member());
    this.detector = new OutlierDetector<Member>({ ...DEFAULT_OUTLIER, ...config }, random);
    this.detector.membersChanged(this.members);
  }

  fail(at: number, times = 1, status = UNAVAILABLE): this {
    for (let time = 0; time < times; time++)
      this.detector.record(this.members[at] as Member, status, this.nowNs);
    return this;
  }

  ok(at: number, times = 1): this {
    return this.fail(at, times, 0);
  }

  sweep(afterS: number): this {
    this.nowNs += afterS * S;
    this.detector.sweep(this.nowNs);
    return this;
  }

  get out(): number[] {
    return this.members.flatMap((member, at) => (member.outlier.ejected ? [at] : []));
  }
}

describe('errors in a row', () => {
  test('FO-22: exactly so many eject, a success in between starts anew, and so does the return', () => {
    const rig = new Rig(10, { consecutiveErrors: 3 });
    expect(rig.fail(0, 2).ok(0).fail(0, 2).out).toEqual([]);
    expect(rig.fail(0).out).toEqual([0]);
    expect(rig.fail(0, 9).detector.ejections).toBe(1);
    expect(rig.sweep(30).out).toEqual([]);
    expect(rig.fail(0, 2).out).toEqual([]);
    expect(rig.fail(0).out).toEqual([0]);
    expect(rig.members[0]?.changes).toBe(3);
  });

  test('FO-23: which status is an error is said by the configuration, by default those that Envoy maps to 5xx', () => {
    const ejecting = (config: Partial<OutlierConfig>): number[] =>
      Array.from({ length: 17 }, (_, status) => status).filter((status) => {
        return new Rig(10, config).fail(0, 5, status).out.length > 0;
      });
    expect(ejecting({})).toEqual([2, 4, 12, 13, 14, 15]);
    expect(ejecting({ errorStatuses: [8] })).toEqual([8]);
    const gateway = { consecutiveErrors: 0, consecutiveGatewayErrors: 5 };
    expect(ejecting(gateway)).toEqual([4, 14]);
    // Another error interrupts the gateway errors, and errors of both kinds count as errors.
    expect(new Rig(10, gateway).fail(0, 4).fail(0, 1, 13).fail(0, 4).out).toEqual([]);
    expect(new Rig(10, { consecutiveErrors: 9, ...{} }).fail(0, 4).fail(0, 5, 13).out).toEqual([0]);
    expect(new Rig(10, { consecutiveErrors: 0 }).fail(0, 1_000).out).toEqual([]);
  });
});

describe('the cap', () => {
  const ejectable = (count: number, cap: OutlierConfig['cap'], maxEjectionPercent: number): number => {
    const rig = new Rig(count, { cap, maxEjectionPercent, consecutiveErrors: 1 });
    for (let at = 0; at < count; at++) rig.fail(at);
    expect(rig.detector.ejected).toBe(rig.out.length);
    expect(rig.detector.ejections + rig.detector.ejectionsOverCap).toBe(count);
    return rig.out.length;
  };

  test('FO-24: three readings of the same share', () => {
    const table = [0, 10, 33, 34, 50, 67, 100].map((percent) =>
      [1, 2, 3, 5, 10].map((count) => EJECTION_CAPS.map((cap) => ejectable(count, cap, percent)).join(' ')),
    );
    expect(table).toEqual([
      ['0 0 1', '0 0 1', '0 0 1', '0 0 1', '0 0 1'],
      ['1 0 1', '1 0 1', '1 0 1', '1 0 1', '1 1 1'],
      ['1 0 1', '1 0 1', '1 0 1', '2 1 1', '4 3 3'],
      ['1 0 1', '1 0 1', '2 1 1', '2 1 1', '4 3 3'],
      ['1 0 1', '1 1 1', '2 1 1', '3 2 2', '5 5 5'],
      ['1 0 1', '2 1 1', '3 2 2', '4 3 3', '7 6 6'],
      ['1 1 1', '2 2 2', '3 3 3', '5 5 5', '10 10 10'],
    ]);
  });

  test('FO-24, FO-28: who leaves is not in the cap; when the set shrinks, the ejection that is over first ends', () => {
    const rig = new Rig(10, { cap: 'envoy', maxEjectionPercent: 30, consecutiveErrors: 1 });
    rig.fail(0).sweep(1).fail(1).sweep(1).fail(2).fail(3);
    expect(rig.out).toEqual([0, 1, 2]);
    rig.detector.membersChanged(rig.members.filter((_, at) => at !== 1));
    expect(rig.detector.ejected).toBe(2);
    expect(rig.fail(3).out).toEqual([0, 1, 2]);
    rig.detector.membersChanged(rig.members.slice(0, 5));
    expect(rig.out).toEqual([2]);
    rig.detector.membersChanged([]);
    expect(rig.detector.ejected).toBe(0);
    rig.detector.membersChanged([new Member()]);
    expect(rig.detector.ejected).toBe(0);
  });

  test('FO-24: at every moment of any history the ejected share is within the cap', () => {
    const step = fc.tuple(fc.nat(11), fc.constantFrom('fail', 'ok', 'sweep', 'leave', 'join'));
    const history = fc.array(step, { maxLength: 200 });
    fc.assert(
      fc.property(
        history,
        fc.integer({ min: 0, max: 100 }),
        fc.constantFrom(...EJECTION_CAPS),
        (steps, percent, cap) => {
          const rig = new Rig(12, { cap, maxEjectionPercent: percent, consecutiveErrors: 2 });
          const gone = new Set<number>();
          for (const [at, what] of steps) {
            if (what === 'sweep') rig.sweep(10);
            else if (what === 'fail' && !gone.has(at)) rig.fail(at, 2);
            else if (what === 'ok' && !gone.has(at)) rig.ok(at);
            else if (what === 'leave' && gone.size < 11) gone.add(at);
            else if (what === 'join' && gone.delete(at)) rig.members[at] = new Member();
            const left = rig.members.filter((_, one) => !gone.has(one));
            if (what === 'leave' || what === 'join') rig.detector.membersChanged(left);
            const ejected = left.filter(({ outlier }) => outlier.ejected).length;
            expect(rig.detector.ejected).toBe(ejected);
            const most = (percent * left.length) / 100;
            const allowed =
              cap === 'envoy'
                ? Math.floor(most)
                : cap === 'a50'
                  ? Math.ceil(most)
                  : Math.max(1, Math.floor(most));
            expect(ejected).toBeLessThanOrEqual(allowed);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('how long', () => {
  const CONFIG = {
    intervalMs: 30_000,
    baseEjectionMs: 60_000,
    maxEjectionMs: 300_000,
    maxEjectionPercent: 100,
  };

  /** How long each ejection of the first member lasts in seconds, when it fails whenever it is in. */
  const ejections = (rig: Rig, misbehave: () => void, sweeps: number): number[] => {
    const lengths: number[] = [];
    let outAt = -1;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      if (outAt < 0) misbehave();
      if (outAt < 0 && rig.out.includes(0)) outAt = rig.nowNs;
      rig.sweep(30);
      if (outAt < 0 && rig.out.includes(0)) outAt = rig.nowNs;
      if (outAt < 0 || rig.out.includes(0)) continue;
      lengths.push((rig.nowNs - outAt) / S);
      outAt = -1;
    }
    return lengths;
  };

  test('FO-25: each ejection in a row lasts one base longer, up to the longest, whatever detected it', () => {
    const grows = [60, 120, 180, 240, 300, 300];
    const row = new Rig(3, { ...CONFIG, consecutiveErrors: 3 });
    expect(ejections(row, () => row.fail(0, 3), 45).slice(0, 6)).toEqual(grows);
    const statistics = { ...CONFIG, consecutiveErrors: 0, failurePercent: DEFAULT_FAILURE_PERCENT };
    const percent = new Rig(5, statistics);
    const all = (rig: Rig): void =>
      rig.members.forEach((_, at) => (at === 0 ? rig.fail(at, 60) : rig.ok(at, 60)));
    expect(ejections(percent, () => all(percent), 50).slice(0, 6)).toEqual(grows);
  });

  test('FO-25: good intervals take it back one by one', () => {
    const rig = new Rig(3, { ...CONFIG, consecutiveErrors: 1 });
    ejections(rig, () => rig.fail(0), 10);
    expect(rig.members[0]?.outlier.multiplier).toBe(3);
    rig.sweep(300).sweep(30);
    expect(rig.members[0]?.outlier.multiplier).toBe(2);
    for (let sweep = 0; sweep < 5; sweep++) rig.sweep(30);
    expect(rig.members[0]?.outlier.multiplier).toBe(0);
    expect(ejections(rig, () => rig.fail(0), 3)).toEqual([60]);
  });

  test('FO-25: a longest time below the base counts for nothing; jitter comes on top', () => {
    const short = new Rig(3, { ...CONFIG, maxEjectionMs: 0, consecutiveErrors: 1 });
    expect(ejections(short, () => short.fail(0), 7)).toEqual([60, 60, 60]);
    const late = new Rig(3, { ...CONFIG, jitterMs: 60_000, consecutiveErrors: 1 }, () => 0.75);
    expect(ejections(late, () => late.fail(0), 4)).toEqual([120]);
  });

  test('FO-25: ended by hand, as by a good health check, it is over at once and for all', () => {
    const rig = new Rig(3, { ...CONFIG, consecutiveErrors: 1 }).fail(0);
    rig.detector.uneject(rig.members[0] as Member);
    rig.detector.uneject(rig.members[0] as Member);
    expect([rig.out, rig.detector.ejected, rig.members[0]?.changes]).toEqual([[], 0, 2]);
  });
});

describe('statistics', () => {
  const successRate = DEFAULT_SUCCESS_RATE;
  const failurePercent = DEFAULT_FAILURE_PERCENT;
  const OFF = { consecutiveErrors: 0, maxEjectionPercent: 100 };

  test('FO-26: success rates are compared among enough endpoints with enough calls only', () => {
    const judge = (count: number, calls: number): number[] => {
      const rig = new Rig(count, { ...OFF, successRate });
      for (let at = 0; at < count; at++) rig.ok(at, calls - (at === 0 ? 40 : 1)).fail(at, at === 0 ? 40 : 1);
      return rig.sweep(10).out;
    };
    expect(judge(5, 100)).toEqual([0]);
    expect(judge(4, 100)).toEqual([]);
    expect(judge(5, 99)).toEqual([]);
  });

  test('FO-26: below mean − stdev × factor / 1000, and not at it; equals are nobody’s outliers', () => {
    const rig = new Rig(6, { ...OFF, successRate });
    const rates = [100, 100, 100, 100, 90, 50];
    rates.forEach((good, at) => rig.ok(at, good).fail(at, 100 - good));
    // mean 0.9, deviation 0.183: the threshold lies at 0.553.
    expect(rig.sweep(10).out).toEqual([5]);
    for (const stdevFactor of [0, 500, 1_900]) {
      for (let good = 0; good <= 100; good++) {
        const same = new Rig(6, { ...OFF, successRate: { ...successRate, stdevFactor } });
        for (let at = 0; at < 6; at++) same.ok(at, good).fail(at, 100 - good);
        expect(same.sweep(10).out).toEqual([]);
      }
    }
  });

  test('FO-26: a failure percentage beyond the threshold; each interval counts alone', () => {
    const judge = (failures: number): number[] => {
      const rig = new Rig(5, { ...OFF, failurePercent });
      for (let at = 0; at < 5; at++) rig.ok(at, 100);
      rig.sweep(10);
      for (let at = 1; at < 5; at++) rig.ok(at, 100);
      return rig
        .fail(0, failures)
        .ok(0, 100 - failures)
        .sweep(10).out;
    };
    expect(judge(85)).toEqual([]);
    expect(judge(86)).toEqual([0]);
  });

  test('FO-26: at each threshold exactly, and with any number of calls, nobody is beyond it', () => {
    for (let thresholdPercent = 0; thresholdPercent < 100; thresholdPercent++) {
      for (const calls of [100, 300]) {
        const config = { ...failurePercent, thresholdPercent, minHosts: 1 };
        const rig = new Rig(2, { ...OFF, failurePercent: config });
        const failures = (thresholdPercent * calls) / 100;
        rig.fail(0, failures).ok(0, calls - failures);
        rig.fail(1, failures + 1).ok(1, calls - failures - 1);
        expect(rig.sweep(10).out).toEqual([1]);
      }
    }
  });

  test('FO-26: with both statistics on, whom the first ejects still counts for the second, and is ejected once', () => {
    const lenient = { ...successRate, stdevFactor: 1_200 };
    const rig = new Rig(5, { ...OFF, successRate: lenient, failurePercent });
    // mean 0.628, deviation 0.463: only the last one lies below 0.073, while two fail more than 85 %.
    [100, 100, 100, 14, 0].forEach((good, at) => rig.ok(at, good).fail(at, 100 - good));
    expect(rig.sweep(10).out).toEqual([3, 4]);
    expect(rig.detector.ejections).toBe(2);
  });

  test('FO-26: an ejected one is not judged again; without calls nobody is judged', () => {
    const rig = new Rig(6, { ...OFF, failurePercent: { ...failurePercent, minRequests: 0, minHosts: 1 } });
    expect(rig.sweep(10).out).toEqual([]);
    rig.fail(0, 10).sweep(10).fail(0, 10).sweep(10);
    expect(rig.detector.ejections).toBe(1);
    const none = new Rig(3, { ...OFF, successRate: { ...successRate, minRequests: 0, minHosts: 0 } });
    expect(none.sweep(10).out).toEqual([]);
  });

  test('FO-26: only a part of those found is ejected where that is asked for', () => {
    const half = { ...failurePercent, minHosts: 1, enforcePercent: 50 };
    const rig = new Rig(400, { ...OFF, failurePercent: half });
    for (let at = 0; at < 400; at++) rig.fail(at, 60);
    const { length } = rig.sweep(10).out;
    expect(length).toBeGreaterThan(150);
    expect(length).toBeLessThan(250);
  });

  test('FO-27: with nothing to detect nobody is out, and what was is over after its time', () => {
    const rig = new Rig(5, OFF);
    for (let at = 0; at < 5; at++) rig.fail(at, 1_000);
    expect(rig.sweep(10).out).toEqual([]);
  });
});

test('the simulator assumes the same defaults', () => {
  const { successRate, failurePercent, ...rest } = DEFAULT_OUTLIER;
  expect([successRate, failurePercent]).toEqual([null, null]);
  expect(OUTLIER_DEFAULTS).toEqual(rest);
});
