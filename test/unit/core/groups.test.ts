import { describe, expect, it } from 'vitest';
import {
  type BalancerConfig,
  DEFAULT_BALANCER,
  DEFAULT_HEALTH,
  type Endpoint,
} from '../../../proxy/policy/config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { seeded } from '../policy/members.ts';
import { endpoint, FakeMesh, MS, RESPONSE } from './fake-mesh.ts';

function meshOf(endpoints: readonly Endpoint[], balancer: Partial<BalancerConfig> = {}, more = {}): FakeMesh {
  const config = { balancer: { ...DEFAULT_BALANCER, ...balancer }, ...more };
  const mesh = new FakeMesh([], { config, random: seeded(1) });
  mesh.sidecar.handleEndpoints(endpoints);
  mesh.connectAll();
  return mesh;
}

/** Makes calls, answers them, and counts where they went. */
function visits(mesh: FakeMesh, calls: number): Record<string, number> {
  const seen: Record<string, number> = {};
  for (let call = 0; call < calls; call++) {
    mesh.call();
    const [where] = mesh.where() as [string];
    mesh.reply(where);
    seen[where] = (seen[where] ?? 0) + 1;
  }
  return seen;
}

const at = (id: string, priority: number, more: Partial<Endpoint> = {}): Endpoint => ({
  ...endpoint(id),
  priority,
  ...more,
});

/** Whose health checks say what `round` is told, in two rounds: who is not among `well` is ill. */
function checkedMesh(endpoints: readonly Endpoint[], balancer: Partial<BalancerConfig>) {
  const health = {
    ...DEFAULT_HEALTH,
    mode: 'check' as const,
    unhealthyThreshold: 1,
    jitter: 0,
    intervalMs: 100,
  };
  const mesh = meshOf(endpoints, balancer, { health });
  const check = (id: string, serving: boolean) => {
    const stream = mesh.link(id).open[0];
    if (stream === undefined) return;
    mesh.port(id).onHeaders(stream, RESPONSE, false);
    mesh.port(id).onData(stream, Uint8Array.from([0, 0, 0, 0, 2, 8, serving ? 1 : 2]), false);
    mesh.port(id).onTrailers(stream, headerBlock([['grpc-status', '0']]));
  };
  const round = (well: string) => {
    for (const { id } of endpoints) check(id, well.includes(id));
    mesh.pass(100 * MS);
    for (const { id } of endpoints) check(id, well.includes(id));
  };
  const pickable = () =>
    mesh.sidecar
      .clusters()
      .filter((one) => one.pickable)
      .map(({ id }) => id)
      .join('');
  return { mesh, round, pickable };
}

