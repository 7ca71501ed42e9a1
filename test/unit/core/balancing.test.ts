import { describe, expect, it } from 'vitest';
import { type BalancerConfig, DEFAULT_BALANCER, type Endpoint } from '../../../proxy/policy/config.ts';
import { seeded } from '../policy/members.ts';
import { endpoint, FakeMesh, MS } from './fake-mesh.ts';

function meshWith(balancer: Partial<BalancerConfig>, endpoints: string[] | number, retry = {}): FakeMesh {
  const config = { balancer: { ...DEFAULT_BALANCER, ...balancer }, retry };
  return new FakeMesh(endpoints, { config, random: seeded(1) });
}

/** Makes a call, answers it and tells where it went. */
function visit(mesh: FakeMesh, extra: readonly [string, string][] = []): string {
  mesh.call('x', extra as [string, string][]);
  const [where] = mesh.where() as [string];
  mesh.reply(where);
  return where;
}

const weighted = (weights: Record<string, number>): Endpoint[] =>
  Object.entries(weights).map(([id, weight]) => ({ ...endpoint(id), weight }));

describe('balancers in the machine', () => {
  it('LB-11: the header decides, and a retry goes on to another', () => {
    for (const name of ['ring_hash', 'maglev'] as const) {
      const mesh = meshWith({ name, hashHeader: 'x-user', tableSize: 101 }, 8, { backoffBaseMs: 0 });
      const homes = Array.from({ length: 40 }, (_, user) => visit(mesh, [['x-user', `u${user}`]]));
      const again = Array.from({ length: 40 }, (_, user) => visit(mesh, [['x-user', `u${user}`]]));
      expect(again).toEqual(homes);
      expect(new Set(homes).size).toBeGreaterThan(5);
      const call = mesh.call('x', [['x-user', 'u1']]);
      expect(mesh.where()).toEqual([homes[1]]);
      mesh.refuse(homes[1] as string, 14);
      mesh.pass(1 * MS);
      expect(mesh.where()).not.toEqual([homes[1]]);
      mesh.reply(mesh.where()[0] as string);
      expect(call.status).toBe(0);
    }
  });

  it('LB-14: a call without a hash key goes to a random endpoint: each has its share, in no order', () => {
    for (const name of ['ring_hash', 'maglev'] as const) {
      const mesh = meshWith({ name, hashHeader: 'x-user', pointsPerWeight: 2_000 }, 8);
      const picks = Array.from({ length: 1_600 }, () => visit(mesh));
      for (const count of Object.values(mesh.counts())) expect(Math.abs(count - 200)).toBeLessThan(60);
      // One in eight follows itself; in turn none would.
      const repeated = picks.filter((pick, at) => pick === picks[at - 1]).length;
      expect(Math.abs(repeated - 200)).toBeLessThan(60);
    }
  });

  it('LB-06: weights come from discovery and may change', () => {
    const mesh = meshWith({ name: 'weighted_round_robin' }, []);
    mesh.sidecar.handleEndpoints(weighted({ a: 1, b: 3 }));
    mesh.connectAll();
    for (let call = 0; call < 8; call++) visit(mesh);
    expect(mesh.counts()).toEqual({ a: 2, b: 6 });
    mesh.sidecar.handleEndpoints(weighted({ a: 3, b: 1 }));
    for (let call = 0; call < 40; call++) visit(mesh);
    const { a, b } = mesh.counts() as { a: number; b: number };
    expect(Math.abs(a - 32)).toBeLessThanOrEqual(1);
    expect(a + b).toBe(48);
  });

  it('LB-07: calls that wait for room count as busy', () => {
    const mesh = meshWith({ name: 'least_request' }, []);
    mesh.silent = true;
    mesh.endpoints(['a', 'b']);
    const [first, second] = mesh.dialled.splice(0);
    mesh.connectFull(first as never);
    mesh.connect(second as never);
    for (let call = 0; call < 10; call++) mesh.call();
    expect(mesh.sidecar.stats().callsWaiting).toBe(5);
    expect(mesh.counts()).toEqual({ a: 0, b: 5 });
  });

  it('peak EWMA sees how long a response took to begin, and failures of every kind', () => {
    const retry = { attempts: 1, perTryTimeoutMs: 400 };
    const costs: Record<string, (mesh: FakeMesh, id: string) => void> = {
      slow: (mesh, id) => {
        mesh.pass(300 * MS);
        mesh.reply(id);
      },
      refuses: (mesh, id) => mesh.refuse(id, 14),
      resets: (mesh, id) => mesh.reset(id, 2),
      hangs: (mesh) => mesh.pass(401 * MS),
      'lets the deadline pass': (mesh) => mesh.pass(350 * MS),
    };
    for (const [kind, happen] of Object.entries(costs)) {
      const mesh = meshWith({ name: 'p2c_ewma' }, ['a', 'b'], retry);
      // Each is called for the first time, since nothing is known of the other yet.
      const deadline = kind === 'lets the deadline pass' ? '300m' : '900m';
      mesh.call('x', [['grpc-timeout', deadline]]);
      const [bad] = mesh.where() as [string];
      happen(mesh, bad);
      mesh.call();
      const [good] = mesh.where() as [string];
      expect(good, kind).not.toBe(bad);
      mesh.pass(10 * MS);
      mesh.reply(good);
      for (let call = 0; call < 5; call++) expect(visit(mesh), kind).toBe(good);
    }
  });

  it('of two endpoints with one address the first counts', () => {
    const mesh = meshWith({}, ['a']);
    mesh.sidecar.handleEndpoints([endpoint('a'), endpoint('b'), { ...endpoint('b'), draining: true }]);
    mesh.connectAll();
    mesh.sidecar.handleEndpoints([endpoint('a'), endpoint('b'), { ...endpoint('b'), draining: true }]);
    expect(mesh.sidecar.clusters().map(({ id, draining }) => [id, draining])).toEqual([
      ['a', false],
      ['b', false],
    ]);
  });
});
