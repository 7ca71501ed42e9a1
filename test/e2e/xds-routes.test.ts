/** One control plane's routes at our sidecar and at a real Envoy: the same shares, the same ways, no call lost when they change. */
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { MeshPlan, RoutePlan } from '../../proxy/xds/plan.ts';
import { adminGet, connect, type SidecarProcess, startInstance, startProcess, until } from './sidecar-kit.ts';
import { ControlPlaneProcess, envoyMissing, EnvoyProcess, freePort } from './xds-kit.ts';

const CALLS = 2_000;
const AT_ONCE = 20;
const missing = envoyMissing();
if (missing !== null) process.stdout.write(`skipped, what needs an Envoy: ${missing}\n`);

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

/** An instance that says its cluster and what of the request was changed on the way. */
async function instance(cluster: string): Promise<string> {
  const Unary = (call: any, done: (error: null, reply: Buffer) => void): void => {
    // Two fields of one name may travel as one.
    const way = call.metadata.get('x-way').join().replaceAll(', ', ',');
    done(null, Buffer.from(way === '' ? cluster : `${cluster} by ${way}`));
  };
  const { server, address } = await startInstance({ Unary, Down: () => {}, Up: () => {}, Both: () => {} });
  leave.push(() => server.forceShutdown());
  return address;
}

interface Probe {
  headers?: Record<string, string>;
  host?: string;
}

/** What answers one call; a call that fails says so. */
function ask(client: any, { headers = {}, host }: Probe = {}): Promise<string> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const options = { deadline: Date.now() + 5_000, ...(host === undefined ? {} : { host }) };
  return new Promise((resolve) => {
    client.Unary(Buffer.from('x'), metadata, options, (error: grpc.ServiceError | null, reply?: Buffer) =>
      resolve(error === null ? (reply as Buffer).toString() : `status ${error.code}`),
    );
  });
}

