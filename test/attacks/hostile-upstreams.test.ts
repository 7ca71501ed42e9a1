/** Upstreams that misbehave, in memory: each has its status and its counter, any mix of them leaves nothing behind. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { slotsUsed } from '../../proxy/core/request-buffer.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../proxy/policy/config.ts';
import {
  HOSTILE_UPSTREAMS,
  type HostileUpstream,
  type Step,
  goodAnswer,
  tooFew,
} from './hostile-upstreams.ts';
import { UpstreamRig } from './upstream-rig.ts';

const DEADLINE_MS = 2_000;
const ONCE = {
  retry: { ...DEFAULT_SIDECAR_CONFIG.retry, attempts: 1 },
  timeout: { ...DEFAULT_SIDECAR_CONFIG.timeout, connectMs: 1_000 },
};
/** In 32 s, with backoff of 2 s at most. */
const DIALS_MAX = 30;
const HI = Buffer.from([0, 0, 0, 0, 2, 104, 105]);

describe('an upstream that', () => {
  test.each(HOSTILE_UPSTREAMS.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const slots = slotsUsed();
    const rig = new UpstreamRig(new Map([['hostile:1', row]]), ONCE);
    const ended = rig.call(HI, row.request ?? 'ended', DEADLINE_MS);
    rig.advance(DEADLINE_MS + 1);
    expect(ended()?.status).toBe(row.status);
    const stats = rig.sidecar.stats();
    expect(tooFew(row, { ...stats, peerErrorsUpstream: rig.peerErrorsUpstream })).toEqual([]);
    expect(stats.callsByStatus[row.status]).toBe(1);
    rig.advance(30_000);
    expect(rig.dials.get('hostile:1')).toBeLessThanOrEqual(DIALS_MAX);
    const isHalf = (left: string): boolean =>
      row.holdsHalf === true && left.startsWith('octets held upstream');
    expect(rig.leftovers().filter((left) => !isHalf(left))).toEqual([]);
    expect(rig.leftoversAtTheEnd()).toEqual([]);
    expect(slotsUsed()).toBe(slots);
  });
});

test.each(['accepts and stays silent', 'takes one call at a time and answers none'])(
  'LB-08: calls that wait for an upstream that %s end at their deadline',
  (name) => {
    const row = HOSTILE_UPSTREAMS.find((each) => each.name === name) as HostileUpstream;
    const rig = new UpstreamRig(new Map([['hostile:1', row]]), ONCE);
    const calls = Array.from({ length: 20 }, () => rig.call(HI, 'ended', 100));
    expect(rig.sidecar.stats().callsWaiting).toBeGreaterThan(0);
    rig.advance(101);
    expect(calls.map((ended) => ended()?.status)).toEqual(calls.map(() => 4));
    expect(rig.leftovers()).toEqual([]);
    rig.advance(5_000);
    expect(rig.leftovers()).toEqual([]);
    expect(rig.sidecar.stats().callsEnded).toBe(calls.length);
  },
);

/** A good answer whose frames come in another order, with octets changed, cut somewhere, and then silence, FIN or RST. */
const spoilt: fc.Arbitrary<HostileUpstream> = fc
  .record({
    order: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 3 }),
    flips: fc.array(fc.tuple(fc.nat(80), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
    keptBytes: fc.option(fc.nat(80)),
    last: fc.constantFrom<Step | null>('FIN', 'RST', null),
  })
  .map(({ order, flips, keptBytes, last }) => ({
    name: JSON.stringify({ order, flips, keptBytes, last }),
    answer: (id: number): Step[] => {
      const frames = goodAnswer(id);
      const octets = Buffer.concat(order.map((index) => frames[index] as Buffer));
      for (const [at, bits] of flips) if (at < octets.length) octets[at] = (octets[at] as number) ^ bits;
      const kept = octets.subarray(0, keptBytes ?? octets.length);
      return last === null ? [kept] : [kept, last];
    },
    status: 0,
    counts: {},
  }));