describe('groups in the machine', () => {
  it('LB-01: there are none where neither priority nor locality means anything: one round robin over all', () => {
    const flat = { priorities: 'ignore', localities: 'ignore' } as const;
    const mesh = meshOf([at('a', 0), at('b', 1, { locality: 'far' }), at('c', 2)], flat);
    expect(visits(mesh, 9)).toEqual({ a: 3, b: 3, c: 3 });
    mesh.silent = true;
    mesh.cut('b');
    expect(visits(mesh, 8)).toEqual({ a: 4, c: 4 });
  });

  it('LB-21: localities count where priorities mean nothing', () => {
    const mesh = meshOf(
      [at('a', 0, { locality: 'x', localityWeight: 1 }), at('b', 1, { locality: 'y', localityWeight: 3 })],
      {
        priorities: 'ignore',
        localities: 'weighted',
      },
    );
    const { a = 0, b = 0 } = visits(mesh, 100);
    expect([Math.abs(a - 25) <= 2, Math.abs(b - 75) <= 2]).toEqual([true, true]);
  });

  it('LB-20: calls leave a priority whose endpoints are lost, and come back', () => {
    const mesh = meshOf([at('a', 0), at('b', 0), at('c', 1)]);
    expect(visits(mesh, 10)).toEqual({ a: 5, b: 5 });
    mesh.silent = true;
    mesh.cut('a');
    const during = visits(mesh, 100);
    expect(during['b']).toBeGreaterThan(66);
    expect(during['b']).toBeLessThan(74);
    mesh.cut('b');
    expect(visits(mesh, 10)).toEqual({ c: 10 });
    mesh.connectAll();
    expect(visits(mesh, 10)).toEqual({ a: 5, b: 5 });
  });

  it('LB-20: as gRPC has it one that is ready is enough', () => {
    const mesh = meshOf([at('a', 0), at('b', 0), at('c', 1)], { priorities: 'a56' });
    mesh.silent = true;
    mesh.cut('a');
    expect(visits(mesh, 10)).toEqual({ b: 10 });
    mesh.cut('b');
    expect(visits(mesh, 10)).toEqual({ c: 10 });
  });

  it('discovery may change priority, locality and their weights at any time', () => {
    const mesh = meshOf([at('a', 0), at('b', 1)], { localities: 'weighted' });
    expect(visits(mesh, 4)).toEqual({ a: 4 });
    mesh.sidecar.handleEndpoints([at('a', 1), at('b', 0)]);
    expect(visits(mesh, 4)).toEqual({ b: 4 });
    mesh.sidecar.handleEndpoints([
      at('a', 0, { locality: 'x' }),
      at('b', 0, { locality: 'y', localityWeight: 3 }),
    ]);
    const seen = visits(mesh, 400);
    expect(Math.abs((seen['b'] as number) - 300)).toBeLessThan(5);
    mesh.sidecar.handleEndpoints([at('a', 0, { locality: 'x' }), at('b', 0, { locality: 'y' })]);
    expect(Math.abs((visits(mesh, 400)['b'] as number) - 200)).toBeLessThan(5);
  });

  it('LB-18, LB-19: nobody panics while other priorities can bear the calls', () => {
    const { round, pickable } = checkedMesh([at('a', 0), at('b', 0), at('c', 1)], { panicThreshold: 0.7 });
    round('abc');
    expect(pickable()).toBe('abc');
    round('c');
    expect(pickable()).toBe('c');
    round('');
    expect(pickable()).toBe('abc');
    round('c');
    expect(pickable()).toBe('c');
  });

  it.each(['envoy', 'ignore'] as const)(
    'LB-18, LB-19: in panic all bear the calls alike, in whatever locality; priorities: %s',
    (priorities) => {
      const zones = ['a', 'b', 'c', 'd'].map((id, index) =>
        at(id, 0, { locality: index < 2 ? 'x' : 'y', localityWeight: index < 2 ? 3 : 1 }),
      );
      for (const localities of ['weighted', 'nearest'] as const) {
        const balancer = { priorities, localities, ownLocality: 'x', panicThreshold: 0.5 };
        const { mesh, round } = checkedMesh(zones, balancer);
        round('ab');
        expect(Object.keys(visits(mesh, 100)).sort()).toEqual(['a', 'b']);
        round('a');
        for (const count of Object.values(visits(mesh, 400))) expect(Math.abs(count - 100)).toBeLessThan(5);
        round('abcd');
        const { a = 0, b = 0 } = visits(mesh, 400);
        expect(Math.abs(a + b - (localities === 'weighted' ? 300 : 400))).toBeLessThan(5);
      }
    },
  );

  it('LB-23: a subset is all that it connects to, and a change brings one', () => {
    const all = Array.from({ length: 20 }, (_, index) => endpoint(`n${index}`));
    const mesh = meshOf(all, { subsetSize: 5, subsetKey: 'me' });
    const before = mesh.sidecar.clusters().map(({ id }) => id);
    expect(before).toHaveLength(5);
    expect(Object.keys(visits(mesh, 20)).sort()).toEqual([...before].sort());
    mesh.sidecar.handleEndpoints(all.filter(({ id }) => id !== before[0]));
    mesh.connectAll();
    const after = mesh.sidecar.clusters().map(({ id }) => id);
    expect(after).toHaveLength(5);
    expect(after.filter((id) => !before.includes(id))).toHaveLength(1);
  });

  it('LB-22: calls go to members of the subset only, and fail where none of them can be used', () => {
    const all = Array.from({ length: 20 }, (_, index) => endpoint(`n${index}`));
    const mesh = meshOf(all, { subsetSize: 2, subsetKey: 'me' });
    const own = mesh.sidecar.clusters().map(({ id }) => id);
    mesh.silent = true;
    mesh.cut(own[0] as string);
    expect(Object.keys(visits(mesh, 10))).toEqual([own[1]]);
    mesh.cut(own[1] as string);
    expect(mesh.call().status).toBe(14);
    expect(mesh.where()).toEqual([]);
  });

  it('LB-26: reports in trailers make weights; a malformed one is counted and means nothing', () => {
    const balancer = {
      name: 'weighted_round_robin',
      loadReports: true,
      blackoutMs: 0,
      weightUpdateMs: 100,
    } as const;
    const mesh = meshOf([endpoint('a'), endpoint('b')], balancer);
    const report = (busy: number) => {
      const octets = new DataView(new ArrayBuffer(18));
      octets.setUint8(0, 0x09);
      octets.setFloat64(1, busy, true);
      octets.setUint8(9, 0x31);
      octets.setFloat64(10, 100, true);
      return Buffer.from(octets.buffer).toString('base64');
    };
    const run = (calls: number, text: (id: string) => string) => {
      const seen: Record<string, number> = { a: 0, b: 0 };
      for (let call = 0; call < calls; call++) {
        mesh.pass(10 * MS);
        mesh.call();
        const [where] = mesh.where() as [string];
        seen[where] = (seen[where] as number) + 1;
        const more = [['endpoint-load-metrics-bin', text(where)]] as [string, string][];
        if (call % 2 === 0) mesh.refuse(where, 5, more);
        else {
          mesh.port(where).onHeaders(mesh.link(where).last, RESPONSE, false);
          mesh.port(where).onTrailers(mesh.link(where).last, headerBlock([['grpc-status', '0'], ...more]));
        }
      }
      return seen;
    };
    expect(run(20, () => '%%%')).toEqual({ a: 10, b: 10 });
    expect(mesh.sidecar.stats()).toMatchObject({ loadReports: 0, loadReportsMalformed: 20 });
    run(40, (id) => report(id === 'a' ? 0.25 : 0.75));
    const seen = run(400, (id) => report(id === 'a' ? 0.25 : 0.75));
    expect(Math.abs((seen['a'] as number) - 300)).toBeLessThan(4);
    expect(mesh.sidecar.stats()).toMatchObject({ loadReports: 440, loadReportsMalformed: 20 });
    visits(mesh, 4);
    expect(mesh.sidecar.stats().loadReports).toBe(440);
  });

  it('LB-27: pick_first takes turns between families of addresses, sticks, and goes on when its endpoint fails', () => {
    const hosts = ['[::1]:1', '[::1]:2', '10.0.0.1:1', '10.0.0.2:1'];
    const mesh = meshOf(
      hosts.map((address) => ({ address, id: address, draining: false })),
      { name: 'pick_first' },
    );
    mesh.silent = true;
    const order: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const [where] = Object.keys(visits(mesh, 3)) as [string];
      order.push(where);
      mesh.cut(where);
    }
    expect(order).toEqual(['[::1]:1', '10.0.0.1:1', '[::1]:2', '10.0.0.2:1']);
    mesh.connectAll();
    visits(mesh, 1);
    mesh.cut('[::1]:1');
    expect(visits(mesh, 3)).toEqual({ '10.0.0.1:1': 3 });
    mesh.connectAll();
    expect(visits(mesh, 3)).toEqual({ '10.0.0.1:1': 3 });
  });
});
