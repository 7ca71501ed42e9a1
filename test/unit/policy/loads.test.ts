import { describe, expect, it } from 'vitest';
import type { Balancer } from '../../../proxy/policy/balancer.ts';
import { DEFAULT_BALANCER } from '../../../proxy/policy/config.ts';
import { LeastRequest } from '../../../proxy/policy/least-request.ts';
import { P2cEwma } from '../../../proxy/policy/p2c-ewma.ts';
import { RoundRobin } from '../../../proxy/policy/round-robin.ts';
import { SlowStart } from '../../../proxy/policy/slow-start.ts';
import { seeded, TestMember } from './members.ts';

const MS = 1e6;

/** One call a ms for `calls` ms; each member answers after its own time. Returns the mean time a call took, in ms. */
function drive(
  balancer: Balancer<TestMember>,
  members: readonly TestMember[],
  tookMs: readonly number[],
  calls: number,
): number {
  const ends: { atMs: number; member: TestMember; took: number }[] = [];
  let spent = 0;
  for (let nowMs = 0; nowMs < calls; nowMs++) {
    for (let at = ends.length - 1; at >= 0; at--) {
      const { atMs, member, took } = ends[at] as (typeof ends)[number];
      if (atMs > nowMs) continue;
      ends.splice(at, 1);
      member.active--;
      balancer.attemptTimed(member, nowMs * MS, took * MS, 'answered');
    }
    const member = balancer.pick(nowMs * MS, 0) as TestMember;
    const took = tookMs[members.indexOf(member)] as number;
    member.active++;
    member.picks++;
    spent += took;
    ends.push({ atMs: nowMs + took, member, took });
  }
  return spent / calls;
}

function setOf(count: number): TestMember[] {
  return Array.from({ length: count }, (_, at) => new TestMember(`m${at}`));
}

const least = (choices: number, random: () => number) =>
  new LeastRequest<TestMember>(choices, new SlowStart(0, 1), random);
const SLOW = [200, 10, 10, 10, 10];

describe('least request', () => {
  it('LB-07: under one slow member, the power of two choices beats round robin by far', () => {
    const [one, two] = [setOf(5), setOf(5)];
    const lesser = least(2, seeded(1));
    lesser.membersChanged(one, one, []);
    const turns = new RoundRobin<TestMember>(0);
    turns.membersChanged(two, two, []);
    const meanMs = drive(lesser, one, SLOW, 4_000);
    const turnsMs = drive(turns, two, SLOW, 4_000);
    expect(turnsMs).toBeCloseTo(48, 0);
    expect(meanMs).toBeLessThan(turnsMs / 2);
    expect((one[0] as TestMember).picks / 4_000).toBeLessThan(0.08);
  });

  it('LB-09: draws two different ones, so of two the hung one gets nothing', () => {
    const [hung, good] = setOf(2) as [TestMember, TestMember];
    const balancer = least(2, seeded(5));
    balancer.membersChanged([hung, good], [hung, good], []);
    hung.active = 1;
    for (let call = 0; call < 200; call++) expect(balancer.pick(0)).toBe(good);
  });

  it('the busiest of all is never picked, and with more choices than members the least busy always is', () => {
    const members = setOf(6);
    const [two, ten] = [least(2, seeded(3)), least(10, seeded(3))];
    members.forEach((member, at) => (member.active = at));
    two.membersChanged(members, members, []);
    for (let call = 0; call < 500; call++) expect(two.pick(0)).not.toBe(members[5]);
    for (const { standing } of members) standing.place = -1;
    ten.membersChanged(members, members, []);
    const picks = Array.from({ length: 500 }, () => ten.pick(0));
    expect(picks.filter((one) => one === members[0]).length).toBeGreaterThan(400);
  });

  it('a retry goes to the less busy of two that were not tried', () => {
    const members = setOf(3);
    const balancer = least(2, seeded(3));
    balancer.membersChanged(members, members, []);
    (members[1] as TestMember).active = 5;
    const picks = Array.from({ length: 100 }, () => balancer.pickRetry([members[0] as TestMember]));
    expect(picks.filter((one) => one === members[2]).length).toBeGreaterThan(45);
    expect(picks).not.toContain(members[0]);
  });

  it('with weights, shares follow them while nobody is busy, and shrink with what is under way', () => {
    const members = [new TestMember('a', 1), new TestMember('b', 2), new TestMember('c', 7)];
    const balancer = least(2, seeded(1));
    balancer.membersChanged(members, members, []);
    for (let call = 0; call < 1_000; call++) (balancer.pick(0) as TestMember).picks++;
    members.forEach(({ picks }, at) => expect(Math.abs(picks - [100, 200, 700][at]!)).toBeLessThan(3));
    const [a, b, c] = members as [TestMember, TestMember, TestMember];
    c.active = 6;
    for (const member of members) member.picks = 0;
    for (let call = 0; call < 1_000; call++) (balancer.pick(0) as TestMember).picks++;
    // 7 ÷ (6 + 1) is 1: now 1 : 2 : 1.
    expect([a, b, c].every(({ picks }, at) => Math.abs(picks - [250, 500, 250][at]!) < 10)).toBe(true);
    const light = { ...c.endpoint, weight: 1 };
    for (const member of members) {
      member.endpoint = { ...light, address: member.name };
      balancer.memberChanged(member);
    }
    for (let call = 0; call < 100; call++) expect(balancer.pick(0)).not.toBe(c);
  });
});

