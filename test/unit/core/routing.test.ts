/** Several clusters behind one machine: routes, splits, policies of routes, changed requests, copies. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SIDECAR_CONFIG, type SidecarConfig } from '../../../proxy/policy/config.ts';
import { MIRROR_BYTES_MAX } from '../../../proxy/core/mirror.ts';
import type { ClusterPolicies, MatchConfig, RouteConfig } from '../../../proxy/policy/routes/config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { endpoint, FakeMesh, type FakeStream, type MeshOptions, MS, request } from './fake-mesh.ts';

const { routing: _routing, tag: _tag, drainMs: _drainMs, ...POLICIES } = DEFAULT_SIDECAR_CONFIG;
const { balancer, retry, timeout } = POLICIES;

const to = (cluster: string, more: Partial<RouteConfig> & { match?: MatchConfig } = {}): RouteConfig => ({
  name: cluster,
  match: {},
  targets: [{ cluster, weight: 1, policies: null }],
  mirror: null,
  rewrite: null,
  ...more,
});

/** A machine with the cluster 'default' (a) and clusters named after their one endpoint. */
function meshOf(routes: RouteConfig[], clusters: string[] = ['b'], options: MeshOptions = {}): FakeMesh {
  const routing = { clusters: clusters.map((name) => ({ name, policies: POLICIES })), routes };
  const mesh = new FakeMesh(1, { ...options, config: { ...options.config, routing } });
  for (const name of clusters) mesh.sidecar.handleEndpoints([endpoint(name)], name);
  if (!mesh.silent) mesh.connectAll();
  return mesh;
}

/** How many streams each endpoint got. */
const counts = (mesh: FakeMesh) => mesh.counts();
const header = (stream: FakeStream, name: string) => stream.headers?.get(name);

