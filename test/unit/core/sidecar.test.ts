/** What the machine tells its driver: readiness and why not, draining, pools that are bounded. */
import { describe, expect, it } from 'vitest';
import { Context } from '../../../proxy/core/context.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { FakeLink, FakeMesh, FakeStream, MS, request } from './fake-mesh.ts';

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
