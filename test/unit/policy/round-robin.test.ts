import { describe, expect, it } from 'vitest';
import { RoundRobin } from '../../../proxy/policy/round-robin.ts';
import { Wheel } from './members.ts';

function spread(picks: readonly (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const pick of picks) counts[pick ?? 'none'] = (counts[pick ?? 'none'] ?? 0) + 1;
  return counts;
}

function wheel(start: number): Wheel {
  return new Wheel(new RoundRobin(start));
}

function picks(balancer: Wheel, count: number): (string | null)[] {
  return Array.from({ length: count }, () => balancer.pick());
}

describe('round robin', () => {
  it('LB-01: any window of n picks hits n members', () => {
    const balancer = wheel(0);
    balancer.replace(['a', 'b', 'c', 'd', 'e'], () => true);
    const all = picks(balancer, 50);
    for (let at = 0; at + 5 <= all.length; at++) expect(new Set(all.slice(at, at + 5)).size).toBe(5);
  });

  it('begins where `start` says, so that sidecars do not move as one herd', () => {
    const first = [0, 0.25, 0.5, 0.75].map((start) => {
      const balancer = wheel(start);
      balancer.replace(['a'], () => true);
      balancer.replace(['a', 'b', 'c', 'd'], () => true);
      return balancer.pick();
    });
    expect(first).toEqual(['a', 'b', 'c', 'd']);
  });

  it('LB-02: a member that flaps every third pick favours nobody', () => {
    const balancer = wheel(0);
    const members = ['a', 'b', 'c', 'd', 'e'];
    const all: (string | null)[] = [];
    for (let round = 0; round < 200; round++) {
      balancer.replace(members, (member) => member !== 'e' || round % 2 === 0);
      all.push(...picks(balancer, 3));
    }
    const { a, b, c, d } = spread(all) as Record<string, number>;
    const steady = [a, b, c, d] as number[];
    expect(Math.max(...steady) - Math.min(...steady)).toBeLessThanOrEqual(Math.min(...steady) * 0.1);
  });

  it('LB-03: removing before, at and after the cursor skips and doubles nobody', () => {
    for (const gone of ['a', 'b', 'c', 'd', 'e']) {
      for (let lead = 1; lead <= 5; lead++) {
        const balancer = wheel(0);
        const members = ['a', 'b', 'c', 'd', 'e'];
        balancer.replace(members, () => true);
        const before = picks(balancer, lead);
        balancer.replace(
          members.filter((member) => member !== gone),
          () => true,
        );
        const all = [...before, ...picks(balancer, 4)].filter((pick) => pick !== gone);
        const counts = Object.values(spread(all));
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('LB-04: an unhealthy member’s share goes to all others alike', () => {
    const balancer = wheel(0);
    balancer.replace(['a', 'b', 'c', 'd'], (member) => member !== 'b');
    expect(spread(picks(balancer, 300))).toEqual({ a: 100, c: 100, d: 100 });
  });

  it('a retry avoids those tried while there are others, and does not move the cursor', () => {
    const balancer = wheel(0);
    balancer.replace(['a', 'b', 'c'], () => true);
    expect(balancer.pick()).toBe('a');
    expect(balancer.pickRetry(['a', 'b'])).toBe('c');
    expect(balancer.pickRetry(['a', 'c'])).toBe('b');
    expect(['a', 'b', 'c']).toContain(balancer.pickRetry(['a', 'b', 'c']));
    expect(balancer.pick()).toBe('b');
  });

  it('has nothing to give when none is pickable', () => {
    const balancer = wheel(0.99);
    expect(balancer.pick()).toBeNull();
    balancer.replace(['a'], () => false);
    expect(balancer.pick()).toBeNull();
    expect(balancer.pickRetry([])).toBeNull();
    balancer.replace(['a'], () => true);
    expect(balancer.pick()).toBe('a');
  });

  it('begins at the first again after none was pickable, or after a set that has nobody of before', () => {
    const balancer = wheel(0);
    balancer.replace(['a', 'b', 'c'], () => true);
    expect(picks(balancer, 2)).toEqual(['a', 'b']);
    balancer.replace(['a', 'b', 'c'], () => false);
    expect(balancer.pick()).toBeNull();
    balancer.replace(['a', 'b', 'c'], () => true);
    expect(balancer.pick()).toBe('a');
    balancer.replace(['x', 'y'], () => true);
    expect(picks(balancer, 3)).toEqual(['x', 'y', 'x']);
  });
});
