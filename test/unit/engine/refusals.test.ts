/** Whatever cannot be run is refused when the scenario is declared, with what is wrong, where, and what to write instead. */
import { describe, expect, test } from 'vitest';
import { MeshwrightError } from '../../../sim/base/errors.ts';
import { failover } from '../../../sim/checks/failover.ts';
import { noLostRequests } from '../../../sim/checks/no-lost-requests.ts';
import { load } from '../../../sim/engine/load.ts';
import { runScenario } from '../../../sim/engine/run.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';
import type { FaultClock } from '../../../sim/spec/scenario.ts';

const GOOD = {
  mesh: { services: { greeter: { instances: 3 } } },
  load: load.open({ ratePerSecond: 100, forMs: 2_000 }),
  checks: [noLostRequests()],
};

const FOLLOWING = { discovery: { kind: 'xds' } };

function refusal(name: unknown, spec: unknown): MeshwrightError {
  try {
    defineScenario(name as string, spec as Parameters<typeof defineScenario>[1]);
  } catch (error) {
    expect(error).toBeInstanceOf(MeshwrightError);
    expect((error as MeshwrightError).code).toBe('MW_SCENARIO');
    expect((error as MeshwrightError).remedy).not.toBeNull();
    return error as MeshwrightError;
  }
  throw new Error('it was accepted');
}

const greeters = (instances: unknown, more: object = {}) => ({
  mesh: { services: { greeter: { instances, ...more } } },
});
const faults = (list: (at: FaultClock<string>) => unknown) => ({ faults: list });
type Row = [string, object, RegExp];