describe('routes', () => {
  it('send a call to their cluster; without one it ends UNIMPLEMENTED', () => {
    const mesh = meshOf([
      to('b', { match: { headers: { 'x-canary': '*' } } }),
      to('default', { match: { method: 'My*' } }),
    ]);
    mesh.call('hi', [['x-canary', '1']]);
    mesh.call();
    expect(counts(mesh)).toEqual({ a: 1, b: 1 });
    // Each is counted once, wherever it went.
    expect(mesh.sidecar.stats()).toMatchObject({ callsStarted: 2, attemptsStarted: 2 });
    const stream = mesh.call('hi', [['x-canary', '1']]);
    mesh.reply('b');
    expect(stream.status).toBe(0);
    const lost = meshOf([to('b', { match: { method: 'Other' } })]).call();
    expect([lost.status, lost.message]).toEqual([12, expect.stringContaining('no route takes this call')]);
  });

  it('a cluster without endpoints, or with none that can be used, is named to the caller', () => {
    const mesh = meshOf([to('b')]);
    mesh.sidecar.handleEndpoints([], 'b');
    const empty = mesh.call();
    expect([empty.status, empty.message]).toEqual([14, 'cluster b: no endpoint is known']);
    const other = meshOf([to('b')]);
    other.silent = true;
    other.cut('b');
    expect(other.call().message).toContain('cluster b: no endpoint can be used (b (b:1): connection lost');
  });

  it('a call waits for its own cluster, and is let go when that is up', () => {
    const mesh = meshOf([to('b')], ['b'], { silent: true });
    mesh.sidecar.handleEndpoints([endpoint('b')], 'b');
    const call = mesh.call();
    expect(call.status).toBe(-1);
    expect(mesh.sidecar.settled).toBe(false);
    mesh.connectAll();
    mesh.reply('b');
    expect(call.status).toBe(0);
  });

  it('the set of a cluster that is not there is not kept; a route cannot name one', () => {
    const mesh = meshOf([to('b')]);
    mesh.sidecar.handleEndpoints([endpoint('x')], 'nowhere');
    expect(mesh.sidecar.clusters().map(({ id, cluster }) => `${cluster} ${id}`)).toEqual([
      'default a',
      'b b',
    ]);
    expect(() => meshOf([to('c')])).toThrow('no cluster c');
  });

  it('ready as soon as some cluster can be used; else each says why not', () => {
    const mesh = meshOf([to('b')]);
    mesh.cut('a');
    expect([mesh.sidecar.ready, mesh.sidecar.notReadyReason]).toEqual([true, '']);
    mesh.silent = true;
    mesh.cut('b');
    expect(mesh.sidecar.ready).toBe(false);
    expect(mesh.sidecar.notReadyReason).toMatch(/^no endpoint can be used \(a .*; cluster b: no endpoint/);
  });

  it('at the end of its time calls of all clusters end, and a drain waits for all', () => {
    const mesh = meshOf([to('b')]);
    const call = mesh.call();
    mesh.sidecar.drain();
    mesh.pass(60 * MS);
    expect(mesh.sidecar.drained).toBe(false);
    mesh.sidecar.endCalls();
    expect([call.status, mesh.sidecar.drained]).toEqual([14, true]);
  });
});

describe('what a route has of its own', () => {
  const own = (change: Partial<ClusterPolicies>): RouteConfig =>
    to('b', { targets: [{ cluster: 'b', weight: 1, policies: { ...POLICIES, ...change } }] });

  it('its timeout and its retries, with the endpoints of the cluster', () => {
    const mesh = meshOf([own({ timeout: { ...timeout, callMs: 50 }, retry: { ...retry, attempts: 1 } })]);
    const refused = mesh.call();
    mesh.refuse('b', 14);
    expect(refused.status).toBe(14);
    const slow = mesh.call();
    mesh.pass(51 * MS);
    expect(slow.status).toBe(4);
    expect(counts(mesh)).toEqual({ a: 0, b: 2 });
    expect(mesh.sidecar.stats()).toMatchObject({ callsStarted: 2, callsAlive: 0, attemptsAlive: 0 });
  });

  it('its hash header', () => {
    const ring = { ...balancer, name: 'ring_hash' as const, hashHeader: 'x-one' };
    const cluster = { name: 'b', policies: { ...POLICIES, balancer: ring } };
    const byOther = { ...POLICIES, balancer: { ...ring, hashHeader: 'x-other' } };
    const routing = {
      clusters: [cluster],
      routes: [to('b', { targets: [{ cluster: 'b', weight: 1, policies: byOther }] })],
    };
    const mesh = new FakeMesh([], { config: { routing } });
    mesh.sidecar.handleEndpoints(
      [...'bcdefgh'].map((id) => endpoint(id)),
      'b',
    );
    mesh.connectAll();
    for (let call = 0; call < 30; call++)
      mesh.call('hi', [
        ['x-one', String(call)],
        ['x-other', 'same'],
      ]);
    expect(Object.values(counts(mesh)).filter((count) => count > 0)).toEqual([30]);
  });

  it('its rate limit, one for all its targets', () => {
    const rateLimit = { perSecond: 1, burst: 3, status: 8 };
    const targets = ['default', 'b'].map((cluster) => ({
      cluster,
      weight: 1,
      policies: { ...POLICIES, rateLimit },
    }));
    let next = 0;
    const mesh = meshOf([to('b', { targets })], ['b'], { random: () => (next++ % 2) / 2 });
    const statuses = Array.from({ length: 5 }, () => mesh.call().status);
    expect(statuses).toEqual([-1, -1, -1, 8, 8]);
    expect(Object.values(counts(mesh)).sort()).toEqual([1, 2]);
  });

  it('outliers stay the cluster’s; their figures are those of all clusters', () => {
    const config: Partial<SidecarConfig> = {};
    const mesh = meshOf([own({})], ['b'], { config });
    expect(mesh.sidecar.stats()).toMatchObject({ ejections: 0, endpointsEjected: 0 });
  });
});

it('each cluster has its own retry budget, and all count together in the figures', () => {
  const none = { ...POLICIES, retry: { ...retry, budget: 0, budgetMinConcurrent: 1 } };
  const routing = {
    clusters: ['b', 'c'].map((name) => ({ name, policies: none })),
    routes: [to('b', { match: { headers: { to: 'b' } } }), to('c')],
  };
  const mesh = new FakeMesh([], { config: { routing } });
  for (const name of ['b', 'c']) mesh.sidecar.handleEndpoints([endpoint(name)], name);
  mesh.connectAll();
  const first = mesh.call('hi', [['to', 'b']]);
  mesh.refuse('b', 14);
  const second = mesh.call('hi', [['to', 'b']]);
  mesh.refuse('b', 14);
  expect([first.status, second.status]).toEqual([-1, 14]);
  const other = mesh.call();
  mesh.refuse('c', 14);
  expect(other.status).toBe(-1);
  expect(mesh.sidecar.stats()).toMatchObject({
    callsStarted: 3,
    callsAlive: 2,
    retriesAlive: 2,
    retriesOverBudget: 1,
    connectionsDownstream: 1,
    connectionsUpstream: 2,
  });
  expect(mesh.sidecar.stats().callsByStatus[14]).toBe(1);
  expect(mesh.sidecar.callsAlive).toBe(2);
});

describe('splits', () => {
  it('by weight, with the random numbers that the machine is given', () => {
    let next = 0;
    const draws = [0, 0.74, 0.75, 0.99];
    const random = () => draws[next++ % draws.length] as number;
    const targets = [
      { cluster: 'default', weight: 75, policies: null },
      { cluster: 'b', weight: 25, policies: null },
    ];
    const mesh = meshOf([to('b', { targets })], ['b'], { random });
    next = 0;
    for (let call = 0; call < 8; call++) mesh.call();
    expect(counts(mesh)).toEqual({ a: 4, b: 4 });
  });
});

describe('rewrite', () => {
  it('the endpoint is told what the route says; equal requests are rewritten once', () => {
    const mesh = meshOf([
      to('b', { rewrite: { service: 'other.Service', authority: 'else', set: { 'x-a': '1' } } }),
    ]);
    const block = request();
    for (const stream of [mesh.call(), mesh.call()]) expect(stream.status).toBe(-1);
    const first = mesh.link('b').streams[0] as FakeStream;
    expect(first.headers?.path).toBe('/other.Service/MyMethod');
    expect([header(first, ':authority'), header(first, 'x-a')]).toEqual(['else', '1']);
    const again = { id: 99, user: null, queuedBytes: 0, narrow: false };
    mesh.session.onHeaders(again, block, true);
    mesh.session.onHeaders({ ...again, id: 101 }, block, true);
    const [one, two] = mesh.link('b').streams.slice(-2) as [FakeStream, FakeStream];
    expect(one.headers).toBe(two.headers);
  });
});

describe('copies', () => {
  const mirrored = (change: Partial<NonNullable<RouteConfig['mirror']>> = {}, options: MeshOptions = {}) =>
    meshOf(
      [to('b', { mirror: { cluster: 'c', share: 1, concurrentMax: 2, ...change } })],
      ['b', 'c'],
      options,
    );
  const copy = (mesh: FakeMesh): FakeStream => mesh.link('c').last;

  it('get all of the request, marked; their answers go nowhere', () => {
    const mesh = mirrored();
    const call = mesh.call('hello');
    expect(copy(mesh).text).toBe('hello');
    expect([header(copy(mesh), ':authority'), header(copy(mesh), 'x-meshwright-mirror')]).toEqual([
      'mesh-shadow',
      'true',
    ]);
    expect(header(mesh.link('b').last, 'x-meshwright-mirror')).toBeUndefined();
    mesh.reply('c', 'the copy');
    expect([call.text, call.status]).toEqual(['', -1]);
    mesh.reply('b', 'the call');
    expect([call.text, call.status]).toEqual(['the call', 0]);
    expect(mesh.sidecar.stats()).toMatchObject({
      callsStarted: 1,
      callsEnded: 1,
      mirrorsStarted: 1,
      attemptsAlive: 0,
    });
  });

  it('outlast the call, and it them', () => {
    const mesh = mirrored();
    mesh.call();
    mesh.reply('b');
    expect(copy(mesh).resetCode).toBeNull();
    mesh.reply('c');
    const second = mesh.call();
    mesh.refuse('c', 14);
    mesh.reply('b');
    expect(second.status).toBe(0);
    expect(mesh.link('c').streams).toHaveLength(2);
  });

  it('a request without a body, and one that ends in trailers', () => {
    const mesh = mirrored();
    mesh.session.onHeaders({ id: 7, user: null, queuedBytes: 0, narrow: false }, request(), true);
    expect(copy(mesh).ended).toBe(true);
    const stream = mesh.call(null);
    mesh.session.onData(stream, Buffer.from('x'), false);
    mesh.session.onTrailers(stream, headerBlock([['x-end', '1']]));
    expect([copy(mesh).text, copy(mesh).trailers?.get('x-end')]).toEqual(['x', '1']);
  });

  it('a call that ends before its request is whole takes its copy along', () => {
    const mesh = mirrored();
    const stream = mesh.call(null);
    const first = copy(mesh);
    mesh.session.onReset(stream, 8, false);
    expect(first.resetCode).toBe(8);
    mesh.call(null);
    mesh.refuse('b', 5);
    expect(copy(mesh).resetCode).toBe(8);
  });

  it('MS-25: get nothing of a message that ends its call for its length', () => {
    const clusters = [
      { name: 'b', policies: { ...POLICIES, messageLimit: { requestBytesMax: 10, responseBytesMax: 10 } } },
      { name: 'c', policies: POLICIES },
    ];
    const routes = [to('b', { mirror: { cluster: 'c', share: 1, concurrentMax: 2 } })];
    const mesh = new FakeMesh(1, { config: { routing: { clusters, routes } } });
    for (const { name } of clusters) mesh.sidecar.handleEndpoints([endpoint(name)], name);
    mesh.connectAll();
    const stream = mesh.call(null);
    mesh.session.onData(stream, Buffer.from([0, 0, 0, 0, 11, ...Array<number>(11).fill(7)]), true);
    expect(stream.status).toBe(8);
    expect([copy(mesh).body, copy(mesh).resetCode]).toEqual([[], 8]);
  });

  it('a copy that ended earlier is left alone', () => {
    const mesh = mirrored();
    const stream = mesh.call(null);
    mesh.refuse('c', 5);
    mesh.session.onData(stream, Buffer.from('late'), false);
    mesh.session.onTrailers(stream, headerBlock([['x-end', '1']]));
    mesh.reply('b');
    expect([copy(mesh).text, stream.status]).toEqual(['', 0]);
  });

  it('there are so many at a time, and no more', () => {
    const mesh = mirrored();
    for (let call = 0; call < 5; call++) mesh.call();
    expect(counts(mesh)).toEqual({ a: 0, b: 5, c: 2 });
    expect(mesh.sidecar.stats()).toMatchObject({ mirrorsStarted: 2, mirrorsDropped: 3 });
    mesh.reply('c');
    mesh.call();
    expect(counts(mesh)['c']).toBe(3);
  });

  it('take nothing of a rate that calls have', () => {
    const rateLimit = { perSecond: 1, burst: 4, status: 8 };
    const mesh = mirrored({ cluster: 'default', concurrentMax: 100 }, { config: { rateLimit } });
    const statuses = Array.from({ length: 5 }, () => mesh.call().status);
    expect(statuses).toEqual([-1, -1, -1, -1, -1]);
    expect(counts(mesh)['a']).toBe(5);
  });

  it('a share of the calls', () => {
    let draw = 0;
    const mesh = mirrored({ share: 0.5, concurrentMax: 100 }, { random: () => (draw++ % 4) / 4 });
    for (let call = 0; call < 20; call++) mesh.call();
    expect(counts(mesh)['c']).toBe(10);
  });

  it('one whose endpoint takes nothing is given up, and the call goes on', () => {
    const mesh = mirrored({}, { silent: true });
    mesh.sidecar.handleEndpoints([endpoint('b')], 'b');
    for (const port of mesh.dialled.splice(0)) {
      if (port.endpoint.id === 'c') mesh.connectBlocked(port);
      else mesh.connect(port);
    }
    const stream = mesh.call(null);
    const chunk = new Uint8Array(MIRROR_BYTES_MAX / 4);
    for (let sent = 0; sent < 6; sent++) mesh.session.onData(stream, chunk, sent === 5);
    expect(copy(mesh).resetCode).toBe(8);
    expect(copy(mesh).body).toHaveLength(MIRROR_BYTES_MAX + chunk.length);
    mesh.reply('b');
    expect(stream.status).toBe(0);
  });

  it('one that nobody answers ends by itself, and at the end of the sidecar’s time', () => {
    const mesh = mirrored();
    mesh.call();
    mesh.reply('b');
    mesh.pass(15_001 * MS);
    expect(copy(mesh).resetCode).toBe(8);
    mesh.call();
    mesh.reply('b');
    mesh.sidecar.endCalls();
    expect(copy(mesh).resetCode).toBe(8);
    const own = meshOf([to('b', { mirror: { cluster: 'default', share: 1, concurrentMax: 1 } })], ['b'], {
      config: { timeout: { ...timeout, callMs: 40 } },
    });
    own.call();
    own.pass(41 * MS);
    expect(own.link('a').last.resetCode).toBe(8);
  });

  it('a call that the sidecar answers at once is not copied', () => {
    const mesh = mirrored();
    mesh.sidecar.handleEndpoints([], 'b');
    expect(mesh.call().status).toBe(14);
    expect(counts(mesh)['c']).toBe(0);
  });
});
