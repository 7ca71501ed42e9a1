/** Hedged calls in the machine (gRFC A6). */
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_BREAKER,
  DEFAULT_HEDGING,
  DEFAULT_OUTLIER,
  DEFAULT_THROTTLE,
} from '../../../proxy/policy/failover-config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, FakeStream, MS, RESPONSE } from './fake-mesh.ts';

function meshWith(hedging = {}, count = 4, more = {}): FakeMesh {
  const config = { hedging: { ...DEFAULT_HEDGING, attempts: 3, delayMs: 100, ...hedging } };
  return new FakeMesh(count, { config: { ...config, ...more } });
}

/** Which endpoints have an open attempt, in the order of their names. */
const open = (mesh: FakeMesh): string[] => mesh.where().sort();
const resets = (mesh: FakeMesh): string[] =>
  [...mesh.links].filter(([, link]) => link.last?.resetCode === 8).map(([id]) => id);

describe('hedging', () => {
  it('FO-16: attempt k goes out k delays after the first, each to another endpoint, as often as configured', () => {
    const mesh = meshWith();
    mesh.call();
    expect(open(mesh)).toEqual(['a']);
    mesh.pass(99 * MS);
    expect(open(mesh)).toHaveLength(1);
    mesh.pass(1 * MS);
    expect(open(mesh)).toHaveLength(2);
    mesh.pass(100 * MS);
    expect(open(mesh)).toHaveLength(3);
    mesh.pass(1_000 * MS);
    expect(open(mesh)).toHaveLength(3);
    const stats = mesh.sidecar.stats();
    expect(stats).toMatchObject({ hedges: 2, attemptsStarted: 3, retriesAlive: 2 });
    const previous = open(mesh).map((id) => mesh.link(id).last.previousAttempts);
    expect(previous.sort()).toEqual([0, 1, 2]);
  });

  it('FO-17: the first response headers win, the others are cancelled at once, one response reaches the caller', () => {
    const mesh = meshWith();
    const call = mesh.call('request');
    mesh.pass(200 * MS);
    const three = open(mesh);
    const winner = three.find((id) => id !== 'a') as string;
    expect(mesh.link(winner).last.text).toBe('request');
    mesh.port(winner).onHeaders(mesh.link(winner).last, RESPONSE, false);
    expect(resets(mesh).sort()).toEqual(three.filter((id) => id !== winner));
    mesh.reset(winner, 2);
    expect([call.status, call.ended]).toEqual([13, true]);
    expect(mesh.sidecar.stats()).toMatchObject({
      hedgesWon: 1,
      attemptsAlive: 0,
      retriesAlive: 0,
      callsAlive: 0,
    });
    mesh.pass(1_000 * MS);
    expect(mesh.sidecar.stats().attemptsStarted).toBe(3);
  });

  it('FO-16: an answer that is not fatal is followed at once by the next, and the others go on', () => {
    const mesh = meshWith({ attempts: 4 });
    const call = mesh.call();
    mesh.pass(150 * MS);
    const [one, two] = open(mesh) as [string, string];
    mesh.refuse(one, 14);
    expect(open(mesh)).toHaveLength(2);
    expect(open(mesh)).not.toContain(one);
    // The delay begins anew with it.
    mesh.pass(99 * MS);
    expect(mesh.sidecar.stats().attemptsStarted).toBe(3);
    mesh.reply(two);
    expect(call.status).toBe(0);
    expect(mesh.sidecar.stats()).toMatchObject({ hedgesWon: 1, attemptsAlive: 0 });
  });

  it('FO-16: a fatal answer ends the call and cancels the others', () => {
    const mesh = meshWith();
    const call = mesh.call();
    mesh.pass(200 * MS);
    const three = open(mesh);
    mesh.refuse(three[1] as string, 5);
    expect([call.status, call.message]).toEqual([5, 'said the endpoint']);
    expect(resets(mesh)).toHaveLength(2);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsAlive: 0, retriesAlive: 0 });
  });

  it('FO-16, FO-09: pushback moves the next attempt, a negative one forbids it', () => {
    const later = meshWith();
    later.call();
    later.refuse('a', 14, [['grpc-retry-pushback-ms', '250']]);
    later.pass(249 * MS);
    expect(open(later)).toEqual([]);
    later.pass(1 * MS);
    expect(open(later)).toHaveLength(1);
    const never = meshWith();
    const call = never.call();
    never.pass(100 * MS);
    const [, other] = open(never) as [string, string];
    never.refuse('a', 14, [['grpc-retry-pushback-ms', '-1']]);
    never.pass(1_000 * MS);
    expect(open(never)).toEqual([other]);
    never.refuse(other, 14);
    expect(call.status).toBe(14);
  });

  it('FO-18: with none alive and none to follow the call ends at once, with the last failure', () => {
    const mesh = meshWith({ attempts: 2 });
    const call = mesh.call();
    mesh.refuse('a', 14);
    mesh.refuse(open(mesh)[0] as string, 14);
    expect([call.status, call.message]).toEqual([14, 'said the endpoint']);
    for (const more of [
      { retryThrottling: { ...DEFAULT_THROTTLE, maxTokens: 1 } },
      { retry: { budget: 0, budgetMinConcurrent: 0 } },
      { circuitBreaker: { ...DEFAULT_BREAKER, maxRetries: 1, maxRequests: 1 } },
    ]) {
      const bounded = meshWith({}, 4, more);
      const first = bounded.call();
      if ('circuitBreaker' in more) bounded.pass(150 * MS);
      expect(bounded.sidecar.stats().attemptsStarted).toBe(1);
      bounded.refuse('a', 14);
      if ('circuitBreaker' in more) expect(bounded.sidecar.stats().attemptsStarted).toBe(2);
      else expect(first.status).toBe(14);
    }
  });

  it('FO-10, FO-11: what throttle and budget refuse is not sent, and tried again where that may change', () => {
    const mesh = meshWith({}, 4, { retry: { budget: 0, budgetMinConcurrent: 1 } });
    mesh.call();
    mesh.call();
    mesh.pass(100 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 3, retriesOverBudget: 1, retriesAlive: 1 });
    mesh.reply('a');
    expect(mesh.sidecar.stats().retriesAlive).toBe(0);
    mesh.pass(100 * MS);
    expect(mesh.sidecar.stats().attemptsStarted).toBe(4);
    const throttled = meshWith({}, 4, { retryThrottling: { ...DEFAULT_THROTTLE, maxTokens: 4 } });
    throttled.call();
    throttled.pass(100 * MS);
    for (const id of open(throttled)) throttled.refuse(id, 14);
    expect(throttled.sidecar.stats()).toMatchObject({ attemptsStarted: 3, retriesThrottled: 0 });
    throttled.call();
    throttled.pass(500 * MS);
    expect(throttled.sidecar.stats()).toMatchObject({ attemptsStarted: 4, retriesThrottled: 1 });
  });

  it('FO-07: a request that comes in pieces goes whole to every attempt', () => {
    const mesh = meshWith();
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('one '), false);
    mesh.pass(100 * MS);
    mesh.session.onData(call, Buffer.from('two '), false);
    mesh.pass(100 * MS);
    mesh.session.onTrailers(call, headerBlock([['x-end', '1']]));
    const three = open(mesh);
    expect(three.map((id) => mesh.link(id).last.text)).toEqual(['one two ', 'one two ', 'one two ']);
    expect(three.map((id) => mesh.link(id).last.trailers?.get('x-end'))).toEqual(['1', '1', '1']);
    expect(call.consumed).toBe(8);
  });

  it('FO-06: a request that grows beyond what is kept goes on with one attempt alone', () => {
    const mesh = meshWith({}, 4, { retry: { bufferBytesMax: 10 } });
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('123456'), false);
    mesh.pass(100 * MS);
    expect(open(mesh)).toHaveLength(2);
    mesh.session.onData(call, Buffer.from('789012'), true);
    const [left] = open(mesh) as [string];
    expect(open(mesh)).toHaveLength(1);
    expect(mesh.link(left).last.text).toBe('123456789012');
    mesh.pass(500 * MS);
    expect(mesh.sidecar.stats().attemptsStarted).toBe(2);
    mesh.refuse(left, 14);
    expect(call.status).toBe(14);
    // Not even one that was never processed is replayed in part.
    const refused = meshWith({}, 4, { retry: { bufferBytesMax: 10 } });
    const other = refused.call('123456789012');
    refused.reset('a', 7, true);
    expect(other.status).toBe(14);
  });

  it('FO-03, FO-20: an attempt that was never processed goes again once for free', () => {
    const mesh = meshWith({ attempts: 2 });
    const call = mesh.call();
    mesh.reset('a', 7, true);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 2, retriesTransparent: 1, hedges: 0 });
    mesh.refuse(open(mesh)[0] as string, 14);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 3, hedges: 1 });
    mesh.reply(open(mesh)[0] as string);
    expect(call.status).toBe(0);
  });

  it('MS-16, FO-15: a cancel and the deadline end every attempt', () => {
    const outlier = { ...DEFAULT_OUTLIER, consecutiveErrors: 1, maxEjectionPercent: 100 };
    for (const [happen, ejected] of [
      [(mesh: FakeMesh) => mesh.session.onReset(mesh.caller.last, 8, false), 0],
      [(mesh: FakeMesh) => mesh.pass(300 * MS), 2],
    ] as const) {
      const mesh = meshWith({ attempts: 2 }, 4, { outlier });
      mesh.call('x', [['grpc-timeout', '400m']]);
      mesh.pass(150 * MS);
      expect(open(mesh)).toHaveLength(2);
      happen(mesh);
      expect(resets(mesh)).toHaveLength(2);
      expect(mesh.sidecar.stats()).toMatchObject({ attemptsAlive: 0, callsAlive: 0, ejections: ejected });
    }
  });

  it('FO-14: the per-try limit ends one attempt, the others go on', () => {
    const mesh = meshWith({ attempts: 2 }, 4, { retry: { perTryTimeoutMs: 150 } });
    const call = mesh.call();
    mesh.pass(150 * MS);
    expect(open(mesh)).toHaveLength(1);
    mesh.pass(100 * MS);
    expect([call.status, call.message]).toEqual([
      14,
      expect.stringContaining('no answer within 150 ms per try'),
    ]);
  });

  it('FO-04: a call that is not gRPC has no hedge', () => {
    const plain = meshWith();
    const get = headerBlock([
      [':method', 'GET'],
      [':path', '/'],
    ]);
    plain.session.onHeaders(new FakeStream(1), get, true);
    const [where] = open(plain) as [string];
    plain.pass(500 * MS);
    expect(open(plain)).toEqual([where]);
    plain.reset(where, 7, true);
    expect(open(plain)).toHaveLength(1);
    plain.cut(open(plain)[0] as string);
    expect(plain.sidecar.stats().callsAlive).toBe(0);
  });

  it('OV-10: a call that waits for room is not hedged; a hedge waits for nobody', () => {
    const mesh = meshWith({}, [] as never);
    mesh.silent = true;
    mesh.endpoints(['a', 'b']);
    const [first, second] = mesh.dialled.splice(0);
    const a = mesh.connectFull(first as never);
    const b = mesh.connectFull(second as never);
    const call = mesh.call();
    mesh.pass(500 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ callsWaiting: 1, attemptsStarted: 0 });
    a.capacity = 1;
    mesh.port('a').onCapacity(false);
    b.capacity = 0;
    mesh.pass(100 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 1 });
    b.capacity = 1;
    mesh.pass(100 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 2 });
    mesh.reply('b');
    expect(call.status).toBe(0);
  });

  /** A call whose request waits for its second attempt, to `b`, and went through on its first, to `a`. */
  const halfTaken = (): [FakeMesh, FakeStream] => {
    const mesh = meshWith({ attempts: 2 }, 0);
    mesh.silent = true;
    mesh.endpoints(['a', 'b']);
    const [first, second] = mesh.dialled.splice(0);
    mesh.connect(first as never);
    mesh.connectBlocked(second as never);
    const call = mesh.call(null);
    mesh.pass(100 * MS);
    mesh.session.onData(call, Buffer.alloc(60_000), false);
    expect([call.consumed, mesh.link('a').last.body.length]).toEqual([0, 60_000]);
    return [mesh, call];
  };

  it('MS-21: what waited for the loser is given back to a caller that goes on uploading', () => {
    const [mesh, call] = halfTaken();
    mesh.port('a').onHeaders(mesh.link('a').last, RESPONSE, false);
    expect(call.consumed).toBe(60_000);
  });

  it('MS-21: so is what waited for an attempt that failed, where the other one took it', () => {
    const [mesh, call] = halfTaken();
    mesh.refuse('b', 14);
    expect(call.consumed).toBe(60_000);
    const [other, waits] = halfTaken();
    other.refuse('a', 14);
    expect(waits.consumed).toBe(0);
  });

  it('FO-18: a request that was let go of ends its call with its attempt, whatever the endpoint says of another', () => {
    const mesh = meshWith({}, 0, { retry: { bufferBytesMax: 0 } });
    mesh.silent = true;
    mesh.endpoints(['a', 'b']);
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('waits'), false);
    mesh.connectAll();
    mesh.refuse('a', 14, [['grpc-retry-pushback-ms', '500']]);
    mesh.session.onData(call, Buffer.alloc(100), false);
    expect([call.status, call.message]).toEqual([14, 'said the endpoint']);
    expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, attemptsStarted: 1, requestBytesKept: 0 });
  });

  it('OV-01: no hedge goes to an endpoint that has its fill', () => {
    const circuitBreaker = { ...DEFAULT_BREAKER, endpointMaxRequests: 1 };
    const mesh = meshWith({}, 2, { circuitBreaker });
    mesh.call();
    mesh.call();
    mesh.pass(250 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 2, hedges: 0 });
    mesh.reply('a');
    mesh.pass(100 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 3, hedges: 1 });
  });

  it('FO-18: with no endpoint left the call ends with the last failure', () => {
    const mesh = meshWith({}, 1);
    const call = mesh.call();
    mesh.pass(50 * MS);
    mesh.silent = true;
    mesh.cut('a');
    expect([call.status, call.message]).toEqual([14, expect.stringContaining('connection was lost')]);
  });
});
