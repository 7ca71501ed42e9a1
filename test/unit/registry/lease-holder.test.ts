/** What an instance asks of the registry, and when, without a registry. */
import { describe, expect, it } from 'vitest';
import { LeaseHolder } from '../../../proxy/registry/lease-holder.ts';

const TTL_MS = 3_000;
const holderWith = (random: number): LeaseHolder => new LeaseHolder(TTL_MS, () => random);
const GRANT = { leaseId: 'a', ttlMs: TTL_MS };

describe('LeaseHolder', () => {
  it('registers, renews with rising sequences, and registers anew with a greater incarnation once the lease is lost', () => {
    const holder = holderWith(0);
    expect(holder.ask(7)).toEqual({ kind: 'register', incarnation: 7 });
    holder.granted(GRANT);
    expect(holder.ask(8)).toEqual({ kind: 'heartbeat', leaseId: 'a', sequence: 1 });
    expect(holder.ask(9)).toEqual({ kind: 'heartbeat', leaseId: 'a', sequence: 2 });
    holder.lost();
    expect(holder.ask(7)).toEqual({ kind: 'register', incarnation: 8 });
    expect(holder.ask(20)).toEqual({ kind: 'register', incarnation: 20 });
  });

  it('renews three times in a lease or a little oftener, so that those that began together do not go on in step', () => {
    expect(holderWith(0).granted(GRANT)).toBe(1_000);
    expect(holderWith(0.999).granted(GRANT)).toBeCloseTo(900.1);
    expect(holderWith(0).granted({ leaseId: 'a', ttlMs: 600 })).toBe(200);
  });

  it('waits longer with each failure, by ± 20 %, but no longer than a renewal where it still holds a lease', () => {
    const waits = (random: number): number[] => {
      const holder = holderWith(random);
      return Array.from({ length: 9 }, () => Math.round(holder.failed()));
    };
    expect(waits(0.5)).toEqual([100, 160, 256, 410, 655, 1_049, 1_678, 2_000, 2_000]);
    expect(waits(0)).toEqual([80, 128, 205, 328, 524, 839, 1_342, 1_600, 1_600]);
    const holding = holderWith(0.5);
    holding.granted(GRANT);
    for (let failures = 0; failures < 9; failures++) holding.failed();
    expect(holding.failures).toBe(9);
    expect(holding.failed()).toBe(1_000);
    holding.granted(GRANT);
    expect(Math.round(holding.failed())).toBe(100);
  });
});
