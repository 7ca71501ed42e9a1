/** What a call has to pass in the machine: rate, calls in flight, and who is refused first. */
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_BREAKER,
  DEFAULT_CONCURRENCY,
  DEFAULT_HEDGING,
  DEFAULT_LOAD_SHED,
  DEFAULT_RATE_LIMIT,
} from '../../../proxy/policy/failover-config.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { FakeMesh, type FakeStream, MS, RESPONSE } from './fake-mesh.ts';

const rateLimit = { ...DEFAULT_RATE_LIMIT, perSecond: 10, burst: 2 };

describe('the rate limit', () => {
  it('OV-06, OV-08: calls beyond it end at once with its status, are counted, and none of them is sent', () => {
    for (const status of [8, 14]) {
      const mesh = new FakeMesh(2, { config: { rateLimit: { ...rateLimit, status } } });
      const calls = Array.from({ length: 4 }, () => mesh.call(null));
      expect(calls.map((call) => call.status)).toEqual([-1, -1, status, status]);
      expect(calls[2]?.message).toBe('more than 10 calls a second');
      mesh.pass(100 * MS);
      expect(mesh.call().status).toBe(-1);
      expect(mesh.sidecar.stats()).toMatchObject({ callsRateLimited: 2, attemptsStarted: 3, retries: 0 });
    }
  });

  it('OV-06: a route that says nothing of its own shares it, one that does has its own', () => {
    const { routing: _, tag: __, drainMs: ___, ...policies } = { ...DEFAULT_SIDECAR_CONFIG, rateLimit };
    const route = (method: string, own: object) => ({
      name: method,
      match: { method },
      targets: [{ cluster: 'default', weight: 1, policies: { ...policies, ...own } }],
      mirror: null,
      rewrite: null,
    });
    const routes = [
      route('Same', { timeout: { callMs: 5, callMaxMs: 0, connectMs: 5 } }),
      route('Own', { rateLimit: { ...rateLimit, burst: 1 } }),
      route('Free', { rateLimit: null }),
      { ...route('Rest', {}), match: {} },
    ];
    const alone = new FakeMesh(2, {
      config: { circuitBreaker: DEFAULT_BREAKER, routing: { clusters: [], routes } },
    });
    const own = (): number => alone.call(null, [[':path', '/my_service.MyService/Own']]).status;
    expect([own(), own()]).toEqual([-1, 8]);
    const mesh = new FakeMesh(2, { config: { rateLimit, routing: { clusters: [], routes } } });
    const statuses = (method: string, count: number): number[] =>
      Array.from(
        { length: count },
        () => mesh.call(null, [[':path', `/my_service.MyService/${method}`]]).status,
      );
    expect(statuses('Own', 2)).toEqual([-1, 8]);
    expect(statuses('Free', 9)).not.toContain(8);
    expect([...statuses('Same', 1), ...statuses('Rest', 1), ...statuses('Same', 1)]).toEqual([-1, -1, 8]);
  });
});

