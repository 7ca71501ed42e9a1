import { describe, expect, it } from 'vitest';
import { type BalancerConfig, DEFAULT_BALANCER } from '../../../proxy/policy/config.ts';
import { makeBalancer } from '../../../proxy/policy/make-balancer.ts';
import { seeded, TestMember } from './members.ts';

const S = 1e9;

/** Each tells of its load with every answer, as it would be with `capacity` calls a second at a utilization of 1. */
class Crowd {
  readonly members: TestMember[];
  readonly balancer;
  nowNs = S;
  readonly capacity = new Map<TestMember, number>();

  constructor(count: number, config: Partial<BalancerConfig> = {}) {
    this.balancer = makeBalancer<TestMember>(
      { ...DEFAULT_BALANCER, name: 'weighted_round_robin', loadReports: true, ...config },
      seeded(1),
    );
    this.members = Array.from({ length: count }, (_, at) => new TestMember(`m${at}`));
    this.balancer.membersChanged(this.members, this.members, []);
  }

  /** Picks, 100 a second; picks by member. */
  run(seconds: number): number[] {
    const picks = new Map<TestMember, number>();
    for (let call = 0; call < seconds * 100; call++) {
      this.nowNs += S / 100;
      const member = this.balancer.pick(this.nowNs, 0) as TestMember;
      picks.set(member, (picks.get(member) ?? 0) + 1);
      const capacity = this.capacity.get(member);
      if (capacity !== undefined) this.report(member, 100, 100 / capacity);
    }
    return this.members.map((member) => picks.get(member) ?? 0);
  }

  report(member: TestMember, calls: number, busy: number, errors = 0): void {
    this.balancer.reported?.(member, this.nowNs, {
      applicationUtilization: 0,
      cpuUtilization: busy,
      callsPerSecond: calls,
      errorsPerSecond: errors,
    });
  }
}

