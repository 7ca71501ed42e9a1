/** Clusters and routes that change while calls go on: what stays, what is new, what leaves and when. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { DEFAULT_OUTLIER } from '../../../proxy/policy/failover-config.ts';
import type { ClusterPolicies, RouteConfig, RoutingConfig } from '../../../proxy/policy/routes/config.ts';
import { endpoint, FakeMesh, type MeshOptions, MS } from './fake-mesh.ts';

const { routing: _routing, tag: _tag, drainMs: _drainMs, ...POLICIES } = DEFAULT_SIDECAR_CONFIG;
const { timeout, retry } = POLICIES;
const LOOK_MS = 1_000;

const to = (cluster: string, more: Partial<RouteConfig> = {}): RouteConfig => ({
  name: cluster,
  match: {},
  targets: [{ cluster, weight: 1, policies: null }],
  mirror: null,
  rewrite: null,
  ...more,
});

const table = (
  names: readonly string[],
  routes: readonly RouteConfig[],
  policies: ClusterPolicies = POLICIES,
): RoutingConfig => ({ clusters: names.map((name) => ({ name, policies })), routes });

/** Every cluster has one endpoint, which has its name. */
function reroute(mesh: FakeMesh, routing: RoutingConfig | null): void {
  mesh.sidecar.handleRouting(routing);
  for (const { name } of routing?.clusters ?? []) mesh.sidecar.handleEndpoints([endpoint(name)], name);
  if (!mesh.silent) mesh.connectAll();
}

function meshOf(routing: RoutingConfig, options: MeshOptions = {}): FakeMesh {
  const mesh = new FakeMesh([], options);
  reroute(mesh, routing);
  return mesh;
}

const closed = (mesh: FakeMesh, id: string): boolean => mesh.link(id).closed;

