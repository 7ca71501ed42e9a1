/** The accounts of a machine balance at every moment, whatever callers and endpoints do: what is counted is compared with what is seen from outside. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SidecarStats } from '../../../proxy/core/machine.ts';
import { FakeMesh, type FakeStream, MS, RESPONSE } from './fake-mesh.ts';

const GAUGES = new Set([
  'callsAlive',
  'attemptsAlive',
  'retriesAlive',
  'callsWaiting',
  'connectionsDownstream',
  'connectionsUpstream',
  'endpointsEjected',
  'requestBytesKept',
  'timersArmed',
]);
const IDS = ['a', 'b', 'c'];
const at = fc.nat(7);
const status = fc.constantFrom(0, 1, 3, 5, 13, 14, 16, 99);

/** One thing that happens; `at` chooses among what is open. */
const deed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      open: fc.boolean(),
      timeoutMs: fc.constantFrom(0, 5, 80),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('reply' as const), at, status }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('refuse' as const), at, status }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('headers' as const), at }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('reset' as const), at, code: fc.constantFrom(0, 2, 7, 8) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('goaway' as const), at }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('members' as const), count: fc.integer({ min: 0, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 20, 300) }),
  },
);
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;

const config = fc.record({
  retry: fc.record({
    attempts: fc.integer({ min: 1, max: 4 }),
    budget: fc.constantFrom(0, 1),
    perTryTimeoutMs: fc.constantFrom(0, 40),
  }),
  hedging: fc.constantFrom(null, { attempts: 3, delayMs: 10, nonFatalStatuses: [14] }),
  callsPerLink: fc.constantFrom(1, 100),
});