describe('the mesh', () => {
  test.each<Row>([
    ['zero instances', greeters(0), /'instances' is 0 .*mesh\.services\.greeter.*whole number from 1/],
    ['half an instance', greeters(2.5), /'instances' is 2\.5/],
    ['too many', greeters(10_001), /'instances' is 10001.*10000/],
    ['no service', { mesh: { services: {} } }, /it has 0 services/],
    ['two services', { mesh: { services: { a: {}, b: {} } } }, /it has 2 services.*exactly one/],
    ['no mesh', { mesh: undefined }, /names no mesh/],
    ['a bad name', { mesh: { services: { 'a/b': { instances: 1 } } } }, /'a\/b' cannot name a service/],
    ['a negative latency', greeters(1, { latency: load.constant(-1) }), /'ms' is -1/],
    ['p99 below the median', greeters(1, { latency: load.lognormal({ medianMs: 9, p99Ms: 3 }) }), /p99Ms/],
    [
      'a setting that the balancer does not have',
      { mesh: { ...GOOD.mesh, sidecar: { balancer: { name: 'maglev', choices: 2 } } } },
      /the balancer maglev has no use for balancer.choices/,
    ],
    [
      'a weight of nothing',
      { mesh: { services: { greeter: { instances: 2, weights: [1, 0] } } } },
      /'weights' is 0/,
    ],
    [
      'no such balancer',
      { mesh: { ...GOOD.mesh, sidecar: { balancer: 'fastest' as 'random' } } },
      /there is no balancer "fastest"/,
    ],
    [
      'six attempts',
      { mesh: { ...GOOD.mesh, sidecar: { retry: { attempts: 6 } } } },
      /retry\.attempts: 6 is not a whole number from 1 to 5/,
    ],
    [
      'too large a budget',
      { mesh: { ...GOOD.mesh, sidecar: { retry: { budget: 101 } } } },
      /retry\.budget: 101 is not a number from 0 to 100/,
    ],
    ['no sidecar', { mesh: { ...GOOD.mesh, sidecar: { replicas: 0 } } }, /'replicas' is 0/],
    [
      'another discovery',
      { mesh: { ...GOOD.mesh, sidecar: { discovery: { kind: 'dns' } } } },
      /'discovery' is \{"kind":"dns"\}.*write discovery/,
    ],
    [
      'a lease that is too short',
      { mesh: { ...GOOD.mesh, sidecar: { discovery: { kind: 'registry', ttlMs: 1 } } } },
      /'discovery.ttlMs' is 1/,
    ],
    [
      'a setting that a registry has not',
      { mesh: { ...GOOD.mesh, sidecar: { discovery: { kind: 'registry', ttl: 1 } } } },
      /discovery has no setting 'ttl'.*ttlMs/,
    ],
    [
      'a setting that discovery has not',
      { mesh: { ...GOOD.mesh, sidecar: { discovery: { kind: 'xds', variants: 'delta' } } } },
      /discovery has no setting 'variants'/,
    ],
    [
      'a variant that is none',
      { mesh: { ...GOOD.mesh, sidecar: { discovery: { kind: 'xds', variant: 'both' } } } },
      /unknown variant "both"/,
    ],
    [
      'a cluster of a control plane that no route leads to',
      {
        mesh: {
          ...GOOD.mesh,
          sidecar: { ...FOLLOWING, clusters: { b: { instances: [1] } }, routes: [{ cluster: 'default' }] },
        },
      },
      /no route leads to the cluster b.*give it a weight of 0/,
    ],
    [
      'a section of a cluster that xDS has no word for',
      {
        mesh: {
          ...GOOD.mesh,
          sidecar: {
            ...FOLLOWING,
            clusters: { b: { instances: [1], health: {} } },
            routes: [{ cluster: 'b' }],
          },
        },
      },
      /clusters\.b\.health: it cannot be told over xDS/,
    ],
    [
      'a match that xDS has no word for',
      {
        mesh: {
          ...GOOD.mesh,
          sidecar: { ...FOLLOWING, routes: [{ match: { method: 'Get' }, cluster: 'default' }] },
        },
      },
      /service \* with method Get cannot be told over xDS/,
    ],
    [
      'a registry and clusters',
      {
        mesh: {
          ...GOOD.mesh,
          sidecar: {
            discovery: { kind: 'registry' },
            clusters: { b: { instances: [1] } },
            routes: [{ cluster: 'b' }],
          },
        },
      },
      /'discovery' and 'clusters' are given/,
    ],
    [
      'versions that are neither',
      { mesh: { ...GOOD.mesh, sidecar: { discovery: { kind: 'xds', versions: 'new' } } } },
      /'versions' is "new"/,
    ],
  ])('%s', (_what, change, words) => {
    expect(refusal('refused', { ...GOOD, ...change }).toString()).toMatch(words);
  });
});

describe('what the sidecar would refuse of its own configuration', () => {
  test.each<[object, RegExp]>([
    [{ outlier: 3 }, /wrong at outlier/],
    [
      {
        discovery: { kind: 'xds' },
        clusters: { b: { instances: [2] } },
        routes: [{ cluster: 'b', retry: { attempts: 9 } }],
      },
      /routes\.0\.retry\.attempts: 9 is not/,
    ],
    [{ outlier: { maxEjectionPercent: 101 } }, /outlier\.maxEjectionPercent: 101 is not/],
    [{ outlier: { cap: 'other' } }, /"other" is none of a50, envoy/],
    [{ outlier: { errorStatuses: [17] } }, /outlier\.errorStatuses/],
    [{ outlier: { successRate: { minHosts: -1 } } }, /outlier\.successRate\.minHosts: -1 is not/],
    [{ helth: {} }, /no setting 'helth'.*the nearest is health/],
    [
      { hedging: {}, retry: { attempts: 2 } },
      /retried or hedged.*mesh\.sidecar, retry\.attempts.*leave hedging out/,
    ],
    [{ retry: { atempts: 2 } }, /unknown key "atempts" at retry.*the nearest is attempts/],
    [{ retry: { perTryTimeoutMs: 9 }, timeout: { callMs: 8 } }, /may take 9 ms, and the call 8 ms/],
    [{ balancer: { name: 'random', panicThreshold: 0.5 } }, /without health checks/],
    [{ balancer: { name: 'maglev', tableSize: 100 } }, /cannot be filled evenly.*balancer\.tableSize/],
    [{ health: { mode: 'watch', unhealthyThreshold: 2 } }, /counts at once.*health\.unhealthyThreshold/],
    [{ outlier: { maxEjectionPercent: 0 } }, /nobody may be ejected/],
    [{ loadShed: {} }, /no limit of calls in flight/],
    [{ rateLimit: { status: 7 } }, /7 is none of 8, 14/],
    [{ waitForReady: { maxPending: 6 }, circuitBreaker: { maxPending: 5 } }, /never reached/],
    [
      {
        clusters: { b: { instances: [2], hedging: {}, retry: { attempts: 2 } } },
        routes: [{ cluster: 'b' }],
      },
      /clusters\.b\.retry\.attempts/,
    ],
    [
      { clusters: { b: { instances: [2] } }, routes: [{ cluster: 'default' }] },
      /no route leads to the cluster b/,
    ],
    [{ discovery: { kind: 'xds', backoffBaseMs: 50, backoffMaxMs: 20 } }, /"20" is not a number from 50/],
  ])('%j', (sidecar, words) => {
    expect(refusal('refused', { ...GOOD, mesh: { ...GOOD.mesh, sidecar } }).toString()).toMatch(words);
  });
});

