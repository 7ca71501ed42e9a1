import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BalancerConfig, BALANCER_NAMES, DEFAULT_BALANCER } from '../../../proxy/policy/config.ts';
import { type GroupCounts, shareOut } from '../../../proxy/policy/group-shares.ts';
import type { Grouped } from '../../../proxy/policy/grouped.ts';
import { makeGroups } from '../../../proxy/policy/make-balancer.ts';
import { seeded, TestMember } from './members.ts';

/** priority, locality, total, well = pickable, weight. */
type Row = [number, string, number, number, number?];

function shares(rows: Row[], config: Partial<BalancerConfig> = {}): number[] {
  const groups: GroupCounts[] = rows.map(([priority, locality, total, well, localityWeight = 1]) => ({
    priority,
    locality,
    localityWeight,
    total,
    well,
    pickable: well,
    ailing: 0,
    share: 0,
  }));
  shareOut(groups, { ...DEFAULT_BALANCER, ...config });
  return groups.map(({ share }) => Number(share.toFixed(4)));
}

describe('shares of priorities', () => {
  it('LB-20: Envoy: what health × 1.4 leaves over goes to the next priority', () => {
    const at = (first: number, second: number) =>
      shares([
        [0, '', 100, first],
        [1, '', 100, second],
      ]);
    expect(at(100, 100)).toEqual([1, 0]);
    expect(at(72, 72)).toEqual([1, 0]);
    expect(at(71, 71)).toEqual([0.994, 0.006]);
    expect(at(50, 50)).toEqual([0.7, 0.3]);
    expect(at(25, 100)).toEqual([0.35, 0.65]);
    expect(at(25, 25)).toEqual([0.5, 0.5]);
    expect(at(5, 72)).toEqual([0.07, 0.93]);
    expect(at(0, 50)).toEqual([0, 1]);
    expect(at(0, 0)).toEqual([0, 0]);
    expect(
      shares([
        [0, '', 10, 2],
        [1, '', 10, 2],
        [2, '', 10, 10],
      ]),
    ).toEqual([0.28, 0.28, 0.44]);
    expect(
      shares(
        [
          [0, '', 10, 5],
          [1, '', 10, 10],
        ],
        { overprovisioning: 2 },
      ),
    ).toEqual([1, 0]);
  });

  it('LB-20: gRFC A56: the first priority with anyone ready gets all', () => {
    const config = { priorities: 'a56' } as const;
    expect(
      shares(
        [
          [0, '', 10, 1],
          [1, '', 10, 10],
        ],
        config,
      ),
    ).toEqual([1, 0]);
    expect(
      shares(
        [
          [0, '', 10, 0],
          [1, '', 10, 1],
          [2, '', 10, 10],
        ],
        config,
      ),
    ).toEqual([0, 1, 0]);
  });

  it('priorities that are ignored are one', () => {
    expect(
      shares(
        [
          [0, '', 1, 1],
          [1, '', 3, 3],
        ],
        { priorities: 'ignore' },
      ),
    ).toEqual([0.25, 0.75]);
  });
});