describe('peak EWMA', () => {
  const make = (members: readonly TestMember[], seed = 1): P2cEwma<TestMember> => {
    const balancer = new P2cEwma<TestMember>(
      { ...DEFAULT_BALANCER, decayMs: 1_000, failurePenaltyMs: 500 },
      seeded(seed),
    );
    balancer.membersChanged(members, members, []);
    return balancer;
  };

  it('gives a slow member little', () => {
    const members = setOf(5);
    expect(drive(make(members), members, SLOW, 4_000)).toBeLessThan(20);
    expect((members[0] as TestMember).picks / 4_000).toBeLessThan(0.03);
  });

  it('takes a peak at once and forgets it by and by', () => {
    const [a, b] = setOf(2) as [TestMember, TestMember];
    const balancer = make([a, b]);
    balancer.attemptTimed(a, 0, 100 * MS, 'answered');
    balancer.attemptTimed(b, 0, 50 * MS, 'answered');
    expect(balancer.pick(0)).toBe(b);
    balancer.attemptTimed(b, 1, 400 * MS, 'answered');
    expect(balancer.pick(1)).toBe(a);
    // Answers of 1 ms over three times the decay leave e^-3 of the peak, 20 ms, and about 1 ms.
    for (let nowMs = 100; nowMs <= 3_000; nowMs += 100)
      balancer.attemptTimed(b, nowMs * MS, 1 * MS, 'answered');
    expect(b.standing.costNs / MS).toBeGreaterThan(18);
    expect(b.standing.costNs / MS).toBeLessThan(24);
  });

  it('LB-10: fast failure attracts nobody', () => {
    const [bad, good] = setOf(2) as [TestMember, TestMember];
    const balancer = make([bad, good]);
    balancer.attemptTimed(bad, 0, 1, 'failed');
    balancer.attemptTimed(good, 0, 50 * MS, 'answered');
    expect(bad.standing.costNs).toBe(500 * MS);
    for (let call = 0; call < 20; call++) expect(balancer.pick(10 * MS)).toBe(good);
  });

  it('an attempt that was cut off raises what is known of it and never lowers it', () => {
    const [a] = setOf(1) as [TestMember];
    const balancer = make([a]);
    balancer.attemptTimed(a, 0, 100 * MS, 'answered');
    balancer.attemptTimed(a, 0, 1 * MS, 'cut');
    expect(a.standing.costNs).toBe(100 * MS);
    balancer.attemptTimed(a, 10_000 * MS, 50 * MS, 'cut');
    expect(a.standing.costNs).toBe(50 * MS);
    balancer.attemptTimed(a, 10_000 * MS, 300 * MS, 'cut');
    expect(a.standing.costNs).toBe(300 * MS);
  });

  it('a new member gets one call, and no more before that one is answered', () => {
    const [fresh, known] = setOf(2) as [TestMember, TestMember];
    const balancer = make([fresh, known]);
    balancer.attemptTimed(known, 0, 50 * MS, 'answered');
    expect(balancer.pick(0)).toBe(fresh);
    fresh.active = 1;
    for (let call = 0; call < 20; call++) expect(balancer.pick(0)).toBe(known);
    expect(balancer.pickRetry([known], 0)).toBe(fresh);
  });
});