describe('load and checks', () => {
  test.each<Row>([
    ['no load', { load: undefined }, /it has no load/],
    [
      'a negative rate',
      { load: load.open({ ratePerSecond: -5, forMs: 100 }) },
      /'ratePerSecond' is -5 .*, load/,
    ],
    ['NaN', { load: load.open({ ratePerSecond: Number.NaN, forMs: 100 }) }, /'ratePerSecond' is NaN/],
    ['no time', { load: load.open({ ratePerSecond: 5, forMs: 0 }) }, /'forMs' is 0/],
    ['for ever', { load: load.open({ ratePerSecond: 5, forMs: Infinity }) }, /'forMs' is Infinity/],
    ['no clients', { load: load.closed({ clients: 0, forMs: 100 }) }, /'clients' is 0/],
    [
      'a half path',
      { load: load.open({ ratePerSecond: 5, forMs: 9, method: 'MyMethod' }) },
      /'method' is "MyMethod"/,
    ],
    ['no checks', { checks: [] }, /no checks, so nothing could turn red/],
    ['no list of checks', { checks: noLostRequests() }, /no checks/],
    ['what is no check', { checks: [noLostRequests] }, /is not a check/],
    ['one check twice', { checks: [noLostRequests(), noLostRequests()] }, /noLostRequests stands twice/],
    ['no such world', { worlds: ['imaginary'] }, /'worlds' is \["imaginary"\]/],
  ])('%s', (_what, change, words) => {
    expect(refusal('refused', { ...GOOD, ...change }).toString()).toMatch(words);
  });

  test('a limit that makes no sense is refused where it is written', () => {
    expect(() => failover({ withinMs: -1 })).toThrow(/'withinMs' is -1/);
    expect(() => failover({} as { withinMs: number })).toThrow(/'withinMs' is undefined/);
  });
});

