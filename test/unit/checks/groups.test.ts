/** Priorities and localities: journals that stand just on either side of a share. */
import { describe, expect, test } from 'vitest';
import { hashAffinity } from '../../../sim/checks/hash-affinity.ts';
import { leastRequest } from '../../../sim/checks/least-request.ts';
import { localityShare } from '../../../sim/checks/locality-share.ts';
import { priorityFailover } from '../../../sim/checks/priority-failover.ts';
import { roundRobin } from '../../../sim/checks/round-robin.ts';
import { weightedShare } from '../../../sim/checks/weighted-share.ts';
import type { BalancerSpec } from '../../../sim/spec/balancer.ts';
import type { GroupFacts } from '../../../sim/spec/balancer.ts';
import { Script } from './journal-script.ts';

/** A sidecar that sees all of these; `own`: its locality. */
function upOf(
  groups: GroupFacts[],
  balancer: Omit<BalancerSpec, 'name'> = {},
  own = 'a',
  sidecars = 1,
): Script {
  const sidecar = { balancer: { name: 'round_robin', ...balancer }, localities: [own] } as const;
  return new Script(groups.length, { groups, sidecar, sidecars }).up(groups.length, sidecars);
}

describe('each group is balanced by itself', () => {
  const RANKS = [{}, {}, { priority: 1 }, { priority: 1 }];
  const kept = { priorities: 'ignore' } as const;

  test('LB-01, LB-05: turns and shares are of a group, and of all where priorities mean nothing', () => {
    // Two picks of the first priority for one of the second: each in turn.
    const order = Array.from({ length: 24 }, (_, at) =>
      at % 3 < 2 ? (at % 3) % 2 : 2 + (Math.floor(at / 3) % 2),
    );
    for (const spec of [roundRobin(), weightedShare({ errorMax: 1.5 })]) {
      expect(upOf(RANKS).picks(order).phase(1).verdict(spec).outcome).toBe('holds');
      expect(upOf(RANKS, kept).picks(order).phase(1).verdict(spec).outcome).toBe('violated');
    }
    const stuck = upOf(RANKS).picks([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]).phase(1);
    expect(stuck.verdict(roundRobin()).outcome).toBe('violated');
    const unfair = upOf(RANKS)
      .picks([2, 2, 2, 2])
      .phase(1)
      .verdict(weightedShare({ errorMax: 1.5 }));
    expect(unfair.explanation).toContain('greeter/2 had 4 of 4 picks of sidecar 0, where weight 1 of 2');
  });

  test('LB-11: a key may go to another group when anything changed, for the shares of groups do', () => {
    const keyed = (more: object = {}) => new Script(4, { keys: 1, groups: RANKS, ...more }).up(4);
    const spilt = keyed().picks([0, 0]).saw(1, 'unpickable').picks([2]).saw(1, 'pickable').picks([0]);
    expect(spilt.verdict(hashAffinity()).outcome).toBe('holds');
    // Within a group it stays, and nothing moves without a change.
    expect(keyed().picks([0, 0]).saw(3, 'unpickable').picks([1]).verdict(hashAffinity()).outcome).toBe(
      'violated',
    );
    expect(keyed().picks([0, 0, 2]).verdict(hashAffinity()).outcome).toBe('violated');
    const flat = keyed({ groups: [] }).picks([0, 0]).saw(1, 'unpickable').picks([2]);
    expect(flat.verdict(hashAffinity()).outcome).toBe('violated');
  });

  test('LB-07: the busiest of its group is not picked, whoever is busy elsewhere', () => {
    const busy = (script: Script, order: number[]): Script => {
      for (const instance of order) script.sent(script.begin(), 1, instance);
      return script;
    };
    const alone = [{}, {}, { priority: 1 }];
    expect(busy(upOf(alone), [2, 2, 0, 1, 2]).verdict(leastRequest())).toMatchObject({
      outcome: 'holds',
      exercised: 1,
    });
    expect(busy(upOf(alone, kept), [2, 2]).verdict(leastRequest()).outcome).toBe('violated');
    expect(busy(upOf(RANKS), [0, 1, 0, 0]).verdict(leastRequest()).outcome).toBe('violated');
  });
});

