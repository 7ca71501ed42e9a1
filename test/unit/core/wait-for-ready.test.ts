/** Calls for which no endpoint can be used: at once UNAVAILABLE, or waiting for one (gRPC wait-for-ready), within bounds. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { DEFAULT_BREAKER, DEFAULT_HEDGING } from '../../../proxy/policy/failover-config.ts';
import type { RouteConfig } from '../../../proxy/policy/routes/config.ts';
import { endpoint, FakeMesh, type FakeStream, type MeshOptions, MS } from './fake-mesh.ts';

const waitForReady = { maxMs: 500, maxPending: 3 };

function meshOf(endpoints: string[] | number, more: MeshOptions['config'] = {}, silent = false): FakeMesh {
  return new FakeMesh(endpoints, { silent, config: { waitForReady, ...more } });
}

/** A mesh whose only endpoint cannot be reached. */
function unreachable(more: MeshOptions['config'] = {}): FakeMesh {
  const mesh = meshOf(1, more, true);
  mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
  return mesh;
}

/** Nothing is left of any call. */
function expectQuiet(mesh: FakeMesh): void {
  expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, callsWaiting: 0, attemptsAlive: 0 });
}

describe('a call that may wait', () => {
  it('LB-24: goes to the first endpoint that comes, in the order of arrival', () => {
    const mesh = meshOf([]);
    const calls = ['1', '2', '3'].map((body) => mesh.call(body));
    mesh.pass(499 * MS);
    expect(calls.map(({ ended }) => ended)).toEqual([false, false, false]);
    mesh.endpoints(['a']);
    expect(mesh.link('a').streams.map(({ text }) => text)).toEqual(['1', '2', '3']);
    for (const { user } of [...mesh.link('a').streams]) expect(user).not.toBeNull();
    for (let left = 3; left > 0; left--) {
      mesh.reply('a');
      mesh.link('a').streams.pop();
    }
    expect(calls.map(({ status }) => status)).toEqual([0, 0, 0]);
    expectQuiet(mesh);
    // Nothing of it happens later.
    mesh.pass(5_000 * MS);
    expect(mesh.sidecar.nextTimeoutNs).toBe(Infinity);
  });

  it('LB-24: is told why when none comes in time', () => {
    const mesh = meshOf([]);
    const call = mesh.call();
    mesh.pass(500 * MS);
    expect(call.status).toBe(14);
    expect(call.message).toBe('no endpoint is known, and none came within 500 ms');
    expectQuiet(mesh);
  });

  it('does not outlive its deadline or its caller', () => {
    const mesh = meshOf([]);
    const late = mesh.call('x', [['grpc-timeout', '100m']]);
    const gone = mesh.call('y');
    mesh.session.onReset(gone, 8, false);
    mesh.pass(100 * MS);
    expect([late.status, late.message]).toEqual([4, expect.stringContaining('no endpoint is known')]);
    mesh.endpoints(['a']);
    expect(mesh.link('a').streams).toEqual([]);
    expectQuiet(mesh);
  });

  it('waits also for endpoints that cannot be reached; what happens to them meanwhile gives it no more time', () => {
    const mesh = unreachable();
    const call = mesh.call();
    mesh.silent = true;
    // Reconnects fail again and again.
    for (let n = 0; n < 9; n++) {
      mesh.pass(50 * MS);
      for (const port of mesh.dialled.splice(0)) port.handleDialFailed('ECONNREFUSED');
    }
    expect(call.ended).toBe(false);
    mesh.pass(50 * MS);
    expect(call.status).toBe(14);
    expect(call.message).toMatch(/a \(a:1\): cannot connect: ECONNREFUSED\), and none came within 500 ms/);
  });

  it('is one of a bounded count; one more fails at once', () => {
    const mesh = meshOf([]);
    const calls = Array.from({ length: 4 }, () => mesh.call());
    expect(calls.map(({ status }) => status)).toEqual([-1, -1, -1, 14]);
    mesh.session.onReset(calls[0] as FakeStream, 8, false);
    expect(mesh.call().ended).toBe(false);
  });

  it('and the circuit breaker bounds it, too', () => {
    const mesh = meshOf([], { circuitBreaker: { ...DEFAULT_BREAKER, maxPending: 1 } });
    expect(mesh.call().ended).toBe(false);
    const more = mesh.call();
    expect([more.status, more.message]).toEqual([14, expect.stringContaining('circuit breaker')]);
  });

  it('waits again with a retry, for what is left of its time, and then tells what had failed', () => {
    const mesh = meshOf(1, { retry: { backoffBaseMs: 0, backoffMaxMs: 0 } });
    const call = mesh.call();
    mesh.silent = true;
    mesh.cut('a');
    mesh.dialled.splice(0);
    expect(call.ended).toBe(false);
    mesh.pass(200 * MS);
    mesh.sidecar.handleEndpoints([endpoint('b')]);
    mesh.connectAll();
    expect(mesh.where()).toEqual(['b']);
    mesh.pass(100 * MS);
    mesh.sidecar.handleEndpoints([]);
    mesh.cut('b');
    mesh.pass(199 * MS);
    expect(call.ended).toBe(false);
    mesh.pass(1 * MS);
    expect([call.status, call.message]).toEqual([14, expect.stringContaining('the connection was lost')]);
    expectQuiet(mesh);
  });

  it('does not wait again when its time went by while it was sent', () => {
    const mesh = meshOf([], { retry: { backoffBaseMs: 0, backoffMaxMs: 0 } });
    const call = mesh.call();
    mesh.endpoints(['a']);
    mesh.pass(600 * MS);
    expect(call.ended).toBe(false);
    mesh.sidecar.handleEndpoints([]);
    mesh.cut('a');
    expect(call.status).toBe(14);
    expectQuiet(mesh);
  });

  it('may be hedged', () => {
    const mesh = meshOf([], { hedging: { ...DEFAULT_HEDGING, delayMs: 10 } });
    const [call, other] = [mesh.call(), mesh.call()];
    mesh.pass(50 * MS);
    mesh.session.onReset(other, 8, false);
    mesh.endpoints(['a', 'b']);
    mesh.pass(10 * MS);
    expect(mesh.counts()).toEqual({ a: 1, b: 1 });
    mesh.reply('b');
    expect(call.status).toBe(0);
    const last = meshOf([], { hedging: DEFAULT_HEDGING });
    const lost = last.call();
    last.pass(500 * MS);
    expect(lost.status).toBe(14);
    expectQuiet(last);
  });
});

