/** Sidecars in a row, each in front of the next, before an instance that always fails: what the last one bears of all their retries. */
import { describe, expect, it } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, type FakeStream, MS } from './fake-mesh.ts';

const RATE_PER_MS = 1;
const LOAD_MS = 2_000;
const SHORT_MS = 100;
const LEAF_MS = 5;
const BACKOFF_MS = 20;
const ATTEMPTS = 3;
const UNAVAILABLE = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-status', '14'],
]);

interface Hop {
  readonly mesh: FakeMesh;
  /** Attempts of this sidecar that were carried on to the next. */
  forwarded: number;
  /** Calls at this sidecar, what all of them took, and those under way: whose attempt of the one before each is, and since when. */
  calls: number;
  tookMs: number;
  open: { inner: FakeStream; outer: FakeStream | null; sinceMs: number }[];
}

/** Runs a load through so many sidecars; every answer is UNAVAILABLE. */
function chain(
  hops: number,
  budget: number,
  floor: number,
  loadMs = LOAD_MS,
): { hops: Hop[]; arrived: number; calls: number } {
  const retry = {
    attempts: ATTEMPTS,
    budget,
    budgetMinConcurrent: floor,
    backoffBaseMs: BACKOFF_MS,
    backoffMaxMs: BACKOFF_MS,
    perTryTimeoutMs: 0,
  };
  const row: Hop[] = Array.from({ length: hops }, () => {
    const mesh = new FakeMesh(['next'], { config: { retry }, random: () => 0.5 });
    mesh.link('next').capacity = 1_000_000;
    return { mesh, forwarded: 0, calls: 0, tookMs: 0, open: [] };
  });
  /** Attempts at the instance, by when they are answered. */
  const served: { stream: FakeStream; dueMs: number }[] = [];
  let arrived = 0;
  const tailMs = 10 * ATTEMPTS ** hops * (BACKOFF_MS + LEAF_MS);
  const enter = (hop: Hop, outer: FakeStream | null, nowMs: number): void => {
    hop.calls += 1;
    hop.open.push({ inner: hop.mesh.call(), outer, sinceMs: nowMs });
  };
  for (let nowMs = 0; nowMs < loadMs + tailMs; nowMs++) {
    if (nowMs < loadMs) for (let one = 0; one < RATE_PER_MS; one++) enter(row[0] as Hop, null, nowMs);
    for (const [at, hop] of row.entries()) {
      const { streams } = hop.mesh.link('next');
      for (; hop.forwarded < streams.length; hop.forwarded++) {
        const stream = streams[hop.forwarded] as FakeStream;
        const next = row[at + 1];
        if (next !== undefined) enter(next, stream, nowMs);
        else served.push({ stream, dueMs: nowMs + LEAF_MS });
        if (next === undefined) arrived += 1;
      }
    }
    const last = row.at(-1) as Hop;
    while (served[0] !== undefined && served[0].dueMs <= nowMs)
      last.mesh.port('next').onHeaders((served.shift() as (typeof served)[0]).stream, UNAVAILABLE, true);
    for (let at = hops - 1; at >= 0; at--) {
      const hop = row[at] as Hop;
      const over = hop.open.filter(({ inner }) => inner.ended);
      hop.open = hop.open.filter(({ inner }) => !inner.ended);
      for (const { outer, sinceMs } of over) {
        hop.tookMs += nowMs - sinceMs;
        if (outer !== null) row[at - 1]?.mesh.port('next').onHeaders(outer, UNAVAILABLE, true);
      }
    }
    for (const { mesh } of row) mesh.pass(MS);
  }
  return { hops: row, arrived, calls: (row[0] as Hop).calls };
}

describe('a chain of sidecars', () => {
  it.each([1, 2, 3])(
    'without a budget that binds, %i of them multiply: so the instance bears attempts to that power',
    (hops) => {
      const { arrived, calls } = chain(hops, 1, 1_000_000, SHORT_MS);
      expect(arrived).toBe(calls * ATTEMPTS ** hops);
    },
  );

  it.each([
    [2, 0.2, 0],
    [3, 0.2, 0],
    [3, 0.1, 2],
    [2, 0, 0],
  ])(
    'FO-12: %i sidecars with a budget of %d and a floor of %i: the instance bears what the budgets say',
    (count, budget, floor) => {
      const { hops, arrived, calls } = chain(count, budget, floor);
      let claimed = 1;
      for (const [at, hop] of hops.entries()) {
        expect(hop.open).toEqual([]);
        const sent = hops[at + 1]?.calls ?? arrived;
        // Retries alive are at most the floor and the budget's share of the calls alive at every moment, and each lives for a backoff at least.
        const perMs = hop.calls / LOAD_MS;
        const most = 1 + (floor / perMs + budget * (hop.tookMs / hop.calls)) / BACKOFF_MS;
        expect(sent / hop.calls).toBeLessThanOrEqual(most);
        claimed *= most;
      }
      expect(arrived / calls).toBeLessThanOrEqual(claimed);
      expect(claimed).toBeLessThan(2);
      if (budget === 0) expect(arrived).toBe(calls);
      else expect(arrived).toBeGreaterThan(calls);
    },
  );
});