const times = (count: number, instance: number): number[] => Array.from({ length: count }, () => instance);

describe('priorityFailover', () => {
  const PRIORITIES = [{}, {}, {}, {}, { priority: 1 }, { priority: 1 }];
  const up = (balancer: Omit<BalancerSpec, 'name'> = {}) => upOf(PRIORITIES, balancer);
  const check = priorityFailover({ errorMax: 1 });

  test('LB-20: what is well × 1.4 bears all: not one call to the next; below that its part', () => {
    // 3 of 4 × 1.4 is more than all.
    const enough = (picks: number[]) => up().saw(0, 'unpickable').picks(picks).verdict(check);
    expect(enough([1, 2, 3, 1])).toMatchObject({ outcome: 'holds', exercised: 4 });
    const early = enough([1, 2, 3, 4]);
    expect(early).toMatchObject({ outcome: 'violated', firstAtMs: 3 });
    expect(early.explanation).toContain(
      'greeter/4 of priority 1, which should get none (priority 0: 3 of 4 well, priority 1: 2 of 2 well)',
    );
    // 2 of 4 × 1.4 is 70 %.
    const short = (picks: number[]) =>
      up().saw(0, 'unpickable').saw(1, 'unpickable').picks(picks).phase(1).verdict(check);
    expect(short([2, 4, 3, 2, 5, 3, 2, 4, 3, 2])).toMatchObject({ outcome: 'holds', exercised: 10 });
    expect(short([4, 4]).explanation).toContain(
      '2 of 2 calls to priority 1, where a share of 30.0 % makes it 0.6',
    );
    expect(short([2, 3, 2]).outcome).toBe('holds');
    expect(short([2, 3, 2, 3]).explanation).toContain(
      '4 of 4 calls to priority 0, where a share of 70.0 % makes it 2.8',
    );
  });

  test('LB-20: with less than all in all, in proportion; with another factor as it says', () => {
    const half = up();
    for (const lost of [0, 1, 2, 4]) half.saw(lost, 'unpickable');
    // 35 % and 70 %: all together more than 1, so 35 and 65.
    expect(half.picks([3, 5, 5]).verdict(check).outcome).toBe('holds');
    const more = up({ overprovisioning: 2 }).saw(0, 'unpickable').saw(1, 'unpickable');
    expect(more.picks([2, 4]).verdict(check).outcome).toBe('violated');
    const scarce = up({ overprovisioning: 1 });
    for (const lost of [0, 1, 2, 4]) scarce.saw(lost, 'unpickable');
    // 25 % and 50 % of 75 %.
    expect(scarce.picks([3, 5, 5, 3, 5, 5]).verdict(check).outcome).toBe('holds');
  });

  test('LB-20: it comes back as it heals', () => {
    const healed = (picks: number[]) => {
      const script = up();
      for (const lost of [0, 1, 2, 3]) script.saw(lost, 'unpickable');
      script.picks([4, 5, 4]);
      for (const back of [0, 1, 2]) script.saw(back, 'pickable');
      return script.picks(picks).verdict(check);
    };
    expect(healed([0, 1, 2])).toMatchObject({ outcome: 'holds', exercised: 6 });
    expect(healed([0, 1, 2]).explanation).toContain('got all again 1 time');
    expect(healed([0, 1, 5]).outcome).toBe('violated');
  });

  test('LB-20: as gRPC has it one that is ready is enough', () => {
    const one = (picks: number[]) => {
      const script = up({ priorities: 'a56' });
      for (const lost of [0, 1, 2]) script.saw(lost, 'unpickable');
      return script.picks(picks).verdict(check);
    };
    expect(one([3, 3, 3])).toMatchObject({ outcome: 'holds', exercised: 3 });
    expect(one([3, 3, 4])).toMatchObject({ outcome: 'violated', firstAtMs: 2 });
  });

  test('while one that joined has not shown whether it is well, nothing is judged; draining ones still count', () => {
    const fresh = up().saw(0, 'unpickable').saw(1, 'removed').saw(1, 'added').picks([4, 4, 4, 4]);
    expect(fresh.verdict(check).outcome).toBe('not exercised');
    const shown = up()
      .saw(0, 'unpickable')
      .saw(1, 'removed')
      .saw(1, 'added')
      .saw(1, 'unhealthy')
      .picks([4, 4]);
    expect(shown.verdict(check).explanation).toContain('priority 0: 2 of 4 well');
    // One that left is not short of anything: 2 of 3.
    const left = up().saw(0, 'removed').saw(1, 'unpickable').picks([4, 4]);
    expect(left.verdict(check).explanation).toContain('priority 0: 2 of 3 well');
    expect(
      up().saw(1, 'unhealthy').saw(1, 'healthy').saw(1, 'unpickable').picks([2]).verdict(check).outcome,
    ).toBe('holds');
  });

  test('with nobody well those that are picked all the same share by their number', () => {
    const panic = (picks: number[]) => {
      const script = up();
      for (let instance = 0; instance < 6; instance++) script.saw(instance, 'unhealthy');
      return script.picks(picks).verdict(check).outcome;
    };
    expect(panic([0, 1, 4, 2, 3, 5])).toBe('not exercised');
    expect(panic([4, 5, 4, 5])).toBe('violated');
  });

  test('nothing is shown while the best is whole, or without another; each sidecar by itself', () => {
    expect(up().picks([0, 1, 2, 3]).verdict(check).outcome).toBe('not exercised');
    expect(up().picks([4]).verdict(check).outcome).toBe('violated');
    expect(upOf([{}, {}]).saw(0, 'unpickable').picks([1]).verdict(check).outcome).toBe('not exercised');
    expect(up({ priorities: 'ignore' }).saw(0, 'unpickable').picks(times(9, 4)).verdict(check).outcome).toBe(
      'not exercised',
    );
    const two = () => {
      const script = upOf(PRIORITIES, {}, 'a', 2);
      for (const lost of [0, 1, 2, 3]) script.saw(lost, 'unpickable', 1);
      return script.picks([4, 5], 1);
    };
    expect(two().picks([0, 1], 0).verdict(check)).toMatchObject({ outcome: 'holds', exercised: 2 });
    expect(two().picks([4], 0).verdict(check).explanation).toContain('sidecar 0 sent a call to greeter/4');
    expect(() => priorityFailover({ errorMax: 0 })).toThrow("'errorMax' is 0");
  });
});