describe('routes at run time', () => {
  it('DC-12: a call ends where it began, and the cluster that is named no more stays until then, retries included', () => {
    const mesh = meshOf(table(['b'], [to('b')]));
    const [one, two] = [mesh.call(), mesh.call()];
    reroute(mesh, table(['c'], [to('c')]));
    const after = mesh.call();
    mesh.reply('c');
    expect(after.status).toBe(0);
    mesh.pass(3 * LOOK_MS * MS);
    expect(closed(mesh, 'b')).toBe(false);
    mesh.refuse('b', 14);
    // The retry goes to the only endpoint that its cluster has.
    mesh.pass(500 * MS);
    mesh.reply('b');
    expect(two.status).toBe(0);
    expect(mesh.sidecar.clusters().map(({ id }) => id)).toEqual(['c']);
    mesh.sidecar.endCalls();
    expect(one.status).toBe(14);
    mesh.pass(LOOK_MS * MS);
    expect(closed(mesh, 'b')).toBe(true);
    expect(mesh.sidecar.stats()).toMatchObject({ callsStarted: 3, callsAlive: 0, attemptsAlive: 0 });
  });

  it('what says the same as before keeps its connections; what says something else begins anew', () => {
    const mesh = meshOf(table(['b', 'c'], [to('b', { match: { method: 'Other' } }), to('c')]));
    const before = [mesh.link('b'), mesh.link('c')];
    reroute(mesh, table(['b', 'c'], [to('b')]));
    expect([mesh.link('b'), mesh.link('c')]).toEqual(before);
    mesh.call();
    expect(mesh.counts()).toEqual({ b: 1, c: 0 });
    const changed = { ...POLICIES, timeout: { ...timeout, callMs: 5 } };
    reroute(mesh, {
      clusters: [
        { name: 'b', policies: changed },
        { name: 'c', policies: POLICIES },
      ],
      routes: [to('b')],
    });
    expect(mesh.link('b')).not.toBe(before[0]);
    expect(mesh.link('c')).toBe(before[1]);
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(3);
    const call = mesh.call();
    mesh.pass(6 * MS);
    expect(call.status).toBe(4);
  });

  it('a cluster that is named again before it left has its connections still', () => {
    const mesh = meshOf(table(['b'], [to('b')]));
    const held = mesh.call();
    const link = mesh.link('b');
    reroute(mesh, table(['c'], [to('c')]));
    mesh.pass(2 * LOOK_MS * MS);
    reroute(mesh, table(['b'], [to('b')]));
    expect(mesh.link('b')).toBe(link);
    mesh.reply('b');
    expect(held.status).toBe(0);
    mesh.pass(2 * LOOK_MS * MS);
    expect([closed(mesh, 'b'), closed(mesh, 'c')]).toEqual([false, true]);
  });

  it('a call that waits for a connection gets it, though its cluster is named no more', () => {
    const mesh = new FakeMesh([], { silent: true });
    reroute(mesh, table(['b'], [to('b')]));
    const call = mesh.call();
    reroute(mesh, table(['c'], [to('c')]));
    expect(mesh.sidecar.settled).toBe(false);
    mesh.pass(LOOK_MS * MS - 1);
    mesh.connectAll();
    mesh.reply('b');
    expect(call.status).toBe(0);
    expect(mesh.sidecar.settled).toBe(true);
  });

  it('what a route has of its own stays for its calls, and outlives the route only so long', () => {
    const own = { ...POLICIES, retry: { ...retry, attempts: 1 }, timeout: { ...timeout, callMs: 3_500 } };
    const mine = to('b', { targets: [{ cluster: 'b', weight: 1, policies: own }] });
    const mesh = meshOf(table(['b'], [mine]));
    const call = mesh.call();
    reroute(mesh, table(['b'], [to('b')]));
    mesh.pass(3_499 * MS);
    expect(call.status).toBe(-1);
    mesh.pass(1 * MS);
    expect(call.status).toBe(4);
    mesh.pass(LOOK_MS * MS);
    expect(mesh.sidecar.nextTimeoutNs).toBe(Infinity);
    expect(mesh.sidecar.stats()).toMatchObject({ callsStarted: 1, callsEnded: 1, connectionsUpstream: 1 });
  });

  it('a limit of a route that did not change goes on counting; two that say the same are apart', () => {
    const limited = { ...POLICIES, rateLimit: { perSecond: 1, burst: 1, status: 8 } };
    const route = (method: string): RouteConfig =>
      to('b', { match: { method }, targets: [{ cluster: 'b', weight: 1, policies: limited }] });
    const routes = [route('My*'), route('Other')];
    const mesh = meshOf(table(['b'], routes));
    mesh.call();
    expect(mesh.call().status).toBe(8);
    reroute(mesh, table(['b', 'c'], [to('c', { match: { headers: { x: '1' } } }), ...routes]));
    expect(mesh.call().status).toBe(8);
    // The other one's limit has not been touched.
    reroute(mesh, table(['b', 'c'], [to('c', { match: { method: 'None' } }), routes[0] as RouteConfig]));
    expect(mesh.call().status).toBe(8);
    const other = meshOf(table(['b'], routes));
    reroute(other, table(['b'], [route('None'), route('My*')]));
    other.call();
    expect(other.call().status).toBe(8);
  });

  it('routes with one list of targets are one: their limit is, too', () => {
    const limited = { ...POLICIES, rateLimit: { perSecond: 1, burst: 1, status: 8 } };
    const shared = to('b', { targets: [{ cluster: 'b', weight: 1, policies: limited }] });
    const mesh = meshOf(
      table(
        ['b'],
        [
          { ...shared, match: { headers: { x: '1' } } },
          { ...shared, match: { method: 'My*' } },
        ],
      ),
    );
    mesh.call('hi', [['x', '1']]);
    expect(mesh.call().status).toBe(8);
  });

  it('copies go on to the cluster that is named, and end with the route that copied', () => {
    const copying = (cluster: string): RouteConfig =>
      to('b', { mirror: { cluster, share: 1, concurrentMax: 9 } });
    const mesh = meshOf(table(['b', 'c'], [copying('c')]));
    mesh.call();
    reroute(mesh, table(['b', 'c', 'd'], [copying('c'), to('d')]));
    mesh.call();
    expect(mesh.counts()).toEqual({ b: 2, c: 2, d: 0 });
    reroute(mesh, table(['b', 'd'], [copying('d')]));
    mesh.call();
    expect(mesh.counts()).toEqual({ b: 3, c: 2, d: 1 });
    // The copies that nobody answers have their own deadline, and the cluster waits for them.
    mesh.pass(10_000 * MS);
    expect(closed(mesh, 'c')).toBe(false);
    mesh.pass(7_000 * MS);
    expect(closed(mesh, 'c')).toBe(true);
  });

  it('a mirror to a cluster that began anew is made anew', () => {
    const copying = to('b', { mirror: { cluster: 'c', share: 1, concurrentMax: 9 } });
    const mesh = meshOf(table(['b', 'c'], [copying]));
    const link = mesh.link('c');
    const changed = { ...POLICIES, timeout: { ...timeout, connectMs: 5 } };
    reroute(mesh, {
      clusters: [
        { name: 'b', policies: POLICIES },
        { name: 'c', policies: changed },
      ],
      routes: [copying],
    });
    mesh.call();
    expect(mesh.counts()).toEqual({ b: 1, c: 1 });
    expect(mesh.link('c')).not.toBe(link);
  });

  it('without routes calls go to the one cluster there is, and what was refused for want of a route stays counted', () => {
    const mesh = meshOf(table([], []));
    expect(mesh.call().status).toBe(12);
    mesh.sidecar.handleRouting(null);
    const none = mesh.call();
    expect([none.status, none.message]).toEqual([14, 'no endpoint is known']);
    expect([mesh.sidecar.ready, mesh.sidecar.notReadyReason]).toEqual([false, 'no endpoint is known']);
    mesh.endpoints(['a']);
    mesh.call();
    mesh.reply('a');
    mesh.pass(2 * LOOK_MS * MS);
    const { callsByStatus, callsStarted, callsEnded } = mesh.sidecar.stats();
    expect([callsStarted, callsEnded, callsByStatus[12], callsByStatus[14], callsByStatus[0]]).toEqual([
      3, 3, 1, 1, 1,
    ]);
  });

  it('a cluster may have the name of the one outside of clusters, and stands in its place', () => {
    const mesh = meshOf(table(['default'], [to('default')]));
    mesh.call();
    expect(mesh.counts()).toEqual({ default: 1 });
    expect(mesh.sidecar.clusters()).toHaveLength(1);
    expect(mesh.sidecar.ready).toBe(true);
  });

  it('not ready: says why of the clusters that routes lead to', () => {
    const mesh = meshOf(table(['b'], [to('b')]));
    mesh.sidecar.handleEndpoints([], 'b');
    expect([mesh.sidecar.ready, mesh.sidecar.notReadyReason]).toEqual([
      false,
      'cluster b: no endpoint is known',
    ]);
  });

  it('what was counted of a cluster that is gone stays counted, ejections too, and none of its timers runs on', () => {
    const outlier = { ...DEFAULT_OUTLIER, consecutiveErrors: 1, maxEjectionPercent: 1 };
    const watched = { ...POLICIES, outlier, retry: { ...retry, attempts: 1 } };
    const mesh = new FakeMesh([]);
    const both = table(['b'], [to('b')], watched);
    mesh.sidecar.handleRouting(both);
    mesh.sidecar.handleEndpoints([endpoint('b'), endpoint('x')], 'b');
    mesh.connectAll();
    for (const id of ['b', 'x']) {
      mesh.call();
      mesh.refuse(id, 14);
    }
    const before = mesh.sidecar.stats();
    expect(before).toMatchObject({ ejections: 1, ejectionsOverCap: 1, endpointsEjected: 1 });
    reroute(mesh, table(['c'], [to('c')]));
    mesh.pass(2 * LOOK_MS * MS);
    const { connectionsUpstream, endpointsEjected, ...rest } = before;
    expect(mesh.sidecar.stats()).toMatchObject({
      ...rest,
      connectionsUpstream: 1,
      endpointsEjected: 0,
      timersArmed: 0,
    });
    expect([connectionsUpstream, endpointsEjected]).toEqual([2, 1]);
    expect(mesh.sidecar.nextTimeoutNs).toBe(Infinity);
  });

  it('a route without targets ends its calls as if there were none', () => {
    const mesh = meshOf(table(['b'], [to('b', { match: { method: 'My*' }, targets: [] }), to('b')]));
    expect(mesh.call().status).toBe(12);
    expect(mesh.counts()).toEqual({ b: 0 });
  });

  it('a drain waits for calls of clusters that have left, too', () => {
    const mesh = meshOf(table(['b'], [to('b')]));
    mesh.call();
    reroute(mesh, table(['c'], [to('c')]));
    mesh.sidecar.drain();
    mesh.pass(60 * MS);
    expect(mesh.sidecar.drained).toBe(false);
    mesh.reply('b');
    expect(mesh.sidecar.drained).toBe(true);
  });
});