const mix = fc.record({
  hostile: fc.array(fc.oneof(fc.constantFrom(...HOSTILE_UPSTREAMS), spoilt), { minLength: 1, maxLength: 4 }),
  honest: fc.boolean(),
  attempts: fc.integer({ min: 1, max: 3 }),
  perTryTimeoutMs: fc.constantFrom(0, 150),
  hedges: fc.boolean(),
  calls: fc.array(
    fc.record({
      bytes: fc.constantFrom(0, 7, 100, 5_000, 100_000),
      request: fc.constantFrom('ended' as const, 'open' as const),
      deadlineMs: fc.constantFrom(1, 50, 400, DEADLINE_MS),
      reads: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
      gapMs: fc.constantFrom(0, 0, 1, 30, 300),
    }),
    { minLength: 1, maxLength: 12 },
  ),
});
const BIG = Buffer.alloc(3_000_000, 1);

test('TE-05, TE-06: any mix of them beside an honest one: every call ends once, and then nothing is left', () => {
  const ended = { calls: 0, ok: 0 };
  fc.assert(
    fc.property(mix, ({ hostile, honest, attempts, perTryTimeoutMs, hedges, calls }) => {
      const slots = slotsUsed();
      const rows = new Map<string, HostileUpstream | null>(
        hostile.map((row, i) => [`hostile:${i + 1}`, row]),
      );
      if (honest) rows.set('honest:1', null);
      const rig = new UpstreamRig(rows, {
        ...ONCE,
        retry: { ...ONCE.retry, attempts, perTryTimeoutMs },
        hedging: hedges ? { attempts: 3, delayMs: 20, nonFatalStatuses: [14] } : null,
      });
      const outcomes = calls.map(({ bytes, request, deadlineMs, reads, gapMs }) => {
        const outcome = rig.call(Buffer.alloc(bytes), request, deadlineMs, reads);
        rig.advance(gapMs);
        return outcome;
      });
      rig.advance(DEADLINE_MS + 1);
      rig.cancelUnread();
      for (const outcome of outcomes) {
        const status = outcome()?.status ?? -1;
        expect(status).toBeGreaterThanOrEqual(0);
        expect(status).toBeLessThanOrEqual(16);
        ended.calls++;
        if (status === 0) ended.ok++;
      }
      rig.advance(10_000);
      const { callsStarted, callsEnded, callsByStatus, ...stats } = rig.sidecar.stats();
      expect(rig.arrived).toBeLessThanOrEqual(stats.attemptsStarted);
      expect(stats.attemptsStarted - rig.arrived).toBeLessThanOrEqual(
        stats.attemptsLost + stats.attemptsUnprocessed,
      );
      expect([callsStarted, callsEnded]).toEqual([calls.length, calls.length]);
      expect(callsByStatus.reduce((sum, count) => sum + count)).toBe(calls.length);
      // Half a frame that a hostile peer left is held for as long as its connection lives.
      expect(rig.leftovers().filter((left) => !left.startsWith('octets held upstream'))).toEqual([]);
      for (const dials of rig.dials.values()) expect(dials).toBeLessThanOrEqual(DIALS_MAX + calls.length);
      rig.only('honest:1');
      const large = rig.call(BIG, 'ended', DEADLINE_MS);
      rig.advance(DEADLINE_MS);
      expect(large()).toEqual({ status: 0, bytes: BIG.length });
      expect(rig.leftovers()).toEqual([]);
      expect(rig.leftoversAtTheEnd()).toEqual([]);
      expect(slotsUsed()).toBe(slots);
    }),
    { numRuns: 300 },
  );
  console.log(`hostile upstreams: ${ended.calls} calls, ${ended.ok} of them OK`);
  expect(ended.ok).toBeGreaterThan(0);
  expect(ended.calls - ended.ok).toBeGreaterThan(0);
});
