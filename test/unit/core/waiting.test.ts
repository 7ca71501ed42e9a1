/** Calls that wait, for an endpoint or for room: what they keep, in which order they go on, and where they end. */
import { describe, expect, it } from 'vitest';
import { CONNECTIONS_PER_ENDPOINT_MAX } from '../../../proxy/core/upstream.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, type FakeStream, MS } from './fake-mesh.ts';

const TRAILERS = headerBlock([['x-checksum', '1']]);

describe('a call that waits for its first endpoint', () => {
  it('gets no credit beyond the replay limit, and all of it once its body is on the way', () => {
    const mesh = new FakeMesh(2, { silent: true, config: { retry: { bufferBytesMax: 10 } } });
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('12345678'), false);
    expect(call.consumed).toBe(8);
    mesh.session.onData(call, Buffer.from('90ab'), false);
    expect(call.consumed).toBe(8);
    mesh.connectAll();
    expect(mesh.link('a').last.text).toBe('1234567890ab');
    expect(call.consumed).toBe(12);
    // More than the limit was sent: nothing is kept for another attempt.
    mesh.cut('a');
    expect([call.status, mesh.where()]).toEqual([14, []]);
  });

  it('gets credit for its replayed body only when the endpoint takes it', () => {
    const mesh = new FakeMesh(1, { silent: true, config: { retry: { bufferBytesMax: 2 } } });
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('abcd'), false);
    const [port] = mesh.dialled.splice(0);
    const link = mesh.connectBlocked(port as never);
    expect(link.last.text).toBe('abcd');
    expect(call.consumed).toBe(0);
    link.last.queuedBytes = 0;
    mesh.port('a').onDrained(link.last);
    expect(call.consumed).toBe(4);
  });

  it.each(['', 'body'])('keeps its trailers too, after a body of "%s"', (body) => {
    const mesh = new FakeMesh(1, { silent: true });
    const call = mesh.call(null);
    if (body !== '') mesh.session.onData(call, Buffer.from(body), false);
    mesh.session.onTrailers(call, TRAILERS);
    mesh.connectAll();
    const sent = mesh.link('a').last;
    expect(sent.text).toBe(body);
    expect(sent.trailers?.get('x-checksum')).toBe('1');
    mesh.reply('a');
    expect(call.status).toBe(0);
  });
});

describe('calls that wait for room', () => {
  it('go on in order when one in the middle gives up', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const link = mesh.connect(mesh.dialled.splice(0)[0] as never);
    link.capacity = 0;
    const calls = ['one', 'two', 'three'].map((body) => mesh.call(body));
    mesh.session.onReset(calls[1] as FakeStream, 8, false);
    link.capacity = 1;
    mesh.port('a').onCapacity(false);
    // Only one has room: the next goes on waiting.
    expect(link.streams.map((stream) => stream.text)).toEqual(['one']);
    expect(mesh.sidecar.stats().callsWaiting).toBe(1);
    link.capacity = 9;
    mesh.port('a').onCapacity(false);
    expect(link.streams.map((stream) => stream.text)).toEqual(['one', 'three']);
    expect(mesh.sidecar.stats().callsWaiting).toBe(0);
  });

  it('open no more connections than an endpoint may have', () => {
    const mesh = new FakeMesh(1, { silent: true });
    for (let n = 0; n < CONNECTIONS_PER_ENDPOINT_MAX + 3; n++) {
      mesh.call();
      for (const port of mesh.dialled.splice(0)) mesh.connect(port).capacity = 1;
    }
    expect(mesh.sidecar.clusters()[0]?.connections).toBe(CONNECTIONS_PER_ENDPOINT_MAX);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsAlive: CONNECTIONS_PER_ENDPOINT_MAX });
    expect(mesh.sidecar.stats().callsWaiting).toBeGreaterThan(0);
    expect(mesh.dialled).toHaveLength(0);
  });

  it('go elsewhere when their endpoint leaves; one that was sent before goes as a retry', () => {
    const mesh = new FakeMesh(['a', 'b'], { silent: true });
    mesh.connectAll();
    const first = mesh.call('again');
    const at = mesh.where()[0] as string;
    const other = at === 'a' ? 'b' : 'a';
    mesh.link(other).capacity = 0;
    mesh.reset(at, 7, true);
    expect(mesh.sidecar.stats().callsWaiting).toBe(1);
    mesh.endpoints([at]);
    expect(mesh.sidecar.stats().callsWaiting).toBe(0);
    expect(mesh.link(at).last.text).toBe('again');
    expect(mesh.link(at).last.previousAttempts).toBe(1);
    mesh.reply(at);
    expect(first.status).toBe(0);
  });

  it('as a retry leave the turn of first picks alone when their endpoint leaves', () => {
    const mesh = new FakeMesh(3, { silent: true });
    mesh.connectAll();
    mesh.call('again');
    mesh.link('b').capacity = 0;
    mesh.reset('a', 7, true);
    mesh.endpoints(['a', 'c']);
    expect(mesh.link('c').last.text).toBe('again');
    mesh.call('first');
    expect(mesh.link('c').last.text).toBe('first');
  });

  it('end with the last failure when a retry finds no endpoint at all', () => {
    const mesh = new FakeMesh(1, { silent: true });
    mesh.connectAll();
    const call = mesh.call();
    mesh.cut('a');
    expect(call.status).toBe(14);
    expect(call.message).toBe('a (a:1): the connection was lost');
    expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, callsWaiting: 0, retriesAlive: 0 });
  });
});

