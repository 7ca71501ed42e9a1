/** One address that is in two clusters: everything that is known of it is known by each cluster for itself. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_HEALTH, DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { DEFAULT_BREAKER, DEFAULT_OUTLIER } from '../../../proxy/policy/failover-config.ts';
import type { ClusterPolicies, RouteConfig } from '../../../proxy/policy/routes/config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, type FakeStream, MS, RESPONSE } from './fake-mesh.ts';

const { routing: _routing, tag: _tag, drainMs: _drainMs, ...DEFAULTS } = DEFAULT_SIDECAR_CONFIG;
const POLICIES: ClusterPolicies = { ...DEFAULTS, retry: { ...DEFAULTS.retry, attempts: 1 } };

const to = (cluster: string): RouteConfig => ({
  name: cluster,
  match: { headers: { to: cluster } },
  targets: [{ cluster, weight: 1, policies: null }],
  mirror: null,
  rewrite: null,
});

/** The clusters b and c have one endpoint each, at one address; in the tests it is called by its cluster. */
class Shared extends FakeMesh {
  constructor(ofC: Partial<ClusterPolicies> = {}) {
    const clusters = [
      { name: 'b', policies: POLICIES },
      { name: 'c', policies: { ...POLICIES, ...ofC } },
    ];
    super([], { config: { routing: { clusters, routes: [to('b'), to('c')] } } });
    for (const cluster of ['b', 'c']) this.join(cluster);
  }

  join(cluster: string): void {
    this.sidecar.handleEndpoints([{ id: cluster, address: 'shared:1', draining: false }], cluster);
    this.connectAll();
  }

  leave(cluster: string): void {
    this.sidecar.handleEndpoints([], cluster);
  }

  send(cluster: string): FakeStream {
    return this.call('hi', [['to', cluster]]);
  }

  pickable(): boolean[] {
    return this.sidecar.clusters().map(({ pickable }) => pickable);
  }
}

describe('one address in two clusters', () => {
  it('DC-02: has connections of each; leaving one cluster ends its calls in no hurry, and those of the other not at all', () => {
    const mesh = new Shared();
    const [inB, inC] = [mesh.send('b'), mesh.send('c')];
    const [linkB, linkC] = [mesh.link('b'), mesh.link('c')];
    expect([linkB.streams.length, linkC.streams.length]).toEqual([1, 1]);
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(2);
    mesh.leave('c');
    expect(mesh.send('c').status).toBe(14);
    mesh.pass(5_000 * MS);
    expect([inB.ended, inC.ended, linkB.closed, linkC.closed]).toEqual([false, false, false, false]);
    mesh.reply('c');
    expect([inC.status, linkC.closed, linkB.closed]).toEqual([0, true, false]);
    const another = mesh.send('b');
    mesh.reply('b');
    expect([another.status, linkB.open.length]).toEqual([0, 1]);
    expect(mesh.sidecar.clusters()).toMatchObject([{ id: 'b', cluster: 'b', address: 'shared:1' }]);
  });

  it('a connection that one loses is not the other’s', () => {
    const mesh = new Shared();
    const [inB, inC] = [mesh.send('b'), mesh.send('c')];
    mesh.cut('c');
    expect([inB.ended, inC.status]).toEqual([false, 14]);
    expect(mesh.link('b').closed).toBe(false);
  });

  it('its health is asked by each, and counts there alone', () => {
    const mesh = new Shared({ health: { ...DEFAULT_HEALTH, unhealthyThreshold: 1, jitter: 0 } });
    const check = mesh.link('c').last;
    expect(check.headers?.path).toBe('/grpc.health.v1.Health/Check');
    expect(mesh.link('b').streams).toEqual([]);
    const port = mesh.port('c');
    port.onHeaders(check, RESPONSE, false);
    port.onData(check, Uint8Array.of(0, 0, 0, 0, 2, 8, 2), false);
    port.onTrailers(check, headerBlock([['grpc-status', '0']]));
    expect(mesh.pickable()).toEqual([true, false]);
    expect(mesh.sidecar.clusters().map(({ healthy }) => healthy)).toEqual([true, false]);
    expect([mesh.send('b').ended, mesh.send('c').status]).toEqual([false, 14]);
  });

  it('DC-06: its errors eject it where they happened, and are forgotten when it comes to that cluster anew', () => {
    const outlier = { ...DEFAULT_OUTLIER, consecutiveErrors: 2, maxEjectionPercent: 100 };
    const mesh = new Shared({ outlier });
    for (let errors = 0; errors < 2; errors++) {
      mesh.send('c');
      mesh.refuse('c', 14);
    }
    expect(mesh.sidecar.clusters().map(({ ejected }) => ejected)).toEqual([false, true]);
    expect(mesh.pickable()).toEqual([true, false]);
    mesh.leave('c');
    mesh.join('c');
    expect(mesh.pickable()).toEqual([true, true]);
    expect(mesh.link('b').closed).toBe(false);
  });

  it('a circuit breaker counts the calls of its own cluster', () => {
    const mesh = new Shared({ circuitBreaker: { ...DEFAULT_BREAKER, maxRequests: 1, maxPending: 1 } });
    for (let calls = 0; calls < 3; calls++) expect(mesh.send('b').ended).toBe(false);
    expect(mesh.send('c').ended).toBe(false);
    expect(mesh.send('c').status).toBe(14);
    expect(mesh.send('b').ended).toBe(false);
  });
});
