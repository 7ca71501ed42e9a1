import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeastRequest } from '../../../proxy/policy/least-request.ts';
import { RoundRobin } from '../../../proxy/policy/round-robin.ts';
import { SlowStart } from '../../../proxy/policy/slow-start.ts';
import { WeightedRoundRobin } from '../../../proxy/policy/weighted-round-robin.ts';
import { seeded, TestMember } from './members.ts';

function setOf(weights: readonly number[]): TestMember[] {
  return weights.map((weight, at) => new TestMember(`m${at}`, weight));
}

const sum = (members: readonly TestMember[]) =>
  members.reduce((all, { endpoint }) => all + (endpoint.weight ?? 1), 0);

describe('weighted round robin', () => {
  it('LB-05: at every moment each count is its share, rounded down or up', () => {
    const weights = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 300 })), {
      minLength: 1,
      maxLength: 25,
    });
    fc.assert(
      fc.property(weights, fc.nat(), (given, seed) => {
        const members = setOf(given);
        const total = sum(members);
        const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(seed));
        balancer.membersChanged(members, members, []);
        for (let slot = 1; slot <= Math.min(3 * total, 2_000); slot++) {
          (balancer.pick(0) as TestMember).picks++;
          for (const { picks, endpoint } of members) {
            const share = (slot * (endpoint.weight ?? 1)) / total;
            if (Math.abs(picks - share) >= 1) expect([slot, picks]).toEqual([slot, share]);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('with equal weights is round robin: any N in a row are N different ones', () => {
    const members = setOf([3, 3, 3, 3, 3]);
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(4));
    balancer.membersChanged(members, members, []);
    const all = Array.from({ length: 100 }, () => balancer.pick(0));
    for (let at = 0; at + 5 <= all.length; at++) expect(new Set(all.slice(at, at + 5)).size).toBe(5);
  });

  it('two sidecars do not go in step', () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const members = setOf([1, 1, 1, 1]);
      const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(seed));
      balancer.membersChanged(members, members, []);
      orders.add(Array.from({ length: 4 }, () => balancer.pick(0)?.name).join(' '));
    }
    expect(orders.size).toBeGreaterThan(8);
  });

  it('LB-02: a member that flaps every few picks favours nobody, and shares hold over all changes', () => {
    const members = setOf([1, 2, 7, 4]);
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(2));
    balancer.membersChanged(members, members, []);
    const flapping = members[3] as TestMember;
    const due = [0, 0, 0, 0];
    for (let round = 0; round < 2_000; round++) {
      flapping.pickable = !flapping.pickable;
      balancer.memberChanged(flapping);
      const total = flapping.pickable ? 14 : 10;
      for (let pick = 0; pick < 3; pick++) {
        (balancer.pick(0) as TestMember).picks++;
        members.forEach((member, at) => {
          if (member.pickable) due[at] = (due[at] as number) + (member.endpoint.weight ?? 1) / total;
        });
      }
    }
    // What the flapping one takes with it each time is at most one pick; the others share that by weight.
    const [a, b, c] = members.map(({ picks }, at) => picks / (due[at] as number)) as [number, number, number];
    for (const share of [a, b, c]) expect(Math.abs(share / c - 1)).toBeLessThan(0.02);
  });

  it('a retry has nobody else when all were tried', () => {
    const members = setOf([1, 1]);
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(1));
    balancer.membersChanged(members, members, []);
    expect(members).toContain(balancer.pickRetry(members));
    balancer.pick(0);
    expect(members).toContain(balancer.pickRetry(members));
  });

  it('LB-03, LB-06: through any changes of set and weights counts stay near their shares, at every moment and in the long run', () => {
    for (const kind of ['flips', 'weights', 'both', 'replaced']) {
      const random = seeded(7);
      const members = setOf([1, 2, 3, 4, 6, 10]);
      const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(1));
      balancer.membersChanged(members, members, []);
      const due = members.map(() => 0);
      let worst = 0;
      for (let epoch = 0; epoch < 10_000; epoch++) {
        const seat = Math.floor(random() * 6);
        const one = members[seat] as TestMember;
        if (kind === 'replaced') {
          const other = new TestMember(`r${epoch}`, 1 + Math.floor(random() * 10));
          members[seat] = other;
          balancer.membersChanged(members, [other], [one]);
        } else {
          if (kind === 'flips' || (kind === 'both' && random() < 0.5)) one.pickable = !one.pickable;
          else one.endpoint = { ...one.endpoint, weight: 1 + Math.floor(random() * 10) };
          balancer.memberChanged(one);
        }
        const able = members.filter((member) => member.pickable);
        const total = sum(able);
        const before = able.map(({ picks }) => picks);
        const count = 1 + Math.floor(random() * 20);
        for (let pick = 1; pick <= count && able.length > 0; pick++) {
          (balancer.pick(0) as TestMember).picks++;
          able.forEach(({ picks, endpoint }, at) => {
            const share = (pick * (endpoint.weight ?? 1)) / total;
            worst = Math.max(worst, Math.abs(picks - (before[at] as number) - share));
          });
        }
        for (const member of able) {
          const at = members.indexOf(member);
          due[at] = (due[at] as number) + (count * (member.endpoint.weight ?? 1)) / total;
        }
      }
      const drift = Math.max(...members.map(({ picks }, at) => Math.abs(picks - (due[at] as number))));
      // From up to one ahead to as much behind, and a little for what those take with them who left.
      expect(worst).toBeLessThan(2.5);
      // Of some 100,000 picks: what a member is ahead goes with it, so nothing adds up. New ones bring nothing.
      if (kind !== 'replaced') expect(drift).toBeLessThan(1.5);
    }
  });

  it('those that leave for good right after their pick leave no debt behind', () => {
    let members = setOf([40, ...Array.from({ length: 40 }, () => 1)]);
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(1));
    balancer.membersChanged(members, members, []);
    for (let turn = 0; turn < 4_000; turn++) {
      const picked = balancer.pick(0) as TestMember;
      if (picked === members[0]) continue;
      const other = new TestMember(`r${turn}`, 1);
      members = members.map((member) => (member === picked ? other : member));
      balancer.membersChanged(members, [other], [picked]);
    }
    let worst = 0;
    let heavy = 0;
    for (let pick = 1; pick <= 400; pick++) {
      if (balancer.pick(0) === members[0]) heavy++;
      worst = Math.max(worst, Math.abs(heavy - pick / 2));
    }
    expect(worst).toBeLessThan(2.5);
  });

  it('LB-06: another weight counts from the next pick on', () => {
    const members = setOf([10, 10]);
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(1));
    balancer.membersChanged(members, members, []);
    for (let pick = 0; pick < 20; pick++) balancer.pick(0);
    const heavy = members[0] as TestMember;
    heavy.endpoint = { ...heavy.endpoint, weight: 90 };
    balancer.memberChanged(heavy);
    for (let pick = 0; pick < 200; pick++) (balancer.pick(0) as TestMember).picks++;
    expect(Math.abs(heavy.picks - 180)).toBeLessThanOrEqual(2);
  });

  it('goes on when those that were behind have left', () => {
    const members = setOf([1, 1, 50]);
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(0, 1), seeded(1));
    balancer.membersChanged(members, members, []);
    for (let round = 0; round < 200; round++) {
      (balancer.pick(0) as TestMember).picks++;
      const gone = members[round % 3] as TestMember;
      gone.pickable = false;
      balancer.memberChanged(gone);
      expect(balancer.pick(0)?.pickable).toBe(true);
      gone.pickable = true;
      balancer.memberChanged(gone);
    }
  });

  it('LB-15, LB-16: slow start ramps and ends', () => {
    const [old, fresh] = setOf([1, 1]) as [TestMember, TestMember];
    fresh.pickable = false;
    for (const balancer of [
      new WeightedRoundRobin<TestMember>(new SlowStart(16_000, 0.125), seeded(1)),
      new LeastRequest<TestMember>(2, new SlowStart(16_000, 0.125), seeded(1)),
    ]) {
      for (const { standing } of [old, fresh]) standing.place = -1;
      fresh.pickable = false;
      balancer.membersChanged([old, fresh], [old, fresh], []);
      const shares: number[] = [];
      for (let second = 0; second < 64; second++) {
        if (second === 32) {
          fresh.pickable = true;
          balancer.memberChanged(fresh);
        }
        let picks = 0;
        for (let call = 0; call < 100; call++)
          if (balancer.pick((second + call / 100) * 1e9) === fresh) picks++;
        shares.push(picks);
      }
      expect(shares.slice(0, 32).every((picks) => picks === 0)).toBe(true);
      const ramp = shares.slice(32, 48);
      ramp.forEach((picks, age) => {
        const factor = Math.max(2, age) / 16;
        expect(Math.abs(picks - (100 * factor) / (1 + factor))).toBeLessThan(6);
        if (age > 0) expect(picks).toBeGreaterThanOrEqual((ramp[age - 1] as number) - 2);
      });
      for (const picks of shares.slice(49)) expect(Math.abs(picks - 50)).toBeLessThanOrEqual(1);
    }
  });

  it('LB-15: of the less busy of two: one that leaves in its slow start begins anew when it comes back', () => {
    const [old, fresh] = setOf([1, 1]) as [TestMember, TestMember];
    const balancer = new LeastRequest<TestMember>(2, new SlowStart(16_000, 0.125), seeded(1));
    fresh.pickable = false;
    balancer.membersChanged([old, fresh], [old, fresh], []);
    const share = (atMs: number): number => {
      let picks = 0;
      for (let call = 0; call < 100; call++) if (balancer.pick((atMs + call) * 1e6) === fresh) picks++;
      return picks;
    };
    const turn = (pickable: boolean): void => {
      fresh.pickable = pickable;
      balancer.memberChanged(fresh);
    };
    share(0);
    share(17_000);
    turn(true);
    share(20_000);
    expect(Math.abs(share(32_000) - 43)).toBeLessThan(5);
    turn(false);
    expect(share(33_000)).toBe(0);
    turn(true);
    expect(Math.abs(share(34_000) - 11)).toBeLessThan(5);
    expect(Math.abs(share(60_000) - 50)).toBeLessThan(5);
  });

  it('slow start of one that leaves meanwhile begins anew, and weights count on top', () => {
    const [old, fresh] = setOf([1, 3]) as [TestMember, TestMember];
    fresh.pickable = false;
    const balancer = new WeightedRoundRobin<TestMember>(new SlowStart(16_000, 0.5), seeded(1));
    balancer.membersChanged([old, fresh], [old, fresh], []);
    const share = (atMs: number): number => {
      let picks = 0;
      for (let call = 0; call < 100; call++) if (balancer.pick(atMs * 1e6) === fresh) picks++;
      return picks;
    };
    expect(share(20_000)).toBe(0);
    share(40_000);
    for (const [pickable, atMs, wanted] of [
      [true, 50_000, 60],
      [false, 65_000, 0],
      [true, 70_000, 60],
      [true, 90_000, 75],
    ] as const) {
      if (fresh.pickable !== pickable) {
        fresh.pickable = pickable;
        balancer.memberChanged(fresh);
      }
      expect(Math.abs(share(atMs) - wanted)).toBeLessThanOrEqual(2);
    }
  });
});

