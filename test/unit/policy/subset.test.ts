import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../proxy/policy/config.ts';
import { Subset } from '../../../proxy/policy/subset.ts';

function endpoint(at: number, more: Partial<Endpoint> = {}): Endpoint {
  const address = `10.0.${at >> 8}.${at & 255}:50051`;
  return { address, id: address, draining: false, ...more };
}

function fleet(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, at) => endpoint(at));
}

const names = (endpoints: readonly Endpoint[]) => endpoints.map(({ address }) => address).sort();

describe('subsets', () => {
  it('LB-23, DC-21: one endpoint more or less changes a subset by one at most, and order means nothing', () => {
    const arbitrary = fc.record({
      count: fc.integer({ min: 2, max: 120 }),
      size: fc.integer({ min: 1, max: 30 }),
      key: fc.string(),
      who: fc.nat(),
      turn: fc.nat(),
    });
    fc.assert(
      fc.property(arbitrary, ({ count, size, key, who, turn }) => {
        const subset = new Subset(size, key);
        const all = fleet(count);
        const before = names(subset.select(all));
        expect(before).toHaveLength(Math.min(size, count));
        const at = turn % count;
        expect(names(subset.select([...all.slice(at), ...all.slice(0, at)].reverse()))).toEqual(before);
        const gone = all[who % count] as Endpoint;
        const after = names(subset.select(all.filter((one) => one !== gone)));
        const lost = before.filter((name) => !after.includes(name));
        const won = after.filter((name) => !before.includes(name));
        expect(lost).toEqual(before.includes(gone.address) ? [gone.address] : []);
        expect(won.length).toBe(count > size ? lost.length : 0);
      }),
      { numRuns: 500 },
    );
  });

  it('LB-23: loads are even but for chance over many sidecars', () => {
    const [sidecars, size, count] = [2_000, 20, 200];
    const load = new Map<string, number>();
    for (let sidecar = 0; sidecar < sidecars; sidecar++) {
      for (const { address } of new Subset(size, `host-${sidecar} 127.0.0.1:50052`).select(fleet(count))) {
        load.set(address, (load.get(address) ?? 0) + 1);
      }
    }
    // 200 each, with a deviation of √(2000 × 0.1 × 0.9) ≈ 13.4: five of them.
    expect(load.size).toBe(count);
    for (const connections of load.values()) expect(Math.abs(connections - 200)).toBeLessThan(67);
  });

  it('draws from each priority; draining ones keep their place and take nobody’s', () => {
    const subset = new Subset(3, 'me');
    const all = [...fleet(10), ...Array.from({ length: 10 }, (_, at) => endpoint(100 + at, { priority: 1 }))];
    const chosen = subset.select(all);
    expect(chosen.filter(({ priority }) => priority === 1)).toHaveLength(3);
    expect(chosen).toHaveLength(6);
    const leaving = chosen[0] as Endpoint;
    const drained = all.map((one) => (one === leaving ? { ...one, draining: true } : one));
    const after = subset.select(drained);
    expect(after.filter(({ draining }) => !draining)).toHaveLength(6);
    expect(after.find(({ draining }) => draining)?.address).toBe(leaving.address);
    const other = all.find((one) => !chosen.includes(one)) as Endpoint;
    expect(
      names(subset.select(all.map((one) => (one === other ? { ...one, draining: true } : one)))),
    ).toEqual(names(chosen));
  });

  it('those that drain are all there still where there are fewer than it takes', () => {
    const subset = new Subset(3, 'me');
    const all = [endpoint(1), endpoint(2), endpoint(3, { draining: true }), endpoint(4, { draining: true })];
    expect(names(subset.select(all))).toEqual(names(all));
  });

  it('LB-25: an address that stands there twice takes one place; few endpoints are all used', () => {
    const subset = new Subset(4, 'me');
    const twice = fleet(12).flatMap((one) => [one, { ...one, id: 'again' }]);
    const chosen = subset.select(twice);
    expect(new Set(names(chosen)).size).toBe(4);
    expect(chosen).toHaveLength(4);
    expect(subset.select(fleet(3))).toEqual(fleet(3));
  });
});
