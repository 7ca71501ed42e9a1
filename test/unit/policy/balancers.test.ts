import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Balancer } from '../../../proxy/policy/balancer.ts';
import { untried } from '../../../proxy/policy/balancer.ts';
import {
  BALANCER_NAMES,
  type BalancerName,
  DEFAULT_BALANCER,
  LOCALITY_MODES as MODES,
  PRIORITY_DIALECTS as DIALECTS,
} from '../../../proxy/policy/config.ts';
import { makeBalancer } from '../../../proxy/policy/make-balancer.ts';
import { BALANCERS, GROUP_DEFAULTS, LOCALITY_MODES, PRIORITY_DIALECTS } from '../../../sim/spec/balancer.ts';
import { seeded, TestMember } from './members.ts';

function make(
  name: BalancerName,
  seed = 1,
  more: Partial<typeof DEFAULT_BALANCER> = {},
): Balancer<TestMember> {
  return makeBalancer<TestMember>({ ...DEFAULT_BALANCER, ...more, name, tableSize: 1_009 }, seeded(seed));
}

describe.each(BALANCER_NAMES)('any balancer: %s', (name) => {
  it('picks only pickable members of the set, whatever happens, and never nobody while there is one', () => {
    const step = fc.record({
      what: fc.constantFrom('join', 'leave', 'flip', 'weigh', 'pick', 'pick', 'retry'),
      who: fc.nat({ max: 11 }),
      size: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const balancer = make(name, seed);
        const set = new Map<number, TestMember>();
        for (const { what, who, size } of steps) {
          const member = set.get(who);
          if (what === 'join' && member === undefined) {
            // Several at once now and then, so that a set grows by one and by many.
            const fresh = [who, ...(size > 15 ? [20, 21, 22, 23, 24, 25, 26, 27, 28, 29] : [])].filter(
              (one) => !set.has(one),
            );
            const added = fresh.map((one) => new TestMember(`10.0.0.${one}:1`, size));
            fresh.forEach((one, at) => set.set(one, added[at] as TestMember));
            balancer.membersChanged([...set.values()], added, []);
          } else if (what === 'leave' && member !== undefined) {
            set.delete(who);
            balancer.membersChanged([...set.values()], [], [member]);
            member.pickable = false;
            balancer.memberChanged(member);
          } else if (what === 'flip' && member !== undefined) {
            member.pickable = !member.pickable;
            balancer.memberChanged(member);
          } else if (what === 'weigh' && member !== undefined) {
            member.endpoint = { ...member.endpoint, weight: size };
            balancer.memberChanged(member);
          } else if (what === 'pick' || what === 'retry') {
            const tried = [...set.values()].slice(0, size % 4);
            const key = (seed * 31 + size * 7_919) >>> 0;
            const picked = what === 'pick' ? balancer.pick(0, key) : balancer.pickRetry(tried, 0, key);
            const able = [...set.values()].filter((one) => one.pickable);
            if (able.length === 0) expect(picked).toBeNull();
            else expect(able).toContain(picked);
            if (what === 'retry' && able.some((one) => !tried.includes(one)))
              expect(tried).not.toContain(picked);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('has nobody to give before the first set, and passes attempts over that it does not time', () => {
    const balancer = make(name);
    expect(balancer.pick(0, 5)).toBeNull();
    expect(balancer.pickRetry([], 0, 5)).toBeNull();
    balancer.attemptTimed(new TestMember('a'), 1, 1, 'answered');
    balancer.membersChanged([], [], []);
    expect(balancer.pick(0, 5)).toBeNull();
    expect(balancer.timesAttempts).toBe(name === 'p2c_ewma');
  });
});

it('scenarios name the balancers that there are, and checks assume their defaults', () => {
  expect(BALANCERS).toEqual(BALANCER_NAMES);
  expect(PRIORITY_DIALECTS).toEqual(DIALECTS);
  expect(LOCALITY_MODES).toEqual(MODES);
  expect(DEFAULT_BALANCER).toMatchObject(GROUP_DEFAULTS);
});

it('one that was not tried is found wherever the search begins', () => {
  for (const random of [0, 0.3, 0.6, 0.99]) expect(untried(['a', 'b', 'c'], ['a', 'c'], random)).toBe('b');
  expect(untried(['a', 'b'], ['a', 'b'], 0.6)).toBe('b');
  expect(untried([], [], 0)).toBeNull();
});

describe('random', () => {
  it('gives each about the same', () => {
    const members = Array.from({ length: 8 }, (_, at) => new TestMember(String(at)));
    const balancer = make('random', 3);
    balancer.membersChanged(members, members, []);
    for (let call = 0; call < 8_000; call++) (balancer.pick(0, 0) as TestMember).picks++;
    // 1000 each with a deviation of √(8000 × 1/8 × 7/8) ≈ 30: five of them.
    for (const { picks } of members) expect(Math.abs(picks - 1_000)).toBeLessThan(150);
  });
});

describe('pick first', () => {
  it('stays with the first pickable one until it is not, and goes on to the next', () => {
    const members = ['a', 'b', 'c'].map((name) => new TestMember(name));
    const [a, b, c] = members as [TestMember, TestMember, TestMember];
    const balancer = make('pick_first');
    balancer.membersChanged(members, members, []);
    expect([balancer.pick(0, 0), balancer.pick(0, 0)]).toEqual([a, a]);
    expect(balancer.pickRetry([a], 0, 0)).toBe(b);
    expect(balancer.pickRetry([a, b, c], 0, 0)).toBe(a);
    a.pickable = false;
    balancer.memberChanged(a);
    expect(balancer.pick(0, 0)).toBe(b);
    a.pickable = true;
    balancer.memberChanged(a);
    expect(balancer.pick(0, 0)).toBe(b);
    balancer.membersChanged([a, b], [], [c]);
    expect(balancer.pick(0, 0)).toBe(b);
    balancer.membersChanged([a], [], [b]);
    expect(balancer.pick(0, 0)).toBe(a);
  });

  it('goes by gRFC A61 through any changes of the set: families take turns, the first one’s first', () => {
    const change = fc.record({ who: fc.nat({ max: 9 }), isSix: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const balancer = make('pick_first');
        let members: TestMember[] = [];
        for (const { who, isSix } of changes) {
          const gone = members.filter(({ name }) => name.endsWith(`:${who}`));
          const added = gone.length > 0 ? [] : [new TestMember(isSix ? `[::1]:${who}` : `10.0.0.1:${who}`)];
          members = [...members.filter((one) => !gone.includes(one)), ...added];
          balancer.membersChanged(members, added, gone);
          const order: TestMember[] = [];
          for (let one = balancer.pickRetry(order, 0, 0); one !== null && !order.includes(one); ) {
            order.push(one);
            one = balancer.pickRetry(order, 0, 0);
          }
          const family = (six: boolean) => members.filter(({ name }) => name.startsWith('[') === six);
          const first = family(members[0]?.name.startsWith('[') === true);
          const second = members.filter((one) => !first.includes(one));
          const wanted = members.flatMap((_, at) => [
            ...first.slice(at, at + 1),
            ...second.slice(at, at + 1),
          ]);
          expect(order).toEqual(wanted);
        }
      }),
      { numRuns: 300 },
    );
  });
});
