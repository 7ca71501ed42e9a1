/** Leases: any sequence of entries against a model that is as plain as can be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEASE_BOUNDS, Leases } from '../../../proxy/registry/leases.ts';

const one = { service: 'a', address: 'h:1', weight: 1, ttlMs: 1_000 };

describe('a lease', () => {
  it('keeps its address until it ends; a forged one is not found (DC-14)', () => {
    const leases = new Leases(0);
    leases.advance(0);
    expect(leases.register(one, 'x')).toEqual({ leaseId: 'x', ttlMs: 1_000 });
    expect(leases.register({ ...one, service: 'b' }, 'y')).toMatchObject({ status: 'ALREADY_EXISTS' });
    expect(leases.heartbeat('y')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.leave('y')).toMatchObject({ status: 'NOT_FOUND' });
    leases.advance(1_000);
    expect(leases.set('a').endpoints).toEqual([]);
    expect(leases.heartbeat('x')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.register({ ...one, service: 'b' }, 'z')).toMatchObject({ leaseId: 'z' });
  });

  it.each([
    [{ service: '' }, 'service'],
    [{ service: 'x'.repeat(257) }, 'service'],
    [{ address: 'nowhere' }, 'address'],
    [{ address: 'h:0' }, 'address'],
    [{ weight: 0 }, 'weight'],
    [{ ttlMs: 0 }, 'ttl_ms'],
  ])('%j is refused', (wrong, said) => {
    const refusal = new Leases(0).register({ ...one, ...wrong }, 'x');
    expect(refusal).toMatchObject({ status: 'INVALID_ARGUMENT', details: expect.stringContaining(said) });
  });

  it('is one of a bounded count, for a bounded time', () => {
    const leases = new Leases(0, { ...LEASE_BOUNDS, leasesMax: 1 });
    expect(leases.register({ ...one, ttlMs: 1 }, 'x')).toMatchObject({ ttlMs: LEASE_BOUNDS.ttlMsMin });
    expect(leases.register({ ...one, address: 'h:2' }, 'y')).toMatchObject({ status: 'RESOURCE_EXHAUSTED' });
  });
});

const step = fc.record({
  kind: fc.constantFrom('register', 'heartbeat', 'leave', 'wait'),
  address: fc.integer({ min: 1, max: 4 }),
  service: fc.constantFrom('a', 'b'),
  lease: fc.nat(12),
  ms: fc.integer({ min: 1, max: 700 }),
});

it('any sequence: one that is over is never served, one that lives always, versions rise (DC-14, DC-22)', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const leases = new Leases(100);
      const model = new Map<string, { service: string; address: string; ttlMs: number; endsMs: number }>();
      const seen = new Map<string, { version: number; text: string }>();
      let nowMs = 0;
      let next = 0;
      for (const { kind, address: number, service, lease, ms } of steps) {
        if (kind === 'wait') nowMs += ms;
        leases.advance(nowMs);
        for (const [id, { endsMs }] of model) if (endsMs <= nowMs) model.delete(id);
        const id = `l${lease}`;
        const address = `h:${number}`;
        if (kind === 'register') {
          const isHeld = [...model.values()].some((held) => held.address === address);
          const ttlMs = 100 + ms;
          const answer = leases.register({ service, address, weight: 1, ttlMs }, `l${next}`);
          expect('status' in answer).toBe(isHeld);
          if (!isHeld) model.set(`l${next++}`, { service, address, ttlMs, endsMs: nowMs + ttlMs });
        } else if (kind === 'heartbeat') {
          const held = model.get(id);
          expect('status' in leases.heartbeat(id)).toBe(held === undefined);
          if (held !== undefined) held.endsMs = nowMs + held.ttlMs;
        } else if (kind === 'leave') expect(leases.leave(id) === null).toBe(model.delete(id));
        expect(leases.size).toBe(model.size);
        for (const held of model.values()) expect(leases.nextTimeoutMs).toBeLessThanOrEqual(held.endsMs);
        for (const name of ['a', 'b']) {
          const set = leases.set(name);
          const text = `${set.endpoints.map((endpoint) => endpoint.address).sort()}`;
          const wanted = [...model.values()].filter((held) => held.service === name);
          expect(text).toBe(`${wanted.map((held) => held.address).sort()}`);
          const before = seen.get(name);
          if (before !== undefined && before.text !== text)
            expect(set.version).toBeGreaterThan(before.version);
          if (before !== undefined) expect(set.version).toBeGreaterThanOrEqual(before.version);
          seen.set(name, { version: set.version, text });
        }
      }
    }),
    { numRuns: 500 },
  );
});