describe('calls in flight', () => {
  const concurrency = {
    ...DEFAULT_CONCURRENCY,
    initial: 10,
    min: 2,
    windowMs: 1,
    minSamples: 1,
    tolerance: 0,
  };
  const low: [string, string][] = [['x-priority', 'low']];
  const again: [string, string][] = [['grpc-previous-rpc-attempts', '1']];

  it('OV-06: beyond the learned limit a call is refused at once, and the limit follows what calls take', () => {
    const mesh = new FakeMesh(2, { config: { concurrency } });
    for (let call = 0; call < 10; call++) mesh.call();
    const refused = mesh.call(null);
    expect([refused.status, refused.message]).toEqual([14, 'too many calls are in flight']);
    expect(mesh.sidecar.stats()).toMatchObject({ callsShed: 1, attemptsStarted: 10 });
    for (const [wait, id] of [
      [2, 'a'],
      [2, 'a'],
      [500, 'b'],
      [500, 'b'],
    ] as const) {
      mesh.pass(wait * MS);
      const open = mesh.link(id).open[0] as FakeStream;
      mesh.port(id).onHeaders(open, RESPONSE, false);
      mesh.port(id).onReset(open, 2, false);
    }
    // Six are still there, and the limit is lower than that by now.
    expect(mesh.sidecar.stats().attemptsAlive).toBe(6);
    expect(mesh.call().status).toBe(14);
  });

  it('OV-12: first retries are refused, then what matters little or is a retry already, then all', () => {
    const loadShed = { ...DEFAULT_LOAD_SHED, retriesAt: 0.5, lowPriorityAt: 0.8 };
    const learned = { concurrency: { ...concurrency, windowMs: 60_000 } };
    for (const bound of [learned, { circuitBreaker: { ...DEFAULT_BREAKER, maxRequests: 10 } }]) {
      const mesh = new FakeMesh(2, { config: { ...bound, loadShed, retry: { budgetMinConcurrent: 100 } } });
      for (let call = 0; call < 5; call++) mesh.call();
      mesh.refuse('a', 14);
      expect(mesh.sidecar.stats()).toMatchObject({ retries: 1, retriesShed: 0 });
      mesh.pass(500 * MS);
      const failing = mesh.call();
      mesh.refuse(mesh.link('a').last.user === null ? 'b' : 'a', 14);
      expect(mesh.sidecar.stats()).toMatchObject({ retries: 1, retriesShed: 1 });
      expect(failing.status).toBe(14);
      mesh.call();
      expect(mesh.call('x', low).status).toBe(-1);
      expect(mesh.call('x', again).status).toBe(-1);
      expect(mesh.sidecar.stats().attemptsAlive).toBe(8);
      expect([mesh.call('x', low).status, mesh.call('x', again).status]).toEqual([14, 14]);
      expect([mesh.call().status, mesh.call('x', [['x-priority', 'high']]).status]).toEqual([-1, -1]);
      expect(mesh.call().status).toBe(14);
      expect(mesh.sidecar.stats()).toMatchObject({ attemptsAlive: 10 });
    }
  });

  it('OV-07: what timed out is long, what failed or was cancelled says nothing', () => {
    const ends: [(mesh: FakeMesh, stream: FakeStream) => void, boolean][] = [
      [(mesh) => mesh.pass(300 * MS), true],
      [(mesh) => mesh.refuse('a', 5), false],
      [(mesh) => mesh.reset('a', 2), false],
      [(mesh, stream) => mesh.session.onReset(stream, 8, false), false],
    ];
    for (const [end, counts] of ends) {
      const mesh = new FakeMesh(1, {
        config: { concurrency: { ...concurrency, initial: 4 }, retry: { attempts: 1 } },
      });
      for (let call = 0; call < 3; call++) {
        mesh.call();
        mesh.pass(2 * MS);
        mesh.reply('a');
      }
      for (let time = 0; time < 3; time++) {
        const stream = mesh.call('x', [['grpc-timeout', '250m']]);
        mesh.pass(2 * MS);
        end(mesh, stream);
      }
      const admitted = Array.from({ length: 10 }, () => mesh.call().status).filter((status) => status === -1);
      expect(admitted).toHaveLength(counts ? 2 : 4);
    }
  });

  it('OV-12: hedges are refused as retries are', () => {
    const hedging = { ...DEFAULT_HEDGING, delayMs: 10 };
    const loadShed = { ...DEFAULT_LOAD_SHED, retriesAt: 0.2 };
    const mesh = new FakeMesh(2, { config: { hedging, concurrency, loadShed } });
    mesh.call();
    mesh.pass(10 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ hedges: 1, retriesShed: 0 });
    mesh.call();
    mesh.pass(10 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ hedges: 1, retriesShed: 1 });
  });

  it('OV-01: each cluster counts what is its own', () => {
    const circuitBreaker = { ...DEFAULT_BREAKER, maxRequests: 1 };
    const { routing: _, tag: __, drainMs: ___, ...policies } = { ...DEFAULT_SIDECAR_CONFIG, circuitBreaker };
    const routes = ['one', 'two'].map((cluster) => ({
      name: cluster,
      match: { method: cluster },
      targets: [{ cluster, weight: 1, policies: null }],
      mirror: null,
      rewrite: null,
    }));
    const clusters = ['one', 'two'].map((name) => ({ name, policies }));
    const mesh = new FakeMesh([], { config: { routing: { clusters, routes } } });
    for (const name of ['one', 'two']) {
      mesh.sidecar.handleEndpoints([{ id: name, address: `${name}:1`, draining: false }], name);
    }
    mesh.connectAll();
    const status = (method: string): number => mesh.call(null, [[':path', `/s/${method}`]]).status;
    expect([status('one'), status('two'), status('one'), status('two')]).toEqual([-1, -1, 14, 14]);
  });
});