describe('localityShare', () => {
  const check = localityShare({ errorMax: 1 });

  describe('weighted', () => {
    const ZONES: GroupFacts[] = [
      { locality: 'a', localityWeight: 3 },
      { locality: 'a', localityWeight: 3 },
      { locality: 'b' },
      { locality: 'b' },
    ];
    const up = () => upOf(ZONES, { localities: 'weighted' });

    test('LB-21: by weight, to the pick', () => {
      expect(up().picks([0, 1, 2, 0, 1, 0, 3, 1]).phase(1).verdict(check)).toMatchObject({
        outcome: 'holds',
        exercised: 8,
      });
      expect(up().picks([0, 2, 3]).verdict(check).explanation).toContain(
        '2 of 3 calls to locality b, where a share of 25.0 % makes it 0.8 (locality a: 2 of 2 well, locality b: 2 of 2 well)',
      );
      expect(up().picks(times(4, 0)).verdict(check).outcome).toBe('holds');
      expect(up().picks(times(5, 0)).verdict(check).outcome).toBe('violated');
    });

    test('LB-21: less where a locality is short of health; nothing without anyone', () => {
      // 3 × 0.7 beside 1: 67.7 %.
      const short = (picks: number[]) => up().saw(0, 'unpickable').picks(picks).verdict(check);
      expect(short([1, 2, 1, 1, 2, 1]).outcome).toBe('holds');
      expect(short(times(4, 1)).explanation).toContain('a share of 67.7 % makes it 2.7');
      const gone = up().saw(2, 'unpickable').saw(3, 'unpickable').picks(times(9, 0));
      expect(gone.verdict(check).outcome).toBe('not exercised');
    });
  });

  describe('nearest', () => {
    const zones = (a: number, b: number, c = 0): GroupFacts[] => [
      ...Array.from({ length: a }, () => ({ locality: 'a' })),
      ...Array.from({ length: b }, () => ({ locality: 'b' })),
      ...Array.from({ length: c }, () => ({ locality: 'c' })),
    ];

    test('LB-21: no call leaves a zone that can bear its part', () => {
      const up = () => upOf(zones(2, 2), { localities: 'nearest' });
      expect(up().picks([0, 1, 0]).verdict(check)).toMatchObject({ outcome: 'holds', exercised: 3 });
      expect(up().picks([0, 2]).verdict(check).explanation).toContain(
        'greeter/2 of locality b, which should get none',
      );
    });

    test('LB-21: what it cannot bear goes where there is more than a part', () => {
      // Parts of 2: a keeps half; b has 1 more than a part, c 0 more.
      const up = () => upOf(zones(1, 3, 2), { localities: 'nearest' });
      expect(up().picks([0, 1, 0, 2]).verdict(check).outcome).toBe('holds');
      expect(up().picks([0, 4]).verdict(check).outcome).toBe('violated');
      expect(up().picks([0, 0, 0]).verdict(check).explanation).toContain('a share of 50.0 % makes it 1.5');
    });

    test('LB-21: a part of the own locality is near; without anyone near by number', () => {
      const parts = [{ locality: 'eu/a/r1' }, { locality: 'eu/ab' }];
      expect(upOf(parts, { localities: 'nearest' }, 'eu/a').picks(times(5, 0)).verdict(check).outcome).toBe(
        'holds',
      );
      const far = () => upOf(zones(1, 2), { localities: 'nearest' }, 'z');
      expect(far().picks([0, 1, 2, 1, 2, 0]).verdict(check).outcome).toBe('holds');
      expect(far().picks(times(3, 0)).verdict(check).outcome).toBe('violated');
      // Everywhere less than a part to spare: those that are there bear it.
      expect(upOf(zones(2, 1), { localities: 'nearest' }).picks([0, 1, 0]).verdict(check).outcome).toBe(
        'holds',
      );
    });
  });

  test('LB-21: one that was forgotten shows when shares change, and when load ends', () => {
    const zones = ['a', 'b', 'c'].map((locality) => ({ locality }));
    // A third is due to each: after four picks without it, c is 1.33 behind, and nobody is so far ahead.
    const script = () => upOf(zones, { localities: 'weighted' }).picks([0, 1, 0, 1]);
    expect(script().verdict(check).outcome).toBe('holds');
    expect(script().phase(1).verdict(check).explanation).toContain('0 of 4 calls to locality c');
    const changed = script().saw(0, 'unpickable').picks([1, 2, 1, 2]).verdict(check);
    expect(changed.explanation).toContain('0 of 4 calls to locality c');
    const seen = upOf(zones, { localities: 'weighted' }).picks([0, 1, 2, 0]).saw(0, 'unpickable');
    expect(seen.picks([1, 2, 1, 2]).phase(1).verdict(check).outcome).toBe('holds');
  });

  test('within each priority; nothing is shown where localities mean nothing, or there is one', () => {
    const facts = [
      { locality: 'a' },
      { locality: 'b' },
      { priority: 1, locality: 'a' },
      { priority: 1, locality: 'b' },
      {},
    ];
    const up = () => upOf(facts, { localities: 'weighted', overprovisioning: 100 });
    expect(up().picks([0, 1, 4]).verdict(check).outcome).toBe('holds');
    expect(up().picks([0, 2]).verdict(check).explanation).toContain(
      'locality a of priority 1, which should get none',
    );
    expect(
      upOf([{ locality: 'a' }, { locality: 'b' }])
        .picks([0, 1])
        .verdict(check),
    ).toMatchObject({
      outcome: 'not exercised',
      explanation: "The sidecar's balancer does not go by localities.",
    });
    expect(upOf([{}, {}], { localities: 'weighted' }).picks([0, 1]).verdict(check).outcome).toBe(
      'not exercised',
    );
  });
});
