/** One control plane, our sidecar and a real Envoy at once: whether both follow it, in both variants of the protocol. */
import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { EndpointPlan, MeshPlan } from '../../proxy/xds/plan.ts';
import {
  adminGet,
  connect,
  type Instance,
  type SidecarProcess,
  startInstance,
  startProcess,
  unary,
  until,
} from './sidecar-kit.ts';
import {
  ControlPlaneProcess,
  envoyMissing,
  EnvoyProcess,
  freePort,
  membersOfEnvoy,
  membersOfSidecar,
} from './xds-kit.ts';

const UPDATES = 100;
const INSTANCES = 6;
const missing = envoyMissing();
if (missing !== null) process.stdout.write(`skipped, what needs an Envoy: ${missing}\n`);

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

/** Numbers from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function instances(): Promise<Instance[]> {
  const started: Instance[] = [];
  for (let n = 0; n < INSTANCES; n++) {
    const one: Instance = await startInstance({
      Unary: (_call: unknown, done: (error: null, reply: Buffer) => void) =>
        done(null, Buffer.from(one.address)),
    });
    started.push(one);
    leave.push(() => one.server.forceShutdown());
  }
  return started;
}

async function startPlane(mesh: MeshPlan): Promise<ControlPlaneProcess> {
  const plane = new ControlPlaneProcess();
  leave.push(() => plane.end());
  plane.write(mesh);
  return plane.start();
}

async function startSidecar(
  plane: ControlPlaneProcess,
  variant: string,
  more: string[] = [],
): Promise<SidecarProcess> {
  const follow = ['--xds', plane.listen, '--xds-listener', 'front', '--xds-variant', variant];
  const sidecar = await startProcess([...follow, '--xds-node', `sidecar-${variant}`, ...more]);
  leave.push(() => sidecar.kill());
  return sidecar;
}

const open = (address: string): any => {
  const client = connect(address);
  leave.push(() => client.close());
  return client;
};

/** Who answers `calls` calls; a call that fails fails the test. */
async function answering(client: any, calls: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let n = 0; n < calls; n++) {
    const { code, details, body } = await unary(client, 'x', { deadlineMs: 5_000 });
    expect(`${code} ${details}`).toBe('0 OK');
    seen.add(body);
  }
  return seen;
}

const meshOf = (endpoints: readonly EndpointPlan[], address?: string): MeshPlan => ({
  clusters: { greeter: { endpoints } },
  listeners: { front: { ...(address === undefined ? {} : { address }), routes: [{ cluster: 'greeter' }] } },
});

const texts = (endpoints: readonly EndpointPlan[]): string[] =>
  endpoints.map(({ address, weight = 1, health }) => `${address} ${weight} ${health === 'draining'}`).sort();

/** Some of them, never none; some draining, never all. */
function draw(all: readonly Instance[], random: () => number): EndpointPlan[] {
  const some = all.filter(() => random() < 0.6);
  const members = some.length === 0 ? [all[0] as Instance] : some;
  return members.map(({ address }, at) => ({
    address,
    ...(random() < 0.3 ? { weight: 1 + Math.floor(random() * 5) } : {}),
    ...(at > 0 && random() < 0.2 ? { health: 'draining' as const } : {}),
  }));
}