describe('routes', () => {
  const sidecar = (routing: object) => ({ mesh: { ...GOOD.mesh, sidecar: routing } });
  const clusters = { next: { instances: [2] } };
  test.each<Row>([
    ['clusters without routes', sidecar({ clusters }), /no route leads to a cluster.*sidecar\.clusters/],
    ['no routes', sidecar({ routes: [] }), /no route leads to a cluster/],
    [
      'a reserved name',
      sidecar({ clusters: { default: { instances: [1] } }, routes: [{}] }),
      /cannot name a cluster/,
    ],
    [
      'no instances',
      sidecar({ clusters: { a: { instances: [] } }, routes: [{}] }),
      /it has no instances.*clusters\.a/,
    ],
    [
      'a stranger',
      sidecar({ clusters: { a: { instances: [3] } }, routes: [{}] }),
      /there is no instance 3.*0 to 2/,
    ],
    [
      'one instance twice',
      sidecar({ clusters: { a: { instances: [1] }, b: { instances: [1, 2, 1] } }, routes: [{}] }),
      /instance 1 stands there twice.*clusters\.b/,
    ],
    [
      'leaving a cluster that it is not in',
      {
        ...sidecar({ clusters, routes: [{ cluster: 'next' }] }),
        ...faults((at) => [at(100).relist('greeter/1', { cluster: 'next' })]),
      },
      /the instance is not in the cluster "next".*it is in default/,
    ],
    [
      'leaving a cluster without a name',
      faults((at) => [at(100).relist('greeter/1', { cluster: 7 as unknown as string })]),
      /'cluster' is 7.*name of one of its clusters/,
    ],
    ['nowhere', sidecar({ clusters, routes: [{}] }), /it leads nowhere/],
    [
      'two ways',
      sidecar({ clusters, routes: [{ cluster: 'next', split: { next: 1 } }] }),
      /both cluster and split/,
    ],
    [
      'an unknown cluster',
      sidecar({ clusters, routes: [{ cluster: 'nxt' }] }),
      /no cluster "nxt".*default, next/,
    ],
    [
      'an unknown cluster for copies',
      sidecar({ clusters, routes: [{ cluster: 'next', mirror: { cluster: 'x' } }] }),
      /no cluster "x"/,
    ],
    [
      'nothing left for the default one',
      sidecar({ clusters: { a: { instances: [0, 1, 2] } }, routes: [{ cluster: 'default' }] }),
      /no cluster "default".*clusters are a/,
    ],
    ['a negative weight', sidecar({ clusters, routes: [{ split: { next: -1 } }] }), /'split' is/],
    ['no weight', sidecar({ clusters, routes: [{ split: { next: 0 } }] }), /all weights of the split are 0/],
    [
      'no copies',
      sidecar({ clusters, routes: [{ cluster: 'next', mirror: { cluster: 'next', share: 0 } }] }),
      /'share' is 0/,
    ],
    [
      'half a copy',
      sidecar({ clusters, routes: [{ cluster: 'next', mirror: { cluster: 'next', concurrentMax: 0.5 } }] }),
      /'concurrentMax' is 0\.5/,
    ],
  ])('%s', (_what, change, words) => {
    expect(refusal('refused', { ...GOOD, ...change }).toString()).toMatch(words);
  });
});