describe('round robin', () => {
  it('is exact across changes: whose turn it is keeps its turn, and a round leaves nobody out', () => {
    const change = fc.record({ picks: fc.nat({ max: 9 }), who: fc.nat({ max: 7 }), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const balancer = new RoundRobin<TestMember>(0);
        let members = setOf([1, 1, 1, 1, 1, 1, 1, 1]);
        balancer.membersChanged(members, members, []);
        // The model: the one whose turn it is; behind it the next pickable one in the order of the set.
        let turn: TestMember | undefined = members[0];
        for (const { picks, who, leaves } of changes) {
          for (let pick = 0; pick < picks; pick++) {
            expect(balancer.pick()).toBe(turn ?? null);
            turn = turn === undefined ? undefined : behind(members, turn);
          }
          const member = members[who % Math.max(1, members.length)];
          if (member === undefined || picks === 0) continue;
          const next = turn === member ? behind(members, member) : turn;
          if (leaves && members.length > 1) {
            members = members.filter((one) => one !== member);
            balancer.membersChanged(members, [], [member]);
            turn = next === member ? undefined : next;
          } else {
            member.pickable = !member.pickable;
            balancer.memberChanged(member);
            turn = member.pickable ? (turn ?? member) : next === member ? undefined : next;
          }
          if (turn === undefined) turn = members.find((one) => one.pickable);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function behind(members: readonly TestMember[], from: TestMember): TestMember | undefined {
  const place = members.indexOf(from);
  const order = [...members.slice(place + 1), ...members.slice(0, place + 1)];
  return order.find((one) => one.pickable);
}