describe.skipIf(missing !== null).each(['sotw', 'delta'] as const)('with a real Envoy, %s', (variant) => {
  it(`[DC-01, DC-03, DC-04, DC-11] both follow ${UPDATES} random updates to the same members, and calls go to just those`, async () => {
    const all = await instances();
    const near = `127.0.0.1:${await freePort()}`;
    let truth = draw(all, randomOf(1));
    const plane = await startPlane(meshOf(truth, near));
    const envoy = new EnvoyProcess(plane.folder, plane.listen, variant);
    leave.push(() => envoy.kill());
    const [sidecar] = await Promise.all([startSidecar(plane, variant), envoy.ready()]);
    const clients = { sidecar: open(sidecar.listen), envoy: open(near) };
    const random = randomOf(variant === 'sotw' ? 2 : 3);
    const journal: Record<'truth' | 'sidecar' | 'envoy', string[]> = { truth: [], sidecar: [], envoy: [] };
    const begun = performance.now();
    for (let update = 0; update < UPDATES; update++) {
      truth = draw(all, random);
      plane.write(meshOf(truth, near));
      const wanted = texts(truth).join(', ');
      const seen = { sidecar: '', envoy: '' };
      await until(`update ${update} at both`, async () => {
        seen.sidecar = (await membersOfSidecar(sidecar.admin)).join(', ');
        seen.envoy = (await membersOfEnvoy(envoy, 'greeter')).join(', ');
        return seen.sidecar === wanted && seen.envoy === wanted;
      }).catch((error) => expect.fail(`${error}: ${JSON.stringify({ wanted, ...seen })}`));
      journal.truth.push(wanted);
      journal.sidecar.push(seen.sidecar);
      journal.envoy.push(seen.envoy);
      const active = truth.filter(({ health }) => health !== 'draining').map(({ address }) => address);
      for (const [name, client] of Object.entries(clients)) {
        const reached = new Set<string>();
        await until(`every member called by ${name}`, async () => {
          for (const each of await answering(client, active.length)) reached.add(each);
          expect(active).toEqual(expect.arrayContaining([...reached]));
          return reached.size === active.length;
        });
      }
    }
    const tookMs = Math.round(performance.now() - begun);
    process.stdout.write(`xDS ${variant}: ${UPDATES} updates at sidecar and Envoy alike, ${tookMs} ms\n`);
    expect(journal.sidecar).toEqual(journal.truth);
    expect(journal.envoy).toEqual(journal.truth);
    // Neither refused anything.
    expect(plane.stderr).toBe('');
    for (const name of [
      'cluster_manager.cds',
      'cluster.greeter',
      'listener_manager.lds',
      'http.front.rds.front',
    ]) {
      expect(await envoy.counter(`${name}.update_rejected`)).toBe(0);
      expect(await envoy.counter(`${name}.update_failure`)).toBe(0);
    }
    expect(await envoy.counter('listener_manager.lds.update_success')).toBe(1);
  });

  it('[DC-10, DC-11, DC-12] a route moves without a lost call; the control plane dies and comes back', async () => {
    const all = (await instances()).map(({ address }) => ({ address }));
    const near = `127.0.0.1:${await freePort()}`;
    const plane = await startPlane(meshOf(all.slice(0, 2), near));
    const envoy = new EnvoyProcess(plane.folder, plane.listen, variant);
    leave.push(() => envoy.kill());
    const [sidecar] = await Promise.all([startSidecar(plane, variant), envoy.ready()]);
    const clients = [open(sidecar.listen), open(near)];
    let calling = true;
    const callers = clients.map(async (client) => {
      let calls = 0;
      for (; calling; calls++) await answering(client, 1);
      return calls;
    });
    callers.forEach((one) => one.catch(() => {}));
    // The service is another one from now on, and the one before is gone.
    for (let turn = 0; turn < 10; turn++) {
      const name = `greeter${turn}`;
      const members = all.slice(turn % 3, (turn % 3) + 2);
      plane.write({
        clusters: { [name]: { endpoints: members } },
        listeners: { front: { address: near, routes: [{ cluster: name }] } },
      });
      await until(`service ${turn} at both`, async () => {
        const mine = await membersOfSidecar(sidecar.admin);
        const theirs = await membersOfEnvoy(envoy, name);
        return mine.join() === texts(members).join() && theirs.join() === texts(members).join();
      });
    }
    calling = false;
    for (const calls of await Promise.all(callers)) expect(calls).toBeGreaterThan(20);
    await plane.kill();
    await until('word of the loss', () => sidecar.stderr.includes('the control plane is away'));
    for (const client of clients) expect((await answering(client, 4)).size).toBe(2);
    const last = all.slice(4);
    plane.write(meshOf(last, near));
    await plane.start();
    await until('what changed meanwhile', async () => {
      const mine = await membersOfSidecar(sidecar.admin);
      const theirs = await membersOfEnvoy(envoy, 'greeter');
      return mine.join() === texts(last).join() && theirs.join() === texts(last).join();
    });
    for (const client of clients) expect((await answering(client, 4)).size).toBe(2);
  });
});