describe('weights from load reports', () => {
  it('LB-26: plain turns through the blackout, then by calls ÷ utilization, exactly', () => {
    const crowd = new Crowd(3);
    [100, 200, 700].forEach((capacity, at) => crowd.capacity.set(crowd.members[at] as TestMember, capacity));
    const before = crowd.run(9);
    expect(before).toEqual([300, 300, 300]);
    crowd.run(3);
    const after = crowd.run(100);
    [1_000, 2_000, 7_000].forEach((share, at) =>
      expect(Math.abs((after[at] as number) - share)).toBeLessThan(20),
    );
  });

  it('LB-26: with fewer than two known the turn is plain; who is not known takes the mean', () => {
    const crowd = new Crowd(4, { blackoutMs: 0 });
    crowd.capacity.set(crowd.members[0] as TestMember, 900);
    crowd.run(3);
    expect(crowd.run(4)).toEqual([100, 100, 100, 100]);
    crowd.capacity.set(crowd.members[1] as TestMember, 300);
    crowd.run(5);
    const after = crowd.run(24);
    [900, 300, 600, 600].forEach((share, at) =>
      expect(Math.abs((after[at] as number) - share)).toBeLessThan(12),
    );
  });

  it('LB-26: a weight expires, and what comes after it waits for a blackout of its own', () => {
    const crowd = new Crowd(2, { blackoutMs: 5_000, expirationMs: 20_000 });
    const [a, b] = crowd.members as [TestMember, TestMember];
    crowd.capacity.set(a, 100).set(b, 300);
    crowd.run(10);
    expect(Math.abs((crowd.run(4)[1] as number) - 300)).toBeLessThan(5);
    crowd.capacity.clear();
    crowd.run(22);
    expect(crowd.run(4)).toEqual([200, 200]);
    crowd.capacity.set(a, 100).set(b, 300);
    expect(crowd.run(4)).toEqual([200, 200]);
    crowd.run(4);
    expect(Math.abs((crowd.run(4)[1] as number) - 300)).toBeLessThan(5);
  });

  it('LB-10, LB-26: errors count against it, by the penalty', () => {
    const crowd = new Crowd(2, { blackoutMs: 0, errorPenalty: 1 });
    const [a, b] = crowd.members as [TestMember, TestMember];
    crowd.report(a, 100, 0.5);
    crowd.report(b, 100, 0.5, 100);
    crowd.run(3);
    const [well, bad] = crowd.run(8) as [number, number];
    expect(Math.abs(well - 600)).toBeLessThan(5);
    expect(Math.abs(bad - 200)).toBeLessThan(5);
  });

  it('LB-26: what the application says of its load counts before the CPU', () => {
    const crowd = new Crowd(2, { blackoutMs: 0 });
    const told = (at: number, applicationUtilization: number, cpuUtilization: number): void =>
      crowd.balancer.reported?.(crowd.members[at] as TestMember, crowd.nowNs, {
        applicationUtilization,
        cpuUtilization,
        callsPerSecond: 100,
        errorsPerSecond: 0,
      });
    told(0, 1, 0.1);
    told(1, 0.25, 0.9);
    crowd.run(3);
    expect(Math.abs((crowd.run(10)[1] as number) - 800)).toBeLessThan(5);
  });

  it('LB-26: however far apart weights are, nobody counts less than once or more than 100,000 times', () => {
    const crowd = new Crowd(300, { blackoutMs: 0 });
    crowd.members.forEach((member, at) => crowd.report(member, at === 0 ? 1e9 : 1, 1));
    crowd.run(8);
    const weights = crowd.members.map(({ standing }) => standing.weight);
    expect(weights[0]).toBe(100_000);
    expect(new Set(weights.slice(1))).toEqual(new Set([1]));
  });

  it('a report without calls or utilization changes nothing, and so does one of nobody', () => {
    const crowd = new Crowd(2, { blackoutMs: 0 });
    const [a, b] = crowd.members as [TestMember, TestMember];
    crowd.report(a, 100, 1);
    crowd.report(b, 300, 1);
    for (const [calls, busy] of [
      [0, 1],
      [100, 0],
      [1e-300, 1e300],
    ] as const)
      crowd.report(a, calls, busy);
    crowd.report(new TestMember('stranger'), 1, 1);
    crowd.run(3);
    expect(Math.abs((crowd.run(4)[0] as number) - 100)).toBeLessThan(3);
  });

  it('LB-26: who told something enormous once spoils nothing for long: neither the mean nor the schedule', () => {
    for (const calls of [1e5, 1e12, 1e30, 1e300]) {
      const crowd = new Crowd(5, { blackoutMs: 0 });
      const [odd, big, a, b] = crowd.members as [TestMember, TestMember, TestMember, TestMember];
      for (const member of [odd, big]) crowd.report(member, calls, 1e-8);
      for (const member of [a, b]) crowd.report(member, 100, 0.5);
      crowd.run(3);
      for (const member of [odd, big]) crowd.report(member, 100, 0.5);
      crowd.run(3);
      // The fifth is not known and has the mean of the others.
      expect(crowd.run(10)).toEqual([200, 200, 200, 200, 200]);
    }
  });

  it('one that comes back is unknown; weights of any size are scaled', () => {
    const crowd = new Crowd(3, { blackoutMs: 0 });
    crowd.members.forEach((member, at) => crowd.capacity.set(member, [1e7, 2e7, 1e7][at] as number));
    crowd.run(3);
    expect(Math.abs((crowd.run(8)[1] as number) - 400)).toBeLessThan(5);
    crowd.members.forEach((member, at) => crowd.capacity.set(member, [1e-2, 3e-2, 1e-2][at] as number));
    crowd.run(4);
    expect(Math.abs((crowd.run(10)[1] as number) - 600)).toBeLessThan(9);
    const b = crowd.members[1] as TestMember;
    crowd.capacity.delete(b);
    b.pickable = false;
    crowd.balancer.memberChanged(b);
    crowd.run(2);
    b.pickable = true;
    crowd.balancer.memberChanged(b);
    crowd.run(3);
    for (const picks of crowd.run(6)) expect(Math.abs(picks - 200)).toBeLessThan(6);
    crowd.balancer.membersChanged(crowd.members.slice(1), [], [crowd.members[0] as TestMember]);
    expect(crowd.run(1)[0]).toBe(0);
  });
});
