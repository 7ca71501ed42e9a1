/** Leases: any sequence of entries against a model that is as plain as can be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEASE_BOUNDS, Leases } from '../../../proxy/registry/leases.ts';

const one = { service: 'a', address: 'h:1', weight: 1, ttlMs: 1_000, incarnation: 1 };

describe('a lease', () => {
  it('[DC-14] keeps its address until it ends; a forged one is not found', () => {
    const leases = new Leases(0);
    leases.advance(0);
    expect(leases.register(one, 'me', 'x')).toEqual({ leaseId: 'x', ttlMs: 1_000 });
    expect(leases.register({ ...one, service: 'b' }, 'other', 'y')).toMatchObject({
      status: 'ALREADY_EXISTS',
    });
    expect(leases.heartbeat('y', 1, 'me')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.leave('y', 'me')).toMatchObject({ status: 'NOT_FOUND' });
    leases.advance(1_000);
    expect(leases.set('a').endpoints).toEqual([]);
    expect(leases.heartbeat('x', 1, 'me')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.register({ ...one, service: 'b' }, 'other', 'z')).toMatchObject({ leaseId: 'z' });
  });

  it("is its owner's alone: who knows its id and is another cannot renew or end it", () => {
    const leases = new Leases(0);
    leases.register(one, 'me', 'x');
    leases.advance(900);
    expect(leases.heartbeat('x', 1, 'other')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.leave('x', 'other')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.set('a').endpoints).toHaveLength(1);
    leases.advance(1_000);
    expect(leases.set('a').endpoints).toEqual([]);
  });

  it('what was said once and comes again changes nothing: Register, Heartbeat, Leave', () => {
    const leases = new Leases(0);
    leases.register(one, 'me', 'x');
    expect(leases.heartbeat('x', 7, 'me')).toMatchObject({ leaseId: 'x' });
    leases.advance(900);
    for (const old of [7, 6, 0, -1, 0.5, Number.NaN])
      expect(leases.heartbeat('x', old, 'me')).toMatchObject({ status: 'ALREADY_EXISTS' });
    expect(leases.register(one, 'me', 'y')).toMatchObject({ status: 'ALREADY_EXISTS' });
    leases.advance(1_000);
    expect(leases.size).toBe(0);
    // Nor when the lease is over, however it ended.
    expect(leases.register(one, 'me', 'y')).toMatchObject({ status: 'ALREADY_EXISTS' });
    leases.register({ ...one, incarnation: 2 }, 'me', 'z');
    expect(leases.leave('z', 'me')).toBeNull();
    expect(leases.leave('z', 'me')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.register({ ...one, incarnation: 2 }, 'me', 'y')).toMatchObject({
      status: 'ALREADY_EXISTS',
    });
    expect(leases.size).toBe(0);
  });

  it('of a long life is not forgotten at its end, however many came and went meanwhile', () => {
    const leases = new Leases(0, { ...LEASE_BOUNDS, leasesMax: 3 });
    leases.register(one, 'me', 'long');
    for (let n = 2; n < 10; n++) {
      leases.register({ ...one, address: `h:${n}` }, 'me', `l${n}`);
      leases.leave(`l${n}`, 'me');
    }
    leases.leave('long', 'me');
    expect(leases.register(one, 'me', 'again')).toMatchObject({ status: 'ALREADY_EXISTS' });
    expect(leases.register({ ...one, incarnation: 2 }, 'me', 'again')).toMatchObject({ leaseId: 'again' });
  });

  it('[DC-22] a restarted instance takes its address over at once, and nothing else changes with it', () => {
    const leases = new Leases(0);
    leases.register(one, 'me', 'x');
    const before = leases.set('a');
    expect(leases.register({ ...one, incarnation: 2 }, 'me', 'y')).toMatchObject({ leaseId: 'y' });
    expect(leases.set('a')).toEqual(before);
    expect(leases.heartbeat('x', 1, 'me')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.leave('x', 'me')).toMatchObject({ status: 'NOT_FOUND' });
    expect(leases.heartbeat('y', 1, 'me')).toMatchObject({ leaseId: 'y' });
  });

  it('an address that moves to another service leaves the first', () => {
    const leases = new Leases(0);
    const told: string[] = [];
    leases.onChange = (service) => told.push(service);
    leases.register(one, 'me', 'x');
    leases.register({ ...one, service: 'b', incarnation: 2 }, 'me', 'y');
    expect(leases.set('a').endpoints).toEqual([]);
    expect(leases.set('b').endpoints).toEqual([{ address: 'h:1', weight: 1 }]);
    expect(told).toEqual(['a', 'b', 'a']);
  });

  it.each([
    [{ service: '' }, 'service'],
    [{ service: 'x'.repeat(257) }, 'service'],
    [{ address: 'nowhere' }, 'address'],
    [{ address: 'h:0' }, 'address'],
    [{ weight: 0 }, 'weight'],
    [{ ttlMs: 0 }, 'ttl_ms'],
    [{ incarnation: 0 }, 'incarnation'],
    [{ incarnation: 2 ** 53 }, 'incarnation'],
  ])('%j is refused', (wrong, said) => {
    const refusal = new Leases(0).register({ ...one, ...wrong }, 'me', 'x');
    expect(refusal).toMatchObject({ status: 'INVALID_ARGUMENT', details: expect.stringContaining(said) });
  });

  it('is one of a bounded count, for a bounded time; a hundred thousand registrations leave no more', () => {
    const leases = new Leases(0);
    const { leasesMax, ttlMsMin, ttlMsMax } = LEASE_BOUNDS;
    expect(leases.register({ ...one, ttlMs: 1 }, 'me', 'x')).toMatchObject({ ttlMs: ttlMsMin });
    const other = { ...one, address: 'h:2', ttlMs: 1e9 };
    expect(leases.register(other, 'me', 'y')).toMatchObject({ ttlMs: ttlMsMax });
    let refused = 0;
    for (let n = 0; n < 100_000; n++) {
      const answer = leases.register({ ...one, address: `i${n}:1` }, 'me', `l${n}`);
      if ('status' in answer && answer.status === 'RESOURCE_EXHAUSTED') refused++;
    }
    expect([leases.size, refused]).toEqual([leasesMax, 100_002 - leasesMax]);
  });
});

const step = fc.record({
  kind: fc.constantFrom('register', 'heartbeat', 'heartbeat', 'heartbeat', 'leave', 'wait'),
  address: fc.integer({ min: 1, max: 4 }),
  service: fc.constantFrom('a', 'b'),
  owner: fc.constantFrom('me', 'me', 'other'),
  lease: fc.nat(2),
  number: fc.integer({ min: 1, max: 60 }),
  ms: fc.integer({ min: 1, max: 700 }),
});

interface Held {
  service: string;
  address: string;
  owner: string;
  ttlMs: number;
  endsMs: number;
  sequence: number;
}

it('[DC-14, DC-22] any sequence: an address is in one lease, one that is over is never served, one that lives always, what is old or forged changes nothing, versions rise', () => {
  const reached = { taken: 0, refused: 0, renewed: 0, oldBeats: 0, left: 0 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const leases = new Leases(100);
      const model = new Map<string, Held>();
      const latest = new Map<string, number>();
      const seen = new Map<string, { version: number; text: string }>();
      let nowMs = 0;
      let next = 0;
      for (const { kind, address: host, service, owner, lease, number, ms } of steps) {
        if (kind === 'wait') nowMs += ms;
        leases.advance(nowMs);
        for (const [id, { endsMs }] of model) if (endsMs <= nowMs) model.delete(id);
        // A recent one, or one that never was.
        const id = `l${next - 1 - lease}`;
        const address = `h:${host}`;
        const held = model.get(id)?.owner === owner ? model.get(id) : undefined;
        if (kind === 'register') {
          const [heldId, holder] = [...model].find(([, some]) => some.address === address) ?? [];
          const key = `${owner} ${address}`;
          const isFree = holder === undefined || holder.owner === owner;
          const may = isFree && number > (latest.get(key) ?? 0);
          const ttlMs = 100 + ms;
          const given = { service, address, weight: 1, ttlMs, incarnation: number };
          expect('status' in leases.register(given, owner, `l${next}`)).toBe(!may);
          reached[may ? 'taken' : 'refused']++;
          if (may) {
            if (heldId !== undefined) model.delete(heldId);
            latest.set(key, number);
            model.set(`l${next++}`, { service, address, owner, ttlMs, endsMs: nowMs + ttlMs, sequence: 0 });
          }
        } else if (kind === 'heartbeat') {
          const may = held !== undefined && number > held.sequence;
          expect('status' in leases.heartbeat(id, number, owner)).toBe(!may);
          if (may) {
            held.endsMs = nowMs + held.ttlMs;
            held.sequence = number;
            reached.renewed++;
          } else if (held !== undefined) reached.oldBeats++;
        } else if (kind === 'leave') {
          expect(leases.leave(id, owner) === null).toBe(held !== undefined);
          if (held !== undefined && model.delete(id)) reached.left++;
        }
        expect(leases.size).toBe(model.size);
        for (const some of model.values()) expect(leases.nextTimeoutMs).toBeLessThanOrEqual(some.endsMs);
        const served = [...leases.set('a').endpoints, ...leases.set('b').endpoints];
        expect(new Set(served.map((endpoint) => endpoint.address)).size).toBe(served.length);
        for (const name of ['a', 'b']) {
          const set = leases.set(name);
          const text = `${set.endpoints.map((endpoint) => endpoint.address).sort()}`;
          const wanted = [...model.values()].filter((some) => some.service === name);
          expect(text).toBe(`${wanted.map((some) => some.address).sort()}`);
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
  // Each way was taken often enough to mean something.
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(100);
});

describe('many leases that run out together', () => {
  /** So many instances, of which each has a lease of 1 s; the n-th is renewed last at n × 10 ms. */
  const leasesOf = (count: number, share: number, ttlMs = 1_000): Leases => {
    const leases = new Leases(0, LEASE_BOUNDS, share);
    for (let n = 0; n < count; n++) {
      leases.advance(n * 10);
      leases.register({ ...one, address: `h:${n + 1}`, ttlMs }, 'me', `lease ${n}`);
    }
    return leases;
  };
  const left = (leases: Leases): number => leases.set('a').endpoints.length;

  it('DC-15: up to the share they end, those beyond it are kept until they are renewed', () => {
    const leases = leasesOf(10, 0.3);
    for (let ms = 1_000; ms <= 9_000; ms += 5) leases.advance(ms);
    expect(left(leases)).toBe(7);
    // Those that are heard again are renewed, as if nothing had been.
    for (let n = 3; n < 10; n++)
      expect(leases.heartbeat(`lease ${n}`, 1, 'me')).toMatchObject({ ttlMs: 1_000 });
    leases.advance(9_999);
    expect(left(leases)).toBe(7);
    expect(leases.register({ ...one, address: 'h:1', incarnation: 2 }, 'me', 'new')).toMatchObject({
      leaseId: 'new',
    });
    expect(left(leases)).toBe(8);
  });

  it('DC-15: all in one moment are all kept; without the promise all end', () => {
    const together = (share: number): Leases => {
      const leases = new Leases(0, LEASE_BOUNDS, share);
      for (let n = 1; n <= 4; n++) leases.register({ ...one, address: `h:${n}` }, 'me', `${n}`);
      leases.advance(60_000);
      return leases;
    };
    expect(left(together(0.9))).toBe(4);
    expect(left(together(1))).toBe(0);
  });

  it('when most are renewed again, the few that are not end; services are counted each for itself', () => {
    const leases = leasesOf(10, 0.3);
    leases.register({ ...one, service: 'b', address: 'b:1' }, 'me', 'b1');
    for (let n = 2; n <= 8; n++)
      leases.register({ ...one, service: 'b', address: `b:${n}`, ttlMs: 60_000 }, 'me', `b${n}`);
    for (let ms = 1_000; ms <= 2_000; ms += 5) leases.advance(ms);
    expect(left(leases)).toBe(7);
    expect(leases.set('b').endpoints).toHaveLength(7);
    for (let ms = 2_000, sequence = 1; ms < 5_000; ms += 300, sequence++) {
      for (let n = 5; n < 10; n++) leases.heartbeat(`lease ${n}`, sequence, 'me');
      leases.advance(ms);
    }
    expect(left(leases)).toBe(5);
  });

  it('an address whose lease is over, but kept, is free for another', () => {
    const leases = leasesOf(2, 0.1);
    leases.advance(5_000);
    expect(left(leases)).toBe(2);
    expect(leases.register({ ...one, address: 'h:1' }, 'other', 'mine')).toMatchObject({ leaseId: 'mine' });
    expect(leases.heartbeat('lease 0', 1, 'me')).toMatchObject({ status: 'NOT_FOUND' });
    expect(left(leases)).toBe(2);
  });
});