describe('a connection that comes and goes', () => {
  it('to an endpoint that left while it was dialled is given up, and closed should it come all the same', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const [port] = mesh.dialled.splice(0);
    mesh.endpoints([]);
    expect(mesh.abandoned).toEqual([port]);
    expect(mesh.connect(port as never).closed).toBe(true);
    port?.handleDialFailed('too late');
    port?.onCapacity(false);
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(0);
    expect(mesh.sidecar.clusters()).toEqual([]);
  });

  it('counts as connected with its first room, and as failed with a GOAWAY before', () => {
    const mesh = new FakeMesh(['a', 'b'], { silent: true });
    const [a, b] = mesh.dialled.splice(0);
    const link = mesh.connectLater(a as never);
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(0);
    a?.onCapacity(false);
    b?.onCapacity(false);
    b?.onCapacity(true);
    expect(mesh.sidecar.clusters().map(({ connected }) => connected)).toEqual([true, false]);
    expect(mesh.sidecar.clusters()[1]?.trouble).toBe('cannot connect: GOAWAY before anything else');
    mesh.call('x');
    expect(link.last.text).toBe('x');
  });

  it('that is being lost takes no retry, and one that never was has nothing to lose', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const [port] = mesh.dialled.splice(0);
    port?.handleLosing();
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(0);
    const link = mesh.connect(port as never);
    const call = mesh.call();
    port?.handleLosing();
    port?.handleLosing();
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(0);
    expect(mesh.sidecar.clusters()[0]?.connected).toBe(false);
    port?.onReset(link.last, 2, false);
    expect(call.message).toContain('connection was lost');
  });

  it('of an endpoint that left is not counted twice when it breaks with a call on it', () => {
    const mesh = new FakeMesh(['a', 'b']);
    mesh.call();
    const at = mesh.where()[0] as string;
    mesh.endpoints([at === 'a' ? 'b' : 'a']);
    mesh.cut(at);
    mesh.port(at).onClose('again');
    expect(mesh.sidecar.stats()).toMatchObject({ connectionsUpstream: 1, attemptsAlive: 1 });
  });

  it('that was closed here is heard of no more', () => {
    const mesh = new FakeMesh(['a', 'b']);
    const port = mesh.port('b');
    mesh.endpoints(['a']);
    expect(mesh.link('b').closed).toBe(true);
    port.onClose('closed');
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(1);
  });

  it('says GOAWAY twice and is replaced once', () => {
    const mesh = new FakeMesh(1, { silent: true });
    mesh.connectAll();
    mesh.call();
    const port = mesh.port('a');
    port.onCapacity(true);
    port.onCapacity(true);
    expect(mesh.dialled).toHaveLength(1);
    // Nor does a third one get round the wait after a failed dial.
    mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
    port.onCapacity(true);
    expect(mesh.dialled).toHaveLength(0);
  });

  it('breaks after its GOAWAY while its successor is on the way: who waits for that goes on waiting', () => {
    const mesh = new FakeMesh(2, { silent: true, config: { retry: { attempts: 1 } } });
    mesh.connectAll();
    const under = mesh.call(null);
    const port = mesh.port('a');
    mesh.link('a').capacity = 0;
    port.onCapacity(true);
    mesh.call();
    const waits = mesh.call();
    port.onClose('gone');
    expect([under.status, waits.ended]).toEqual([14, false]);
    expect([mesh.link('b').streams.length, mesh.dialled.length]).toEqual([1, 1]);
    mesh.connectAll();
    mesh.reply('a');
    expect(waits.status).toBe(0);
  });

  it('breaks while another stands: no dial, and the endpoint stays pickable', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const first = mesh.connect(mesh.dialled.splice(0)[0] as never);
    const port = mesh.port('a');
    first.capacity = 0;
    mesh.call();
    mesh.connectAll();
    first.closed = true;
    port.onClose('gone');
    expect(mesh.dialled).toHaveLength(0);
    expect(mesh.sidecar.clusters()[0]).toMatchObject({ pickable: true, connections: 1, trouble: '' });
  });

  it('goes away while a further one waits for its next dial: the failed successor waits with it', () => {
    const mesh = new FakeMesh(1, { silent: true, random: () => 0.5 });
    const link = mesh.connect(mesh.dialled.splice(0)[0] as never);
    link.capacity = 0;
    mesh.call();
    mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
    mesh.port('a').onCapacity(true);
    mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
    const gaps: number[] = [];
    for (let ms = 1; ms <= 400; ms++) {
      mesh.pass(1 * MS);
      if (mesh.dialled.length === 0) continue;
      gaps.push(ms);
      mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
    }
    expect(gaps).toEqual([100, 356]);
  });
});

it('a stream that nobody owns any more is only given its credit back', () => {
  const mesh = new FakeMesh(1);
  const call = mesh.call();
  mesh.reply('a');
  const before = mesh.sidecar.stats();
  mesh.session.onTrailers(call, TRAILERS);
  mesh.session.onReset(call, 8, false);
  mesh.session.onDrained(call);
  mesh.session.onData(call, new Uint8Array(3), true);
  expect(call.consumed).toBe(2 + 3);
  expect(mesh.sidecar.stats()).toEqual(before);
});