/** What can be seen from outside, and its comparison with what is counted. */
class Books {
  readonly mesh: FakeMesh;
  readonly #cancelled = new Set<FakeStream>();
  /** Attempts that endpoints saw, those of links that are gone too. */
  readonly #links = new Set<{
    readonly streams: FakeStream[];
    readonly open: FakeStream[];
    closed: boolean;
  }>();
  #before: SidecarStats | null = null;

  constructor(mesh: FakeMesh) {
    this.mesh = mesh;
  }

  /** A stream that an endpoint has open, and whose. */
  openAt(index: number): { readonly id: string; readonly stream: FakeStream } | null {
    const open = [...this.mesh.links].flatMap(([id, link]) =>
      link.closed ? [] : link.open.map((stream) => ({ id, stream })),
    );
    return open[index % Math.max(1, open.length)] ?? null;
  }

  /** A call that is under way. */
  callAt(index: number): FakeStream | null {
    const alive = this.mesh.caller.streams.filter((stream) => !this.#isOver(stream));
    return alive[index % Math.max(1, alive.length)] ?? null;
  }

  cancel(stream: FakeStream): void {
    this.#cancelled.add(stream);
    this.mesh.session.onReset(stream, 8, false);
  }

  check(): void {
    const { mesh } = this;
    const stats = mesh.sidecar.stats();
    for (const link of mesh.links.values()) this.#links.add(link);
    const calls = mesh.caller.streams;
    const over = calls.filter((stream) => this.#isOver(stream));
    expect([stats.callsStarted, stats.callsEnded, stats.callsAlive], 'TE-03').toEqual([
      calls.length,
      over.length,
      calls.length - over.length,
    ]);
    const byStatus = Array.from({ length: 19 }, () => 0);
    for (const stream of over) {
      const told = this.#cancelled.has(stream) ? 1 : stream.status;
      const slot = told > 16 ? 17 : told;
      byStatus[slot] = (byStatus[slot] ?? 0) + 1;
    }
    expect(stats.callsByStatus, 'TE-08').toEqual(byStatus);
    const attempts = [...this.#links].flatMap((link) => link.streams);
    const alive = attempts.filter((stream) => stream.user !== null);
    expect([stats.attemptsStarted, stats.attemptsAlive], 'TE-04').toEqual([attempts.length, alive.length]);
    const again = attempts.filter((stream) => stream.previousAttempts > 0).length;
    expect(again, 'TE-04').toBeLessThanOrEqual(stats.retries + stats.retriesTransparent + stats.hedges);
    const endpoints = mesh.sidecar.clusters().reduce((sum, { attemptsAlive }) => sum + attemptsAlive, 0);
    expect(endpoints, 'LB-08').toBeLessThanOrEqual(alive.length);
    for (const [name, value] of Object.entries(stats)) {
      if (typeof value !== 'number') continue;
      expect([name, value >= 0]).toEqual([name, true]);
      if (GAUGES.has(name) || this.#before === null) continue;
      const before = this.#before[name as keyof SidecarStats] as number;
      expect([name, value >= before], 'TE-07').toEqual([name, true]);
    }
    this.#before = stats;
  }

  /** Nobody has anything under way any more. */
  checkQuiet(): void {
    this.check();
    const {
      callsAlive,
      attemptsAlive,
      retriesAlive,
      callsWaiting,
      requestBytesKept,
      retries,
      hedges,
      ...stats
    } = this.mesh.sidecar.stats();
    expect([callsAlive, attemptsAlive, retriesAlive, callsWaiting, requestBytesKept]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    for (const endpoint of this.mesh.sidecar.clusters()) expect(endpoint.attemptsAlive).toBe(0);
    const again = [...this.#links]
      .flatMap((link) => link.streams)
      .filter(({ previousAttempts }) => previousAttempts > 0);
    // What was decided and not sent any more: the call ended in the wait before it, a hedged one also because another attempt won.
    const unsent = retries + stats.retriesTransparent + hedges - again.length;
    const won = hedges > 0 ? (stats.callsByStatus[0] ?? 0) : 0;
    expect(unsent).toBeLessThanOrEqual(
      stats.callsAnsweredHere + this.#cancelled.size + (stats.callsByStatus[14] ?? 0) + won,
    );
  }

  #isOver(stream: FakeStream): boolean {
    return stream.ended || this.#cancelled.has(stream);
  }
}

function happen(books: Books, deed: Deed): void {
  const { mesh } = books;
  if (deed.kind === 'call') {
    mesh.call(deed.open ? null : 'hi', deed.timeoutMs === 0 ? [] : [['grpc-timeout', `${deed.timeoutMs}m`]]);
  } else if (deed.kind === 'pass') mesh.pass(deed.ms * MS);
  else if (deed.kind === 'members') mesh.endpoints(IDS.slice(0, deed.count));
  else if (deed.kind === 'cancel') {
    const call = books.callAt(deed.at);
    if (call !== null) books.cancel(call);
  } else if (deed.kind === 'cut' || deed.kind === 'goaway') {
    const id = IDS[deed.at % IDS.length] as string;
    const link = mesh.links.get(id);
    if (link === undefined || link.closed) return;
    if (deed.kind === 'cut') mesh.cut(id);
    else mesh.port(id).onCapacity(true);
    mesh.connectAll();
  } else {
    const found = books.openAt(deed.at);
    if (found === null) return;
    const { id, stream } = found;
    mesh.link(id).streams.push(...mesh.link(id).streams.splice(mesh.link(id).streams.indexOf(stream), 1));
    if (deed.kind === 'reply') mesh.reply(id, 'ok', deed.status);
    else if (deed.kind === 'refuse') mesh.refuse(id, deed.status);
    else if (deed.kind === 'headers') mesh.port(id).onHeaders(stream, RESPONSE, false);
    else mesh.reset(id, deed.code, deed.code === 7);
  }
}

it('MS-07, TE-03, TE-04, TE-07, TE-08, LB-08: calls, attempts and statuses balance at every moment, and gauges end at zero', () => {
  const seen = { calls: 0, again: 0 };
  fc.assert(
    fc.property(
      config,
      fc.array(deed, { minLength: 5, maxLength: 60, size: 'max' }),
      ({ callsPerLink, ...settings }, deeds) => {
        const mesh = new FakeMesh(3, { config: settings, random: () => 0.5 });
        for (const link of mesh.links.values()) link.capacity = callsPerLink;
        const books = new Books(mesh);
        for (const each of deeds) {
          happen(books, each);
          books.check();
        }
        for (let call = books.callAt(0); call !== null; call = books.callAt(0)) books.cancel(call);
        mesh.pass(60_000 * MS);
        books.checkQuiet();
        const { callsStarted, retries, hedges, retriesTransparent } = mesh.sidecar.stats();
        seen.calls += callsStarted;
        seen.again += retries + hedges + retriesTransparent;
      },
    ),
    { numRuns: 150, endOnFailure: true },
  );
  console.log(`conservation: ${seen.calls} calls, ${seen.again} further attempts`);
  expect(seen.again).toBeGreaterThan(50);
});