describe('the longest deadline', () => {
  it('bounds what a caller asks for, and what holds where it asks for nothing', () => {
    const bounded = { ...timeout, callMs: 90, callMaxMs: 50 };
    const mesh = new FakeMesh(1, { config: { timeout: bounded } });
    for (const [asked, told] of [
      ['80m', 50],
      ['20m', 20],
    ] as const) {
      mesh.call('hi', [['grpc-timeout', asked]]);
      expect(mesh.link('a').last.timeoutNs).toBe(told * MS);
    }
    const call = mesh.call();
    mesh.pass(51 * MS);
    expect(call.status).toBe(4);
    const alone = new FakeMesh(1, { config: { timeout: { ...timeout, callMaxMs: 50 } } });
    alone.call();
    expect(alone.link('a').last.timeoutNs).toBe(50 * MS);
  });
});

it('a ring without a header to hash sends each call anywhere', () => {
  let next = 0;
  const ring = { ...POLICIES.balancer, name: 'ring_hash' as const };
  const mesh = new FakeMesh(8, { config: { balancer: ring }, random: () => (next = (next + 0.37) % 1) });
  for (let n = 0; n < 64; n++) mesh.call();
  expect(Object.values(mesh.counts()).filter((count) => count > 0).length).toBeGreaterThan(5);
});