describe('faults', () => {
  test.each<Row>([
    [
      'an unknown instance',
      faults((at) => [at(5).kill('greeter/9')]),
      /unknown instance 'greeter\/9'.*kill of "greeter\/9" at 5 ms.*greeter\/0 to greeter\/2/,
    ],
    [
      'an unknown service',
      faults((at) => [at(5).kill('biller/0')]),
      /unknown service 'biller'.*'greeter' only/,
    ],
    [
      'a fault of a control plane that nobody follows',
      faults((at) => [at(5).xds.drop('sidecar/0')]),
      /follow no control plane/,
    ],
    [
      'routes of a control plane that nobody follows',
      faults((at) => [at(5).xds.routes([{ cluster: 'default' }])]),
      /follow no control plane/,
    ],
    [
      'other routes where there are none',
      {
        ...faults((at) => [at(5).xds.routes([{ cluster: 'default' }])]),
        mesh: { ...GOOD.mesh, sidecar: FOLLOWING },
      },
      /there are no routes to replace/,
    ],
    ...(
      [
        [[{ cluster: 'b' }], /there is no cluster "b"/],
        [[], /no route leads to a cluster/],
        [[{ cluster: 'default', rateLimit: {} }], /routes\.0\.rateLimit: it cannot be told over xDS/],
      ] as const
    ).map(
      ([routes, words]): Row => [
        `other routes: ${JSON.stringify(routes)}`,
        {
          ...faults((at) => [at(5).xds.routes(routes as never)]),
          mesh: { ...GOOD.mesh, sidecar: { ...FOLLOWING, routes: [{ cluster: 'default' }] } },
        },
        words,
      ],
    ),
    [
      'a fault of a registry that nobody follows',
      faults((at) => [at(5).registry.crash()]),
      /follow no registry/,
    ],
    [
      'an unknown sidecar',
      faults((at) => [at(5).sidecar.crash('sidecar/1')]),
      /there is no "sidecar\/1".*there are sidecar\/0 to sidecar\/0/,
    ],
    [
      'no sidecar',
      faults((at) => [at(5).sidecar.crash('greeter/1' as 'sidecar/1')]),
      /there is no "greeter\/1"/,
    ],
    [
      'a drained sidecar drained again',
      faults((at) => [at(5).sidecar.drain('sidecar/0'), at(9).sidecar.reload('sidecar/0')]),
      /"sidecar\/0" is gone by then \(sidecar\.drain at 5 ms\).*name another sidecar/,
    ],
    [
      'all sidecars drained',
      faults((at) => [at(5).sidecar.drain(), at(9).sidecar.reload()]),
      /no sidecar is left for it by then/,
    ],
    ['no target', faults((at) => [at(5).kill('greeter' as 'greeter/0')]), /"greeter" is not a target/],
    [
      'outside the run',
      faults((at) => [at('2s').kill('greeter/0')]),
      /outside the run, which lasts 2000 ms.*move it before/,
    ],
    ['no time', faults((at) => [at('soon' as '1s').kill('greeter/0')]), /at\("soon"\) is not a time/],
    ['before the run', faults((at) => [at(-5).kill('greeter/0')]), /at\(-5\) is not a time|outside the run/],
    [
      'the dead killed again',
      faults((at) => [at(5).kill('greeter/0'), at(9).kill('greeter/0')]),
      /'greeter\/0' is dead by then \(kill at 5 ms\)/,
    ],
    [
      'the gone restarted',
      faults((at) => [at(5).remove('greeter/0'), at(9).restart('greeter/0')]),
      /is gone by then \(remove at 5 ms\)/,
    ],
    [
      'no status',
      faults((at) => [at(5).failStatus('greeter/0', {} as { status: number })]),
      /'status' is missing/,
    ],
    [
      'share above one',
      faults((at) => [at(5).failStatus('greeter/0', { status: 14, share: 2 })]),
      /'share' is 2/,
    ],
    [
      'a share of nothing',
      faults((at) => [at(5).failStatus('greeter/0', { status: 14, share: 0 })]),
      /would do nothing/,
    ],
    [
      'a misspelt parameter',
      faults((at) => [at(5).pause('greeter/0', { For: 5 } as unknown as { for: number })]),
      /unknown parameter 'For'/,
    ],
    [
      'a negative rate',
      faults((at) => [at(5).bandwidth('greeter/0', { bytesPerSecond: -1 })]),
      /'bytesPerSecond' is -1/,
    ],
    ['no list', faults(() => undefined), /returned no list/],
    ['no function', { faults: [] }, /'faults' is not a function/],
    [
      'an unknown fault',
      faults(() => [{ atMs: 5, kind: 'explode', target: 'greeter/0', params: {} }]),
      /unknown fault 'explode'.*kill, restart/,
    ],
  ])('%s', (_what, change, words) => {
    expect(refusal('refused', { ...GOOD, ...change }).toString()).toMatch(words);
  });
});

test('a name must be there, and the place names the scenario', () => {
  expect(refusal('  ', GOOD).message).toMatch(/a scenario's name is/);
  expect(refusal(undefined, GOOD).message).toMatch(/a scenario's name is undefined/);
  expect(refusal('my words', greeters(0)).place).toContain("scenario 'my words'");
});

test.each([-1, 1.5, 2 ** 32, Number.NaN])('seed %s is refused in the record', async (seed) => {
  const record = await runScenario(defineScenario('seeded', GOOD), { world: 'virtual', seed });
  expect(record.outcome).toBe('error');
  expect(record.error?.message).toMatch(/the seed is .*whole number from 0 to 4294967295/);
});