async function shares(client: any): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let left = CALLS;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const who = await ask(client);
      counts.set(who, (counts.get(who) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return counts;
}

/** Within five standard deviations of what chance gives. */
function expectShares(counts: Map<string, number>, weights: Record<string, number>): void {
  const sum = Object.values(weights).reduce((all, weight) => all + weight, 0);
  expect([...counts.keys()].sort()).toEqual(Object.keys(weights).sort());
  for (const [name, weight] of Object.entries(weights)) {
    const part = weight / sum;
    const deviation = Math.sqrt(CALLS * part * (1 - part));
    expect(Math.abs((counts.get(name) ?? 0) - CALLS * part)).toBeLessThanOrEqual(5 * deviation);
  }
}

interface Rig {
  sidecar: any;
  envoy: any;
  tell(routes: RoutePlan[], clusters?: readonly string[]): Promise<void>;
}

/** Sidecar and Envoy behind one control plane, with a cluster for each name. */
async function rig(variant: 'sotw' | 'delta', names: readonly string[], routes: RoutePlan[]): Promise<Rig> {
  const near = `127.0.0.1:${await freePort()}`;
  const addresses = new Map<string, string[]>();
  for (const name of names) addresses.set(name, [await instance(name), await instance(name)]);
  const mesh = (list: RoutePlan[], of: readonly string[]): MeshPlan => ({
    clusters: Object.fromEntries(
      of.map((name) => [name, { endpoints: (addresses.get(name) ?? []).map((address) => ({ address })) }]),
    ),
    listeners: { front: { address: near, routes: list } },
  });
  const plane = new ControlPlaneProcess();
  leave.push(() => plane.end());
  plane.write(mesh(routes, names));
  await plane.start();
  const envoy = new EnvoyProcess(plane.folder, plane.listen, variant);
  leave.push(() => envoy.kill());
  const flags = ['--xds', plane.listen, '--xds-listener', 'front', '--xds-variant', variant];
  const [sidecar] = await Promise.all([startProcess(flags), envoy.ready()]);
  leave.push(() => sidecar.kill());
  const open = (address: string): any => {
    const client = connect(address);
    leave.push(() => client.close());
    return client;
  };
  const clients = { sidecar: open(sidecar.listen), envoy: open(near) };
  await until('both to answer', async () => {
    const answers = await Promise.all([ask(clients.sidecar), ask(clients.envoy)]);
    return answers.every((answer) => !answer.startsWith('status 14'));
  });
  const tell = async (list: RoutePlan[], of: readonly string[] = names): Promise<void> => {
    const [mine, theirs] = [
      await versionOf(sidecar),
      await envoy.counter('http.front.rds.front.update_success'),
    ];
    plane.write(mesh(list, of));
    await until('the new table at both', async () => {
      const now = await envoy.counter('http.front.rds.front.update_success');
      return now > theirs && (await versionOf(sidecar)) !== mine;
    }).catch((error: Error) => expect.fail(`${error.message} ${plane.stderr} ${sidecar.stderr}`));
    expect(plane.stderr).toBe('');
  };
  return { ...clients, tell };
}

async function versionOf(sidecar: SidecarProcess): Promise<string> {
  const { discovery } = JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  return discovery.versions.RouteConfiguration;
}

describe.skipIf(missing !== null).each(['sotw', 'delta'] as const)('routes over xDS, %s', (variant) => {
  it('a split has the same shares at both, and the next one, too, with no call lost on the way', async () => {
    const of = (stable: number, canary: number): RoutePlan[] => [{ split: { stable, canary } }];
    const { sidecar, envoy, tell } = await rig(variant, ['stable', 'canary', 'next'], of(80, 20));
    for (const client of [sidecar, envoy]) expectShares(await shares(client), { stable: 80, canary: 20 });
    await tell(of(30, 70));
    for (const client of [sidecar, envoy]) expectShares(await shares(client), { stable: 30, canary: 70 });
    // What was split goes over to a third one, and the first two are gone, while calls go on.
    let calling = true;
    const callers = [sidecar, envoy].map(async (client) => {
      const seen = new Set<string>();
      while (calling) seen.add(await ask(client));
      return seen;
    });
    await tell([{ cluster: 'next' }], ['next']);
    await tell(of(50, 50), ['stable', 'canary']);
    await tell([{ cluster: 'next' }], ['next']);
    calling = false;
    for (const seen of await Promise.all(callers))
      expect(['canary', 'next', 'stable']).toEqual(expect.arrayContaining([...seen]));
    for (const client of [sidecar, envoy]) expectShares(await shares(client), { next: 1 });
  });

  it('a call takes the same way at both: by service, method, header and authority, and is changed alike', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const routes: RoutePlan[] = [
      { match: { headers: { 'x-user': 'eva' } }, cluster: 'a', rewrite: { set: { 'x-way': 'user' } } },
      {
        match: { headers: { 'x-user': 'ad*', 'x-more': '*' } },
        cluster: 'b',
        rewrite: { remove: ['x-way'] },
      },
      { match: { headers: { 'x-user': '*ff' } }, cluster: 'c', rewrite: { add: { 'x-way': 'two' } } },
      { match: { authority: 'inner.test' }, cluster: 'd' },
      { match: { authority: '*.test', service: 't.*' }, cluster: 'e' },
      { match: { service: 't.T', method: 'Un*' }, cluster: 'a' },
    ];
    const { sidecar, envoy, tell } = await rig(variant, names, routes);
    const probes: [Probe, string][] = [
      [{}, 'a'],
      [{ headers: { 'x-user': 'eva', 'x-way': 'own' } }, 'a by user'],
      [{ headers: { 'x-user': 'adam', 'x-way': 'own' } }, 'a by own'],
      [{ headers: { 'x-user': 'adam', 'x-more': '1', 'x-way': 'own' } }, 'b'],
      [{ headers: { 'x-user': 'jeff', 'x-way': 'one' } }, 'c by one,two'],
      [{ host: 'inner.test' }, 'd'],
      [{ host: 'Inner.Test:80' }, 'd'],
      [{ host: 'other.test' }, 'e'],
      [{ host: 'inner.test', headers: { 'x-user': 'eva' } }, 'a by user'],
    ];
    for (const [probe, wanted] of probes)
      for (const client of [sidecar, envoy])
        expect(`${JSON.stringify(probe)} ${await ask(client, probe)}`).toBe(
          `${JSON.stringify(probe)} ${wanted}`,
        );
    await tell([
      { match: { service: 'u.U' }, cluster: 'a' },
      { match: { authority: 'b.test' }, cluster: 'b' },
    ]);
    // Without a route a proxy of HTTP says 404, which gRPC reads as UNIMPLEMENTED.
    for (const client of [sidecar, envoy]) {
      expect(await ask(client)).toBe('status 12');
      expect(await ask(client, { host: 'b.test' })).toBe('b');
    }
  });

  it('every word that the file knows is taken by both', async () => {
    const near = `127.0.0.1:${await freePort()}`;
    const endpoints = [{ address: await instance('a') }];
    const judged = { minHosts: 2, minRequests: 3, enforcePercent: 90 };
    const mesh: MeshPlan = {
      clusters: {
        a: {
          balancer: { name: 'ring_hash', hashHeader: 'x-user', ringSizeMax: 4_096, localities: 'weighted' },
          timeout: { connectMs: 750 },
          circuitBreaker: { maxRequests: 100, maxPending: 0, maxRetries: 5, endpointMaxConnections: 3 },
          outlier: {
            ...{
              intervalMs: 500,
              baseEjectionMs: 100,
              maxEjectionMs: 1_000,
              jitterMs: 5,
              maxEjectionPercent: 50,
            },
            ...{ cap: 'envoy_at_least_one', consecutiveErrors: 3, consecutiveGatewayErrors: 2 },
            ...{
              successRate: { stdevFactor: 1_000, ...judged },
              failurePercent: { thresholdPercent: 70, ...judged },
            },
          },
          endpoints,
        },
        b: { balancer: { name: 'maglev', tableSize: 251 }, endpoints },
        c: { balancer: { name: 'least_request', choices: 3 }, outlier: {}, circuitBreaker: {}, endpoints },
        d: { balancer: 'random', endpoints },
      },
      listeners: {
        front: {
          address: near,
          routes: [
            {
              name: 'all of it',
              match: {
                service: 'u.U',
                method: 'Get',
                headers: { 'x-a': 'v', 'x-b': 'v*', 'x-c': '*v', 'x-d': '*' },
              },
              split: { a: 1, b: 2, c: 0 },
              mirror: { cluster: 'd', share: 0.5 },
              rewrite: { service: 'v.V', authority: 'h', set: { x: '1' }, add: { y: '2' }, remove: ['z'] },
              retry: {
                attempts: 3,
                retryableStatuses: [1, 4, 8, 13, 14],
                perTryTimeoutMs: 50,
                backoffBaseMs: 5,
              },
              timeout: { callMs: 100, callMaxMs: 200 },
              hashHeader: 'x-key',
            },
            {
              match: { authority: '*.in.test' },
              cluster: 'c',
              retry: { attempts: 1 },
              timeout: { callMaxMs: 9 },
            },
            { cluster: 'a' },
          ],
        },
      },
    };
    const plane = new ControlPlaneProcess();
    leave.push(() => plane.end());
    plane.write(mesh);
    await plane.start();
    const envoy = new EnvoyProcess(plane.folder, plane.listen, variant);
    leave.push(() => envoy.kill());
    const flags = ['--xds', plane.listen, '--xds-listener', 'front', '--xds-variant', variant];
    const [sidecar] = await Promise.all([startProcess(flags), envoy.ready()]);
    leave.push(() => sidecar.kill());
    for (const address of [sidecar.listen, near]) {
      const client = connect(address);
      leave.push(() => client.close());
      await until(
        `an answer of ${address === near ? 'Envoy' : 'the sidecar'}`,
        async () => (await ask(client)) === 'a',
      );
    }
    expect(plane.stderr).toBe('');
    expect(sidecar.stderr).not.toContain('refused');
    for (const name of ['cluster_manager.cds', 'http.front.rds.front', 'listener_manager.lds'])
      expect(await envoy.counter(`${name}.update_rejected`)).toBe(0);
    const { discovery } = JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
    expect(discovery).toMatchObject({ clusters: ['a', 'b', 'c', 'd'], nacks: 0 });
  });
});
