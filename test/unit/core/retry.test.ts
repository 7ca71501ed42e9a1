import { describe, expect, it } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, MS, RESPONSE } from './fake-mesh.ts';

/** The endpoint that holds the only unanswered stream. */
function only(mesh: FakeMesh): string {
  const where = mesh.where();
  expect(where).toHaveLength(1);
  return where[0] as string;
}

describe('retries', () => {
  it('FO-01: of the 17 statuses only the listed one is retried, the others reach the caller', () => {
    for (let status = 1; status <= 16; status++) {
      const mesh = new FakeMesh(3);
      const call = mesh.call();
      mesh.refuse(only(mesh), status);
      mesh.pass(100 * MS);
      if (status === 14) {
        expect(mesh.where()).toHaveLength(1);
        expect(call.ended).toBe(false);
      } else {
        expect(call.status).toBe(status);
        expect(call.message).toBe('said the endpoint');
        expect(mesh.where()).toHaveLength(0);
      }
    }
  });

  it('FO-02: attempts are capped, and the last answer is the endpoint’s own', () => {
    const mesh = new FakeMesh(5);
    const call = mesh.call();
    for (let attempt = 1; attempt <= 3; attempt++) {
      mesh.refuse(only(mesh), 14);
      mesh.pass(1_000 * MS);
    }
    expect(call.status).toBe(14);
    expect(call.message).toBe('said the endpoint');
    expect(mesh.sidecar.stats()).toMatchObject({
      attemptsStarted: 3,
      retries: 2,
      retriesAlive: 0,
      callsAlive: 0,
    });
  });

  it('FO-03: a refused stream is retried at once and once for free, even with retries off', () => {
    const mesh = new FakeMesh(3, { config: { retry: { attempts: 1 } } });
    const call = mesh.call();
    mesh.reset(only(mesh), 7, false);
    const second = only(mesh);
    mesh.reset(second, 8, true);
    expect(mesh.where()).toHaveLength(0);
    expect(call.status).toBe(1);
  });

  it('FO-04: a lost connection is repeated only where the policy lists UNAVAILABLE', () => {
    const without = new FakeMesh(2, { config: { retry: { retryableStatuses: [8] } } });
    const call = without.call();
    without.cut(only(without));
    expect(call.status).toBe(14);
    expect(call.message).toContain('connection was lost');
    const allowed = new FakeMesh(2);
    const other = allowed.call();
    const first = only(allowed);
    allowed.cut(first);
    expect(only(allowed)).not.toBe(first);
    allowed.reply(only(allowed));
    expect(other.status).toBe(0);
  });

  it('FO-05: once response headers are out there is no other attempt', () => {
    const mesh = new FakeMesh(3);
    const call = mesh.call();
    const first = only(mesh);
    mesh.port(first).onHeaders(mesh.link(first).last, RESPONSE, false);
    mesh.cut(first);
    expect(call.status).toBe(14);
    expect(mesh.sidecar.stats().attemptsStarted).toBe(1);
    const trailers = new FakeMesh(3);
    const late = trailers.call();
    trailers.reply(only(trailers), 'x', 14);
    expect(late.status).toBe(14);
    expect(trailers.sidecar.stats().attemptsStarted).toBe(1);
  });

  it('FO-06: a request of exactly the limit is replayed whole, one octet more is not replayed', () => {
    for (const [size, again] of [
      [100, true],
      [101, false],
    ] as const) {
      const mesh = new FakeMesh(2, { config: { retry: { bufferBytesMax: 100 } } });
      const call = mesh.call('x'.repeat(size));
      mesh.cut(only(mesh));
      expect(mesh.where()).toHaveLength(again ? 1 : 0);
      if (again) expect(mesh.link(only(mesh)).last.text).toBe('x'.repeat(size));
      else expect(call.status).toBe(14);
    }
  });

  it('FO-07: a half-sent stream is replayed as far as it was, then goes on', () => {
    const mesh = new FakeMesh(2);
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('one '), false);
    mesh.cut(only(mesh));
    const second = mesh.link(only(mesh)).last;
    expect(second.text).toBe('one ');
    expect(second.previousAttempts).toBe(1);
    expect(second.ended).toBe(false);
    mesh.session.onData(call, Buffer.from('two'), true);
    expect(second.text).toBe('one two');
    expect(second.ended).toBe(true);
  });

  it('FO-08: the wait before retry n lies in its envelope', () => {
    for (const random of [0, 0.999_999]) {
      const mesh = new FakeMesh(5, {
        random: () => random,
        config: { retry: { attempts: 5, backoffMaxMs: 60 } },
      });
      mesh.call();
      for (const baseMs of [25, 50, 60, 60]) {
        mesh.refuse(only(mesh), 14);
        mesh.pass(baseMs * (random === 0 ? 0.8 : 1.2) * MS - 0.01 * MS - 1_000);
        expect(mesh.where()).toHaveLength(0);
        mesh.pass(0.02 * MS + 2_000);
        expect(mesh.where()).toHaveLength(1);
      }
    }
  });

  it('FO-09: pushback is obeyed to the millisecond, and a negative or odd one ends the retries', () => {
    const mesh = new FakeMesh(3);
    mesh.call();
    mesh.refuse(only(mesh), 14, [['grpc-retry-pushback-ms', '250']]);
    mesh.pass(249 * MS);
    expect(mesh.where()).toHaveLength(0);
    mesh.pass(1 * MS);
    expect(mesh.where()).toHaveLength(1);
    for (const value of ['-1', 'x', '99999999999']) {
      const never = new FakeMesh(3);
      const call = never.call();
      never.refuse(only(never), 14, [['grpc-retry-pushback-ms', value]]);
      expect(call.status).toBe(14);
    }
  });

  it('FO-11: retries alive, those in backoff included, stay within the budget', () => {
    const mesh = new FakeMesh(2, { config: { retry: { budget: 0.2, budgetMinConcurrent: 3 } } });
    for (let i = 0; i < 30; i++) mesh.call();
    for (const id of ['a', 'b']) {
      for (const stream of mesh.link(id).open) {
        mesh.port(id).onHeaders(
          stream,
          headerBlock([
            [':status', '200'],
            ['content-type', 'application/grpc'],
            ['grpc-status', '14'],
          ]),
          true,
        );
      }
    }
    const stats = mesh.sidecar.stats();
    expect(stats.retries).toBe(6);
    expect(stats.retriesAlive).toBe(6);
    expect(stats.retriesOverBudget).toBe(24);
    mesh.pass(1_000 * MS);
    for (const id of ['a', 'b']) for (const _ of mesh.link(id).open) mesh.reply(id);
  });

  it('FO-13: a retry goes where the call has not been, and leaves the cursor of first picks alone', () => {
    const mesh = new FakeMesh(3);
    mesh.call();
    const first = only(mesh);
    mesh.cut(first);
    const second = only(mesh);
    expect(second).not.toBe(first);
    mesh.reply(second);
    const before = mesh.counts();
    mesh.call();
    mesh.call();
    const after = mesh.counts();
    const grown = Object.keys(after).map((id) => (after[id] as number) - (before[id] ?? 0));
    expect(Math.max(...grown)).toBe(1);
  });

  it('FO-14: a try that takes too long ends alone, and its late answer is not mixed in', () => {
    const mesh = new FakeMesh(2, { config: { retry: { perTryTimeoutMs: 100 } } });
    const call = mesh.call('hi', [['grpc-timeout', '5S']]);
    const first = only(mesh);
    const late = mesh.link(first).last;
    expect(late.timeoutNs).toBe(100 * MS);
    mesh.pass(130 * MS);
    expect(late.resetCode).toBe(8);
    const second = mesh.where().find((id) => id !== first) as string;
    mesh.port(first).onHeaders(late, RESPONSE, false);
    mesh.reply(second, 'yes');
    expect(call.text).toBe('yes');
  });

  it('MS-13, MS-15: later attempts carry less time, and none starts after the deadline', () => {
    const mesh = new FakeMesh(2, { config: { retry: { backoffBaseMs: 40, backoffMaxMs: 40 } } });
    const call = mesh.call('hi', [['grpc-timeout', '60m']]);
    const first = only(mesh);
    expect(mesh.link(first).last.timeoutNs).toBe(60 * MS);
    mesh.pass(10 * MS);
    mesh.refuse(first, 14);
    mesh.pass(35 * MS);
    const second = only(mesh);
    expect(mesh.link(second).last.timeoutNs).toBeLessThanOrEqual(50 * MS - 32 * MS);
    mesh.refuse(second, 14);
    expect(call.status).toBe(14);
    mesh.pass(1_000 * MS);
    expect(mesh.sidecar.stats().attemptsStarted).toBe(2);
  });
});