describe('shares of localities', () => {
  it('LB-21: by weight, less where a locality is short of health, and nothing without anyone pickable', () => {
    const config = { localities: 'weighted' } as const;
    expect(
      shares(
        [
          [0, 'a', 5, 5, 1],
          [0, 'b', 50, 50, 3],
        ],
        config,
      ),
    ).toEqual([0.25, 0.75]);
    expect(
      shares(
        [
          [0, 'a', 10, 10, 1],
          [0, 'b', 10, 5, 1],
        ],
        config,
      ),
    ).toEqual([0.5882, 0.4118]);
    expect(
      shares(
        [
          [0, 'a', 10, 10, 1],
          [0, 'b', 10, 0, 9],
        ],
        config,
      ),
    ).toEqual([1, 0]);
    expect(
      shares(
        [
          [0, 'a', 1, 1, 0],
          [0, 'b', 3, 3, 0],
        ],
        config,
      ),
    ).toEqual([0.25, 0.75]);
    expect(
      shares(
        [
          [0, 'a', 10, 5],
          [0, 'b', 10, 5],
          [1, 'a', 10, 10],
        ],
        config,
      ),
    ).toEqual([0.35, 0.35, 0.3]);
  });

  it('LB-21: the nearest first: what is above its part goes where there is more than a part', () => {
    const config = { localities: 'nearest', ownLocality: 'eu/a' } as const;
    expect(
      shares(
        [
          [0, 'eu/a', 4, 4],
          [0, 'eu/b', 4, 4],
          [0, 'eu/c', 4, 4],
        ],
        config,
      ),
    ).toEqual([1, 0, 0]);
    expect(
      shares(
        [
          [0, 'eu/a', 4, 2],
          [0, 'eu/b', 4, 4],
          [0, 'eu/c', 4, 4],
        ],
        config,
      ),
    ).toEqual([0.6, 0.2, 0.2]);
    expect(
      shares(
        [
          [0, 'eu/a', 4, 0],
          [0, 'eu/b', 4, 4],
          [0, 'eu/c', 4, 2],
        ],
        config,
      ),
    ).toEqual([0, 0.6667, 0.3333]);
    expect(
      shares(
        [
          [0, 'eu/a/1', 3, 3],
          [0, 'eu/a/2', 1, 1],
          [0, 'eu/ab', 2, 2],
        ],
        config,
      ),
    ).toEqual([0.75, 0.25, 0]);
    expect(
      shares(
        [
          [0, 'eu/a', 1, 1],
          [0, 'eu/b', 9, 9],
        ],
        { ...config, ownLocality: 'us' },
      ),
    ).toEqual([0.1, 0.9]);
  });
});

it('shares are of 1, and of nobody who cannot be picked', () => {
  const row = fc.tuple(
    fc.nat(3),
    fc.constantFrom('a', 'b', 'c'),
    fc.integer({ min: 1, max: 20 }),
    fc.nat(20),
    fc.nat(5),
  );
  const modes = fc.record({
    priorities: fc.constantFrom('envoy' as const, 'a56' as const, 'ignore' as const),
    localities: fc.constantFrom('ignore' as const, 'weighted' as const, 'nearest' as const),
    ownLocality: fc.constant('a'),
    overprovisioning: fc.constantFrom(1, 1.4, 3),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 8 }), modes, (drawn, config) => {
      const rows = drawn
        .map(
          ([priority, locality, total, well, weight]): Row => [
            priority,
            locality,
            total,
            Math.min(well, total),
            weight,
          ],
        )
        .sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
      const given = shares(rows, config);
      const sum = given.reduce((all, one) => all + one, 0);
      expect(sum).toBeCloseTo(rows.some((one) => one[3] > 0) ? 1 : 0, 2);
      rows.forEach((one, at) => {
        if (one[3] === 0) expect(given[at]).toBe(0);
      });
    }),
    { numRuns: 500 },
  );
});

function grouped(config: Partial<BalancerConfig>, seed = 1): Grouped<TestMember> {
  const made = makeGroups<TestMember>({ ...DEFAULT_BALANCER, tableSize: 1_009, ...config }, seeded(seed));
  if (made === null) throw new Error('no groups');
  return made;
}

function member(name: string, priority: number, locality = ''): TestMember {
  const made = new TestMember(name);
  made.endpoint = { ...made.endpoint, priority, locality };
  return made;
}

function flip(balancer: Grouped<TestMember>, one: TestMember): void {
  one.pickable = !one.pickable;
  balancer.memberChanged(one);
}

