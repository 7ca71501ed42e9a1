/** Clusters and routes of the configuration file: completed, inherited by whole sections, and refused with what was meant. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { readConfigFile } from '../../../proxy/host/config-file.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';
import { SidecarError } from '../../../proxy/policy/trouble.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-routing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function options(text: string, flags: Record<string, string> = {}) {
  const path = join(folder, 'sidecar.yaml');
  writeFileSync(path, `listen: 127.0.0.1:0\n${text}`);
  return resolveOptions(flags, readConfigFile(path));
}

const CANARY = 'clusters: { canary: { upstream: "c:1" } }\n';

describe('clusters and routes', () => {
  it('are off where they are not named', () => {
    expect(options('upstream: a:1').routing).toBeNull();
    expect(options('upstream: a:1').clusterSources).toEqual([]);
  });

  it('are complete where they are', () => {
    const { routing, clusterSources, upstream } = options(`${CANARY}upstream: a:1
routes:
  - { match: { service: 'a.*', headers: { X-User: eva } }, cluster: canary }
  - { name: rest, split: { default: 90, canary: 10 }, mirror: { cluster: canary }, rewrite: { set: { X-A: '1' }, add: { X-C: '2' }, remove: [X-B] } }
`);
    expect([upstream, clusterSources]).toEqual([
      ['a:1'],
      [{ name: 'canary', upstream: ['c:1'], endpoints: null }],
    ]);
    const { routing: _routing, tag: _tag, drainMs: _drainMs, ...policies } = DEFAULT_SIDECAR_CONFIG;
    expect(routing).toEqual({
      clusters: [{ name: 'canary', policies }],
      routes: [
        {
          name: 'route 0',
          match: { service: 'a.*', headers: { 'x-user': 'eva' } },
          targets: [{ cluster: 'canary', weight: 1, policies: null }],
          mirror: null,
          rewrite: null,
        },
        {
          name: 'rest',
          match: { headers: {} },
          targets: [
            { cluster: 'default', weight: 90, policies: null },
            { cluster: 'canary', weight: 10, policies: null },
          ],
          mirror: { cluster: 'canary', share: 1, concurrentMax: 100 },
          rewrite: { set: { 'x-a': '1' }, add: { 'x-c': '2' }, remove: ['x-b'] },
        },
      ],
    });
  });

  it('a section that a cluster or a route gives replaces the one above as a whole; flags count as the file', () => {
    const { routing } = options(
      `retry: { attempts: 4, budget: 0.5 }
balancer: { name: ring_hash, hashHeader: x-user }
health: { intervalMs: 50 }
outlier: {}
clusters:
  b: { endpoints: b.yaml, retry: { attempts: 2 }, balancer: random, health: { intervalMs: 0 } }
  c: { upstream: ["c:1", "d:2"] }
routes:
  - { match: { service: b }, cluster: b, timeout: { callMs: 30 }, rateLimit: { perSecond: 7 } }
  - { cluster: c, hashHeader: x-session, retry: { attempts: 1 } }
`,
      { 'connect-timeout-ms': '77' },
    );
    const [b, c] = routing?.clusters ?? [];
    expect(b?.policies.retry).toMatchObject({ attempts: 2, budget: DEFAULT_SIDECAR_CONFIG.retry.budget });
    expect([b?.policies.balancer.name, b?.policies.health]).toEqual(['random', null]);
    expect(c?.policies).toMatchObject({
      retry: { attempts: 4, budget: 0.5 },
      health: { intervalMs: 50 },
      timeout: { connectMs: 77 },
      balancer: { name: 'ring_hash', hashHeader: 'x-user' },
    });
    expect(c?.policies.outlier).not.toBeNull();
    const [first, second] = (routing?.routes ?? []).map(({ targets }) => targets[0]?.policies);
    expect(first).toMatchObject({
      rateLimit: { perSecond: 7 },
      timeout: { callMs: 30 },
      retry: { attempts: 2 },
      balancer: { name: 'random' },
    });
    expect(second).toMatchObject({
      retry: { attempts: 1, budget: DEFAULT_SIDECAR_CONFIG.retry.budget },
      balancer: { name: 'ring_hash', hashHeader: 'x-session' },
    });
  });

  it('without endpoints of the file’s own there is no default cluster', () => {
    expect(options(`${CANARY}routes: [{ cluster: canary }]`).upstream).toEqual([]);
  });
});

test.each([
  ['no route leads to a cluster', CANARY],
  ['no route leads to a cluster', 'upstream: a:1\nroutes: []'],
  [
    'there is no cluster "canery"',
    `${CANARY}routes: [{ cluster: canery }]`,
    'the nearest is canary; clusters are canary',
  ],
  ['there is no cluster "default"', `${CANARY}routes: [{ cluster: default }]`, 'clusters are canary'],
  ['there is no cluster "x"', 'routes: [{ cluster: x }]', 'clusters are none'],
  [
    'there is no cluster "x"',
    `${CANARY}routes: [{ cluster: canary, mirror: { cluster: x } }]`,
    'the nearest is',
  ],
  ['all weights of the split are 0', `${CANARY}routes: [{ split: { canary: 0 } }]`, 'a weight above 0'],
  ['leads nowhere', `${CANARY}routes: [{}]`, 'either cluster or split'],
  ['leads nowhere', `${CANARY}routes: [{ name: x }]`, 'either cluster or split'],
  ['both cluster and split', `${CANARY}routes: [{ cluster: canary, split: { canary: 1 } }]`],
  ['no route leads to the cluster canary', `${CANARY}upstream: a:1\nroutes: [{ cluster: default }]`],
  [
    'no call comes so far: route 0',
    `${CANARY}routes: [{ cluster: canary }, { match: { service: a }, cluster: canary }]`,
  ],
  [
    'the calls go to canary, and so do',
    `${CANARY}routes: [{ cluster: canary, mirror: { cluster: canary } }]`,
  ],
  ['the rewrite changes nothing', `${CANARY}routes: [{ cluster: canary, rewrite: {} }]`],
  [
    'x-a is both set and removed',
    `${CANARY}routes: [{ cluster: canary, rewrite: { set: { X-A: a }, remove: [x-a] } }]`,
  ],
  ['"connectMs" at routes.0.timeout', `${CANARY}routes: [{ cluster: canary, timeout: { connectMs: 5 } }]`],
  ['"a b" cannot name a cluster', 'clusters: { "a b": { upstream: "c:1" } }\nroutes: [{ cluster: x }]'],
  ['the cluster default is that of', 'clusters: { default: { upstream: "c:1" } }\nroutes: [{ cluster: x }]'],
  ['no endpoint is given', 'clusters: { a: {} }\nroutes: [{ cluster: a }]', 'either upstream or endpoints'],
  [
    'endpoints are given twice',
    'clusters: { a: { upstream: "c:1", endpoints: x } }\nroutes: [{ cluster: a }]',
  ],
  ['"c" is not HOST:PORT', 'clusters: { a: { upstream: c } }\nroutes: [{ cluster: a }]'],
  ['from 1 to 5', 'clusters: { a: { upstream: "c:1", retry: { attempts: 9 } } }\nroutes: [{ cluster: a }]'],
  ['from 1 to 5', `${CANARY}routes: [{ cluster: canary, retry: { attempts: 9 } }]`],
  ['no use for hash-header', `${CANARY}routes: [{ cluster: canary, hashHeader: x }]`],
  ['method is "G*t"', `${CANARY}routes: [{ cluster: canary, match: { method: G*t } }]`, 'one star'],
  ['x-a is "**"', `${CANARY}routes: [{ cluster: canary, match: { headers: { x-a: "**" } } }]`],
  ['"x y" names no header', `${CANARY}routes: [{ cluster: canary, match: { headers: { x y: a } } }]`],
  ['is no path of a gRPC method', `${CANARY}routes: [{ cluster: canary, rewrite: { service: a/b } }]`],
  ['/a?b/… is no path', `${CANARY}routes: [{ cluster: canary, rewrite: { service: a?b } }]`],
  ['/…/a?b is no path', `${CANARY}routes: [{ cluster: canary, rewrite: { method: a?b } }]`],
  ['cannot be sent', `${CANARY}routes: [{ cluster: canary, rewrite: { authority: "ü" } }]`],
  ['not a route', `${CANARY}routes: [{ cluster: canary, rewrite: { remove: [grpc-timeout] } }]`],
  ['unknown key "clutser" at routes.0', `${CANARY}routes: [{ clutser: canary }]`, 'the nearest is cluster'],
  [
    'unknown key "upstreams" at clusters.a',
    'clusters: { a: { upstreams: "c:1" } }',
    'the nearest is upstream',
  ],
  ['wrong at routes.0.split.canary', `${CANARY}routes: [{ split: { canary: -1 } }]`],
  [
    '257 clusters',
    `clusters: { ${Array.from({ length: 257 }, (_, at) => `c${at}: { upstream: "a:1" }`).join(', ')} }`,
  ],
])('refused: %s', (message, text, remedy = '') => {
  const trouble = (): SidecarError => {
    try {
      options(text);
    } catch (error) {
      return error as SidecarError;
    }
    throw new Error('it was accepted');
  };
  expect(trouble()).toBeInstanceOf(SidecarError);
  expect(trouble().message).toContain(message);
  expect(trouble().remedy).toContain(remedy);
  expect(trouble().place).toMatch(/configuration file|sidecar\.yaml/);
});
