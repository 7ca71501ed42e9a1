/** Circuit breaking and retry throttling in the machine. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BreakerConfig,
  DEFAULT_BREAKER,
  DEFAULT_THROTTLE,
} from '../../../proxy/policy/failover-config.ts';
import { DEFAULT_OUTLIER } from '../../../proxy/policy/failover-config.ts';
import { seeded } from '../policy/members.ts';
import { FakeMesh, type FakeStream, MS } from './fake-mesh.ts';

function meshWith(circuitBreaker: Partial<BreakerConfig>, count = 2, more = {}): FakeMesh {
  return new FakeMesh(count, {
    config: { circuitBreaker: { ...DEFAULT_BREAKER, ...circuitBreaker }, ...more },
  });
}

function happen(mesh: FakeMesh, what: 'reply' | 'refuse' | 'reset' | 'cut', where: string): void {
  if (what === 'reply') mesh.reply(where);
  else if (what === 'refuse') mesh.refuse(where, 14);
  else if (what === 'reset') mesh.reset(where, 2);
  else mesh.cut(where);
}

const refused = (call: FakeStream): boolean => call.status === 14 && call.message.includes('circuit breaker');

describe('circuit breaking', () => {
  it('OV-01, OV-05: so many attempts in flight, the next call is refused at once and counted', () => {
    const mesh = meshWith({ maxRequests: 3 });
    for (let call = 0; call < 3; call++) mesh.call();
    const fourth = mesh.call(null);
    expect(fourth.status).toBe(14);
    expect(fourth.message).toBe('the circuit breaker is open: 3 calls in flight');
    expect(mesh.sidecar.stats()).toMatchObject({
      attemptsStarted: 3,
      breakerOverRequests: 1,
      callsAnsweredHere: 1,
    });
    mesh.reply('a');
    mesh.call();
    expect(refused(mesh.call())).toBe(true);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsAlive: 3, breakerOverRequests: 2 });
  });

  it('OV-04: who is refused is not retried, and no endpoint is blamed', () => {
    const outlier = { ...DEFAULT_OUTLIER, consecutiveErrors: 1, maxEjectionPercent: 100 };
    const mesh = meshWith({ maxRequests: 1 }, 2, { outlier });
    mesh.call();
    for (let call = 0; call < 5; call++) mesh.call();
    mesh.pass(1_000 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 1, retries: 0, ejections: 0 });
  });

  it('OV-01: an endpoint that has its fill is passed over once, and nobody gets more', () => {
    const mesh = meshWith({ endpointMaxRequests: 2 });
    const first = mesh.call();
    mesh.call();
    mesh.call();
    mesh.reply('b');
    // Round robin is at `b`, then at `a`, which has two already.
    mesh.call();
    mesh.call();
    expect(mesh.counts()).toEqual({ a: 2, b: 3 });
    expect(mesh.call().message).toBe('the circuit breaker is open: 2 calls in flight to an endpoint');
    expect(first.status).toBe(-1);
  });

  it('OV-02: so many wait for room, the next one fails at once; so many on one endpoint', () => {
    for (const [bounds, words] of [
      [{ maxPending: 2 }, '2 calls waiting'],
      [{ endpointMaxPending: 1 }, '1 calls waiting for an endpoint'],
    ] as const) {
      const mesh = meshWith(bounds, [] as never);
      mesh.silent = true;
      mesh.endpoints(['a', 'b']);
      for (const port of mesh.dialled.splice(0)) mesh.connectFull(port);
      for (let call = 0; call < 2; call++) mesh.call();
      expect(mesh.sidecar.stats().callsWaiting).toBe(2);
      expect(mesh.call().message).toBe(`the circuit breaker is open: ${words}`);
      expect(mesh.sidecar.stats()).toMatchObject({ callsWaiting: 2, breakerOverPending: 1 });
    }
  });

  it('OV-02: those count who wait for an endpoint to come up', () => {
    const mesh = meshWith({ maxPending: 1 }, [] as never);
    mesh.silent = true;
    mesh.endpoints(['a']);
    mesh.call();
    expect(refused(mesh.call())).toBe(true);
    mesh.connectAll();
    expect(mesh.sidecar.stats()).toMatchObject({ callsWaiting: 0, attemptsAlive: 1 });
  });

  it('OV-01: a retry that finds no room fails with what made it necessary', () => {
    const mesh = meshWith({ maxRequests: 1 });
    const call = mesh.call();
    mesh.refuse('a', 14);
    mesh.call();
    mesh.pass(100 * MS);
    expect([call.status, call.message]).toEqual([14, 'said the endpoint']);
    const full = meshWith({ endpointMaxRequests: 1 });
    const late = full.call();
    full.call();
    full.refuse('a', 14);
    full.call();
    full.pass(100 * MS);
    expect([late.status, late.message]).toEqual([14, 'said the endpoint']);
  });

  it('OV-01: retries alive are bounded', () => {
    const mesh = meshWith({ maxRetries: 1 }, 4);
    const calls = [mesh.call(), mesh.call()];
    mesh.refuse('a', 14);
    mesh.refuse('b', 14);
    expect(calls.map(({ status }) => status)).toEqual([-1, 14]);
    expect(mesh.sidecar.stats()).toMatchObject({ retriesAlive: 1, breakerOverRetries: 1 });
  });

  it('OV-01: connections beyond the first to each endpoint are bounded', () => {
    for (const [bounds, connections] of [
      [{ endpointMaxConnections: 2 }, 2],
      [{ maxConnections: 3 }, 3],
    ] as const) {
      const mesh = meshWith(bounds, 1);
      mesh.link('a').capacity = 1;
      for (let call = 0; call < 12; call++) {
        mesh.call();
        for (const port of mesh.dialled.splice(0)) mesh.connect(port).capacity = 1;
      }
      expect(mesh.sidecar.stats().connectionsUpstream).toBe(connections);
      expect(mesh.sidecar.stats().attemptsAlive).toBe(connections);
    }
  });

  it('OV-03: after any mix of endings the whole limit is there again', () => {
    const step = fc.constantFrom('call', 'reply', 'refuse', 'reset', 'cut', 'cancel', 'leave', 'wait');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const mesh = meshWith({ maxRequests: 5 }, 3, { retry: { backoffBaseMs: 1 } });
        for (const what of steps) {
          const where = mesh.where()[0];
          if (what === 'call') mesh.call();
          else if (what === 'wait') mesh.pass(300 * MS);
          else if (what === 'leave') mesh.endpoints(['b', 'c']);
          else if (what === 'cancel') {
            const open = mesh.caller.streams.find((stream) => stream.user !== null && !stream.ended);
            if (open !== undefined) mesh.session.onReset(open, 8, false);
          } else if (where !== undefined) happen(mesh, what, where);
          expect(mesh.sidecar.stats().attemptsAlive).toBeLessThanOrEqual(5);
        }
        mesh.endpoints(['a', 'b', 'c']);
        mesh.pass(5_000 * MS);
        for (const stream of mesh.caller.streams)
          if (stream.user !== null) mesh.session.onReset(stream, 8, false);
        expect(mesh.sidecar.stats()).toMatchObject({
          attemptsAlive: 0,
          callsWaiting: 0,
          retriesAlive: 0,
          callsAlive: 0,
        });
        const burst = Array.from({ length: 6 }, () => mesh.call());
        expect(burst.map(refused)).toEqual([false, false, false, false, false, true]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('waiting and coming back', () => {
  it('OV-09: calls that wait for room go in the order they came', () => {
    const mesh = meshWith({}, [] as never);
    mesh.silent = true;
    mesh.endpoints(['a']);
    const link = mesh.connectFull(mesh.dialled.splice(0)[0] as never);
    for (let call = 0; call < 20; call++) mesh.call(`${call} `);
    for (let room = 1; room <= 20; room++) {
      link.capacity = room;
      mesh.port('a').onCapacity(false);
      expect(link.streams.map(({ text }) => text)).toEqual(
        Array.from({ length: room }, (_, call) => `${call} `),
      );
    }
  });

  it('FO-33: when all come back, dials of many sidecars are spread in time, one at a time for each endpoint', () => {
    const UP_MS = 8_000;
    const dials: number[] = [];
    for (let seed = 1; seed <= 60; seed++) {
      const mesh = new FakeMesh(0, { random: seeded(seed), silent: true });
      mesh.endpoints(['a', 'b']);
      const back = new Map<string, number>();
      for (let ms = 0; back.size < 2 && ms < UP_MS + 3_000; ms += 20) {
        const due = mesh.dialled.splice(0);
        expect(new Set(due.map(({ endpoint }) => endpoint.id)).size).toBe(due.length);
        for (const port of due) {
          if (ms < UP_MS) port.handleDialFailed('refused');
          else back.set(port.endpoint.id, ms);
        }
        mesh.pass(20 * MS);
      }
      dials.push(...back.values());
    }
    expect(dials).toHaveLength(120);
    // The longest wait is 2.4 s; a tenth of it never sees a third of them.
    const buckets = new Map<number, number>();
    for (const ms of dials) buckets.set(Math.floor(ms / 240), (buckets.get(Math.floor(ms / 240)) ?? 0) + 1);
    expect(Math.max(...buckets.values())).toBeLessThan(dials.length / 3);
    expect(Math.max(...dials)).toBeLessThan(UP_MS + 2_500);
  });
});

describe('retry throttling in the machine', () => {
  const throttled = (maxTokens: number, retry = {}): FakeMesh =>
    new FakeMesh(3, {
      config: {
        retryThrottling: { ...DEFAULT_THROTTLE, maxTokens },
        retry: { budgetMinConcurrent: 100, backoffBaseMs: 0, attempts: 2, ...retry },
      },
    });

  it('FO-10: failures stop retries, successes bring them back; what succeeds after its headers counts', () => {
    const mesh = throttled(4);
    const failing = (): number => {
      mesh.call();
      let attempts = 0;
      for (; mesh.where().length > 0; attempts++) {
        mesh.refuse(mesh.where()[0] as string, 14);
        mesh.pass(1 * MS);
      }
      return attempts;
    };
    // 3 tokens: again; 2 tokens: no more.
    expect([failing(), failing()]).toEqual([2, 1]);
    expect(mesh.sidecar.stats()).toMatchObject({ retriesThrottled: 1, retries: 1 });
    for (let call = 0; call < 40; call++) {
      mesh.call();
      mesh.reply(mesh.where()[0] as string);
    }
    expect(failing()).toBe(2);
  });

  it('FO-10: only what may be retried takes a token, and a server that asks not to retry', () => {
    const mesh = throttled(2);
    for (let call = 0; call < 5; call++) {
      mesh.call();
      mesh.refuse(mesh.where()[0] as string, 5);
      mesh.call();
      mesh.reset(mesh.where()[0] as string, 7, true);
      mesh.session.onReset(mesh.caller.last, 8, false);
    }
    mesh.call();
    mesh.refuse(mesh.where()[0] as string, 5, [['grpc-retry-pushback-ms', '-1']]);
    mesh.call();
    mesh.refuse(mesh.where()[0] as string, 14);
    expect(mesh.sidecar.stats()).toMatchObject({ retries: 0, retriesThrottled: 1 });
  });
});
