/** What the machine tells its driver: readiness and why not, draining, pools that are bounded. */
import { describe, expect, it } from 'vitest';
import { Context } from '../../../proxy/core/context.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { FakeLink, FakeMesh, FakeStream, MS, request, RESPONSE } from './fake-mesh.ts';

describe('readiness', () => {
  it('has a reason while it is not there', () => {
    const mesh = new FakeMesh(5, { silent: true });
    const { sidecar } = mesh;
    expect(sidecar.settled).toBe(false);
    expect(sidecar.notReadyReason).toBe(
      'no endpoint can be used (a (a:1): not connected yet; b (b:1): not connected yet; ' +
        'c (c:1): not connected yet; and 2 more)',
    );
    for (const port of mesh.dialled.splice(1)) port.handleDialFailed('ECONNREFUSED');
    expect(sidecar.settled).toBe(false);
    mesh.connectAll();
    expect([sidecar.settled, sidecar.ready, sidecar.notReadyReason]).toEqual([true, true, '']);
  });

  it('a draining endpoint is no reason to wait, and says so', () => {
    const mesh = new FakeMesh([]);
    mesh.endpoints(['a', 'b'], ['a', 'b']);
    expect(mesh.dialled).toHaveLength(0);
    expect(mesh.sidecar.notReadyReason).toBe(
      'no endpoint can be used (a (a:1): draining; b (b:1): draining)',
    );
  });
});

describe('draining', () => {
  it('twice is once; who connects meanwhile is sent away at once', () => {
    const mesh = new FakeMesh(1);
    mesh.call();
    expect(mesh.sidecar.callsAlive).toBe(1);
    mesh.sidecar.drain();
    mesh.sidecar.drain();
    expect(mesh.caller.goAways).toEqual([false]);
    expect(mesh.sidecar.notReadyReason).toBe('draining');
    const late = new FakeLink();
    mesh.sidecar.acceptDownstream().attach(late);
    expect(late.goAways).toEqual([true]);
    mesh.pass(60 * MS);
    mesh.reply('a');
    expect([mesh.sidecar.drained, mesh.sidecar.callsAlive]).toEqual([true, 0]);
  });

  it('when its time is over each call ends: UNAVAILABLE, or a reset for who does not read; endpoints hear a cancel', () => {
    const mesh = new FakeMesh(1);
    mesh.call();
    mesh.reply('a');
    const waiting = mesh.call();
    const begun = mesh.call(null);
    const { last: upstream } = mesh.link('a');
    mesh.port('a').onHeaders(upstream, RESPONSE, false);
    const unread = mesh.call();
    mesh.port('a').onHeaders(mesh.link('a').last, RESPONSE, false);
    unread.queuedBytes = 5;
    mesh.sidecar.drain();
    mesh.pass(60 * MS);
    mesh.sidecar.endCalls();
    expect([waiting.status, waiting.ended, waiting.trailers]).toEqual([14, true, null]);
    expect(waiting.message).toContain('shutting down');
    expect([begun.trailers?.grpcStatus, begun.resetCode]).toEqual([14, 0]);
    expect([unread.status, unread.resetCode]).toEqual([-1, 8]);
    expect(mesh.link('a').streams.map((stream) => stream.resetCode)).toEqual([null, 8, 8, 8]);
    expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, attemptsAlive: 0, callsWaiting: 0 });
    expect(mesh.sidecar.drained).toBe(true);
  });

  it('calls that wait for an endpoint, or that the pool has no room for, end too', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const calls = Array.from({ length: 5_000 }, () => mesh.call());
    for (const call of calls.slice(0, 4_500)) mesh.session.onReset(call, 8, false);
    mesh.sidecar.endCalls();
    expect(calls.slice(4_500).map((call) => call.status)).toEqual(Array.from({ length: 500 }, () => 14));
    expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, callsWaiting: 0 });
  });

  it('a caller’s connection ends once in the count', () => {
    const mesh = new FakeMesh(1);
    expect(mesh.sidecar.stats().connectionsDownstream).toBe(1);
    mesh.session.onClose('gone');
    mesh.session.onClose('gone');
    expect(mesh.sidecar.stats().connectionsDownstream).toBe(0);
  });
});

it('idle records are kept for reuse up to a bound, the rest is let go', () => {
  const context = new Context(DEFAULT_SIDECAR_CONFIG, { dial: () => {} }, null, () => 0);
  const attempts = Array.from({ length: 5_000 }, () => context.takeAttempt());
  const calls = Array.from({ length: 5_000 }, () => context.takeCall());
  for (const attempt of attempts) context.giveAttempt(attempt);
  for (const call of calls) context.giveCall(call);
  const known = new Set<object>([...attempts, ...calls]);
  const again = <T extends object>(take: () => T): number =>
    Array.from({ length: 5_000 }, take).filter((record) => known.has(record)).length;
  expect(again(() => context.takeAttempt())).toBe(4_096);
  expect(again(() => context.takeCall())).toBe(4_096);
});

it('a caller that ends while its call waits leaves nothing behind', () => {
  const mesh = new FakeMesh(1, { silent: true });
  const stream = new FakeStream(1);
  mesh.session.onHeaders(stream, request(), true);
  mesh.session.onReset(stream, -1, false);
  expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, callsWaiting: 0 });
});