describe('groups', () => {
  it('are none where nothing tells endpoints apart', () => {
    const config = { ...DEFAULT_BALANCER, priorities: 'ignore' } as const;
    expect(makeGroups(config, seeded(1))).toBeNull();
    expect(makeGroups({ ...config, localities: 'weighted' }, seeded(1))).not.toBeNull();
  });

  it('LB-20: picks follow the shares to a few picks, at any time, and come back', () => {
    const best = Array.from({ length: 10 }, (_, at) => member(`a${at}`, 0));
    const next = Array.from({ length: 10 }, (_, at) => member(`b${at}`, 1));
    const balancer = grouped({});
    balancer.membersChanged([...best, ...next], [...best, ...next], []);
    const take = (calls: number) => {
      let firsts = 0;
      let worst = 0;
      const share = Math.min(1, 0.14 * best.filter((one) => one.pickable).length);
      for (let call = 1; call <= calls; call++) {
        if (balancer.pick(0, 0)?.endpoint.priority === 0) firsts++;
        worst = Math.max(worst, Math.abs(firsts - call * share));
      }
      expect(worst).toBeLessThan(4);
      return firsts / calls;
    };
    expect(take(100)).toBe(1);
    for (const one of best.slice(0, 5)) flip(balancer, one);
    expect(take(10_000)).toBeCloseTo(0.7, 2);
    for (const one of best.slice(5)) flip(balancer, one);
    expect(take(100)).toBe(0);
    for (const one of best) flip(balancer, one);
    expect(take(100)).toBe(1);
  });

  it('LB-21: a locality of weight 0 gets nothing from its first set on, unless nobody else is there', () => {
    const [off, on] = [member('a', 0, 'x'), member('b', 0, 'y')];
    off.endpoint = { ...off.endpoint, localityWeight: 0 };
    const balancer = grouped({ localities: 'weighted' });
    balancer.membersChanged([off, on], [off, on], []);
    const take = () => new Set(Array.from({ length: 10 }, () => balancer.pick(0, 0)?.name));
    expect(take()).toEqual(new Set(['b']));
    flip(balancer, on);
    expect(take()).toEqual(new Set(['a']));
  });

  it('LB-19: panic ends when the last one that ails leaves the set', () => {
    const [near, ill, far] = [member('a', 0, 'x'), member('b', 0, 'x'), member('c', 0, 'y')];
    far.endpoint = { ...far.endpoint, localityWeight: 3 };
    Object.defineProperty(ill, 'well', { value: false });
    const balancer = grouped({ localities: 'weighted' });
    balancer.membersChanged([near, ill, far], [near, ill, far], []);
    const ofFar = () =>
      Array.from({ length: 100 }, () => balancer.pick(0, 0)).filter((one) => one === far).length;
    expect(Math.abs(ofFar() - 33)).toBeLessThan(4);
    balancer.membersChanged([near, far], [], [ill]);
    expect(Math.abs(ofFar() - 75)).toBeLessThan(4);
  });

  it('LB-03: within a group it is the balancer’s own order', () => {
    const members = ['a', 'b', 'c'].map((name) => member(name, 0));
    const spare = member('d', 1);
    const balancer = grouped({});
    balancer.membersChanged([...members, spare], [...members, spare], []);
    const seen = Array.from({ length: 9 }, () => balancer.pick(0, 0)?.name);
    for (let at = 3; at < 9; at++) expect(seen[at]).toBe(seen[at - 3]);
    expect(new Set(seen).size).toBe(3);
  });

  it('a member that warms up counts as well, so that growth spills nothing over', () => {
    const old = member('a', 0);
    const fresh = Array.from({ length: 9 }, (_, at) => member(`n${at}`, 0));
    const spare = member('s', 1);
    for (const one of fresh) {
      one.pickable = false;
      one.warming = true;
    }
    const balancer = grouped({});
    const all = [old, ...fresh, spare];
    balancer.membersChanged(all, all, []);
    for (let call = 0; call < 20; call++) expect(balancer.pick(0, 0)).toBe(old);
    for (const one of fresh) {
      one.warming = false;
      balancer.healthChanged(one);
    }
    const seen = Array.from({ length: 100 }, () => balancer.pick(0, 0)?.name);
    expect(seen.filter((name) => name === 's').length).toBeGreaterThan(80);
  });

  it('a retry goes on to another priority when all of the first were tried', () => {
    const [a, b, c] = [member('a', 0), member('b', 0), member('c', 1)];
    const balancer = grouped({});
    balancer.membersChanged([a, b, c], [a, b, c], []);
    expect(balancer.pickRetry([a], 0, 0)).toBe(b);
    expect(balancer.pickRetry([a, b], 0, 0)).toBe(c);
    expect([a, b]).toContain(balancer.pickRetry([a, b, c], 0, 0));
    flip(balancer, c);
    expect([a, b]).toContain(balancer.pickRetry([a, b], 0, 0));
  });

  it('LB-03: whose turn it was may go to another group: the turn is the next one’s of those that stay', () => {
    for (let taken = 1; taken <= 6; taken++) {
      const members = ['a', 'b', 'c'].map((name) => member(name, 0));
      const all = [...members, member('d', 1)];
      const balancer = grouped({});
      balancer.membersChanged(all, all, []);
      const turns = Array.from({ length: taken + 3 }, () => balancer.pick(0, 0) as TestMember).slice(taken);
      const moved = turns[0] as TestMember;
      moved.endpoint = { ...moved.endpoint, priority: 1 };
      balancer.membersChanged(all, [], []);
      const stay = turns.slice(1);
      expect(Array.from({ length: 4 }, () => balancer.pick(0, 0))).toEqual([...stay, ...stay]);
    }
  });

  it('LB-11: one key goes to one group, and spills only in part', () => {
    const best = Array.from({ length: 10 }, (_, at) => member(`a${at}`, 0));
    const next = Array.from({ length: 10 }, (_, at) => member(`b${at}`, 1));
    const balancer = grouped({ name: 'ring_hash', hashHeader: 'x-key' });
    balancer.membersChanged([...best, ...next], [...best, ...next], []);
    const keys = Array.from({ length: 500 }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 0);
    const homes = () => keys.map((key) => balancer.pick(0, key)?.name as string);
    const before = homes();
    expect(homes()).toEqual(before);
    const dead = best.slice(0, 5);
    for (const one of dead) flip(balancer, one);
    const during = homes();
    const strays = keys.filter((_, at) => during[at] !== before[at] && during[at]?.startsWith('a') === true);
    const spilt = during.filter((name) => name.startsWith('b')).length;
    expect(spilt / 500).toBeCloseTo(0.3, 1);
    for (const [at] of strays.entries()) expect(during[at]).toBeDefined();
    for (const one of dead) flip(balancer, one);
    expect(homes()).toEqual(before);
  });

  it.each(BALANCER_NAMES)(
    'LB-20, DC-20: whatever happens, the picks are of the best that can be picked: %s',
    (name) => {
      const step = fc.record({
        what: fc.constantFrom('join', 'leave', 'flip', 'move', 'pick', 'pick', 'retry'),
        who: fc.nat(11),
        priority: fc.nat(2),
        locality: fc.constantFrom('x', 'y'),
      });
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 60 }),
          fc.boolean(),
          fc.boolean(),
          fc.nat(),
          (steps, a56, split, seed) => {
            const balancer = grouped(
              {
                name,
                priorities: a56 ? 'a56' : 'envoy',
                localities: split ? 'weighted' : 'ignore',
                tableSize: 101,
              },
              seed,
            );
            const set = new Map<number, TestMember>();
            for (const { what, who, priority, locality } of steps) {
              const one = set.get(who);
              if (what === 'join' && one === undefined) {
                const fresh = member(`10.0.0.${who}:1`, priority, locality);
                set.set(who, fresh);
                balancer.membersChanged([...set.values()], [fresh], []);
              } else if (what === 'leave' && one !== undefined) {
                set.delete(who);
                balancer.membersChanged([...set.values()], [], [one]);
                one.pickable = false;
                balancer.memberChanged(one);
              } else if (what === 'flip' && one !== undefined) flip(balancer, one);
              else if (what === 'move' && one !== undefined) {
                one.endpoint = { ...one.endpoint, priority, locality };
                balancer.membersChanged([...set.values()], [], []);
              } else {
                const able = [...set.values()].filter((other) => other.pickable);
                const picked = what === 'retry' ? balancer.pickRetry([], 0, seed) : balancer.pick(0, seed);
                if (able.length === 0) expect(picked).toBeNull();
                else expect(able).toContain(picked);
                const best = Math.min(...able.map((other) => other.endpoint.priority as number));
                if (a56 && picked !== null && what === 'pick') expect(picked.endpoint.priority).toBe(best);
              }
            }
          },
        ),
        { numRuns: 150 },
      );
    },
  );
});