describe('with routes', () => {
  const { routing: _routing, tag: _tag, drainMs: _drainMs, ...policies } = DEFAULT_SIDECAR_CONFIG;
  const route = (name: string, own: object | null, more: object = {}): RouteConfig => ({
    name,
    match: { headers: { 'x-route': name } },
    targets: [{ cluster: 'default', weight: 1, policies: own === null ? null : { ...policies, ...own } }],
    mirror: null,
    rewrite: null,
    ...more,
  });
  const routing = {
    clusters: [{ name: 'b', policies: { ...policies, waitForReady } }],
    routes: [
      route('patient', { waitForReady }),
      route('plain', null),
      route('copied', null, { mirror: { cluster: 'b', share: 1, concurrentMax: 9 } }),
    ],
  };
  const by = (mesh: FakeMesh, name: string): FakeStream => mesh.call('x', [['x-route', name]]);

  it('each is as patient as its route: what becomes hopeless ends the others', () => {
    const mesh = new FakeMesh(1, { silent: true, config: { routing } });
    const calls = ['plain', 'patient', 'plain', 'patient'].map((name) => by(mesh, name));
    expect(calls.map(({ ended }) => ended)).toEqual([false, false, false, false]);
    mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
    expect(calls.map(({ status }) => status)).toEqual([14, -1, 14, -1]);
    expect(by(mesh, 'plain').status).toBe(14);
    mesh.pass(500 * MS);
    expect(calls.map(({ status }) => status)).toEqual([14, 14, 14, 14]);
    expect(mesh.sidecar.stats()).toMatchObject({ callsWaiting: 0, callsAlive: 0 });
  });

  it('a call without a route waits for nothing, nor does a copy', () => {
    const mesh = new FakeMesh(1, { config: { routing, waitForReady } });
    expect(by(mesh, 'unknown').status).toBe(12);
    by(mesh, 'copied');
    expect(mesh.sidecar.stats()).toMatchObject({ mirrorsStarted: 1, callsWaiting: 0 });
    mesh.reply('a');
    expectQuiet(mesh);
  });
});