describe('a control plane that cannot start says why, in one line', () => {
  it.each<[string, string | null, string[], RegExp]>([
    ['no file', null, [], /^MW_CONFIG: the mesh file does not exist/],
    [
      'a file that is wrong',
      'clusters: { a: { endpoints: [{}] } }',
      [],
      /clusters\.a\.endpoints\.0\.address/,
    ],
    [
      'a certificate without key',
      'clusters: {}',
      ['--tls-cert', 'a.pem'],
      /^MW_USAGE: a certificate needs its key/,
    ],
    [
      'files that are none',
      'clusters: {}',
      ['--tls-cert', '/nowhere', '--tls-key', '/nowhere'],
      /^MW_CONFIG: the certificate and its key cannot be used/,
    ],
    ['a port that is none', 'clusters: {}', ['--listen', 'here'], /^MW_USAGE: not an address/],
  ])('%s', async (_what, text, flags, said) => {
    const plane = new ControlPlaneProcess(flags);
    leave.push(() => plane.end());
    if (text !== null) plane.write(text);
    const stderr = await plane.start().then(
      () => 'it started',
      (error: Error) => error.message,
    );
    expect(stderr).toMatch(said);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('over TLS', () => {
  const PEM = new URL('tls-fixtures/', import.meta.url).pathname;

  it('the control plane must show a certificate of a trusted authority, for its name', async () => {
    const all = (await instances()).map(({ address }) => ({ address }));
    const plane = new ControlPlaneProcess([
      '--tls-cert',
      `${PEM}server.pem`,
      '--tls-key',
      `${PEM}server.key`,
    ]);
    leave.push(() => plane.end());
    plane.write(meshOf(all));
    await plane.start();
    const start = async (name: string, tls: unknown): Promise<SidecarProcess> => {
      const file = `${plane.folder}/${name}.json`;
      const discovery = { kind: 'xds', server: plane.listen, listener: 'front', tls };
      writeFileSync(file, JSON.stringify({ discovery }));
      const sidecar = await startProcess(['--config', file]);
      leave.push(() => sidecar.kill());
      return sidecar;
    };
    const [good, ...bad] = await Promise.all([
      start('good', { ca: `${PEM}ca.pem`, serverName: 'localhost' }),
      start('other-name', { ca: `${PEM}ca.pem`, serverName: 'elsewhere.example' }),
      start('other-authority', { ca: `${PEM}other.pem`, serverName: 'localhost' }),
      start('any-authority', true),
      start('clear', false),
    ]);
    expect(await membersOfSidecar((good as SidecarProcess).admin)).toHaveLength(INSTANCES);
    for (const sidecar of bad) {
      expect(await membersOfSidecar(sidecar.admin)).toEqual([]);
      expect(sidecar.stderr).toContain('the control plane is away');
    }
  });
});

describe.skipIf(missing !== null).each(['sotw', 'delta'] as const)('what an Envoy refuses, %s', (variant) => {
  it('[DC-08, DC-09] is told at the control plane, once; what came with it is used, and so is the next change', async () => {
    const all = (await instances()).map(({ address }) => ({ address }));
    const near = `127.0.0.1:${await freePort()}`;
    const plane = await startPlane(meshOf(all.slice(0, 2), near));
    const envoy = new EnvoyProcess(plane.folder, plane.listen, variant);
    leave.push(() => envoy.kill());
    await envoy.ready();
    const client = open(near);
    await until('its first call', async () => (await unary(client, 'x', { deadlineMs: 500 })).code === 0);
    // An address that this machine does not have (RFC 5737).
    const bad = meshOf(all.slice(2, 5), near);
    plane.write({
      ...bad,
      listeners: { ...bad.listeners, inner: { address: '192.0.2.1:80', routes: [{ cluster: 'greeter' }] } },
    });
    await until('the NACK', () => plane.stderr.includes(`envoy-${variant} refused Listener`));
    const followed = async (wanted: readonly EndpointPlan[]): Promise<boolean> =>
      (await membersOfEnvoy(envoy, 'greeter')).join() === texts(wanted).join();
    await until('the endpoints that came with it', () => followed(all.slice(2, 5)));
    expect((await answering(client, 6)).size).toBe(3);
    plane.write(meshOf(all.slice(5), near));
    await until('the next change', () => followed(all.slice(5)));
    expect((await answering(client, 2)).size).toBe(1);
    expect(plane.stderr.split('refused').length - 1).toBe(1);
  });
});

describe.each(['sotw', 'delta'] as const)('our sidecar alone, %s', (variant) => {
  it('what cannot be told or used is refused with its path by the control plane, whose last good mesh stays', async () => {
    const all = (await instances()).map(({ address }) => ({ address }));
    const plane = await startPlane(meshOf(all.slice(0, 2)));
    const sidecar = await startSidecar(plane, variant);
    const client = open(sidecar.listen);
    plane.write('clusters: { greeter: { endpoints: [{ address: 127.0.0.1:1, weight: 0 }] } }');
    await until('its complaint', () => plane.stderr.includes('clusters.greeter.endpoints.0.weight'));
    expect(plane.stderr).toContain('The last good mesh stays.');
    expect((await answering(client, 4)).size).toBe(2);
    const clusters = { greeter: { endpoints: all.slice(0, 2) }, other: { endpoints: all.slice(2) } };
    const spread = { ...clusters.other, balancer: 'p2c_ewma' };
    plane.write({
      clusters: { ...clusters, other: spread },
      listeners: { front: { routes: [{ cluster: 'other' }] } },
    });
    await until('its complaint', () =>
      plane.stderr.includes('clusters.other.balancer.name: p2c_ewma cannot be told'),
    );
    expect((await answering(client, 4)).size).toBe(2);
    plane.write({ clusters, listeners: { front: { routes: [{ split: { greeter: 1, other: 1 } }] } } });
    await until('both clusters', async () => (await membersOfSidecar(sidecar.admin)).length === INSTANCES);
    plane.write({ clusters, listeners: { front: { routes: [{ cluster: 'other' }] } } });
    await until('the good one', async () => (await membersOfSidecar(sidecar.admin)).length === INSTANCES - 2);
    expect((await answering(client, 8)).size).toBe(INSTANCES - 2);
  });

  it('DC-06: two services swap an address in one update: calls of each go to its own, and what moved comes without memory', async () => {
    const [one, two, three] = (await instances()).map(({ address }) => ({ address })) as [
      EndpointPlan,
      EndpointPlan,
      EndpointPlan,
    ];
    const split = (a: EndpointPlan[], b: EndpointPlan[]): MeshPlan => ({
      clusters: { a: { endpoints: a }, b: { endpoints: b } },
    });
    const plane = await startPlane(split([one, two], [three]));
    const follow = (cluster: string): Promise<SidecarProcess> =>
      startProcess(['--xds', plane.listen, '--xds-cluster', cluster, '--xds-variant', variant]);
    const sidecars = await Promise.all([follow('a'), follow('b')]);
    leave.push(...sidecars.map((sidecar) => () => sidecar.kill()));
    const [a, b] = sidecars.map(({ listen }) => open(listen));
    expect((await answering(a, 6)).size).toBe(2);
    expect(await answering(b, 6)).toEqual(new Set([three.address]));
    plane.write(split([one, three], [two]));
    const sets = [[one, three], [two]];
    for (const [at, set] of sets.entries())
      await until(
        'its set',
        async () =>
          (await membersOfSidecar((sidecars[at] as SidecarProcess).admin)).join() === texts(set).join(),
      );
    expect(await answering(a, 6)).toEqual(new Set([one.address, three.address]));
    expect(await answering(b, 6)).toEqual(new Set([two.address]));
    const { endpoints } = JSON.parse(
      (await adminGet((sidecars[1] as SidecarProcess).admin, '/clusters')).text,
    );
    expect(endpoints).toMatchObject([{ address: two.address, attemptsStarted: 6, attemptsAlive: 0 }]);
  });

  it('DC-10: starts without a control plane, is not ready, and is when it comes; a reload without one is refused', async () => {
    const all = (await instances()).map(({ address }) => ({ address }));
    const plane = await startPlane(meshOf(all.slice(0, 2)));
    await plane.kill();
    // Several workers follow it each on its own.
    const sidecar = await startSidecar(plane, variant, variant === 'delta' ? ['--workers', '2'] : []);
    const client = open(sidecar.listen);
    const { code, details } = await unary(client, 'x', { deadlineMs: 5_000 });
    expect(code).toBe(14);
    expect(details).not.toBe('');
    await plane.start();
    await until('the set', async () => (await membersOfSidecar(sidecar.admin)).length === 2, 20_000);
    // The first worker that has it shows it; the others come back on their own.
    await until('all workers', async () => (await adminGet(sidecar.admin, '/ready')).status === 200, 20_000);
    await plane.kill();
    sidecar.child.kill('SIGHUP');
    await until('the refusal', () => sidecar.stderr.includes('discovery has not told any endpoints in time'));
    expect((await answering(client, 4)).size).toBe(2);
  });
});
