/** The real sidecar process follows DNS: addresses come, go, and stay while nobody can tell. */
import { afterEach, expect, it } from 'vitest';
import { startDns } from '../unit/discovery/fake-dns.ts';
import { followLogicalName } from './logical-dns.ts';
import { adminGet, connect, startInstance, startProcess, unary, until } from './sidecar-kit.ts';
import { membersOfSidecar } from './xds-kit.ts';

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

it('a sidecar follows the targets of a service, and keeps them through a failure [DC-03, DC-11, DC-17]', async () => {
  const instances: string[] = [];
  for (let n = 0; n < 3; n++) {
    const one: Awaited<ReturnType<typeof startInstance>> = await startInstance({
      Unary: (_call: unknown, done: (error: null, reply: Buffer) => void) =>
        done(null, Buffer.from(one.address)),
    });
    leave.push(() => one.server.forceShutdown());
    instances.push(one.address);
  }
  const targets = (addresses: string[]) => ({
    ttl: 0,
    targets: addresses.map((address) => ({
      priority: 0,
      weight: 1,
      port: Number(address.split(':')[1]),
      target: 'host.test',
    })),
  });
  const dns = await startDns({
    '_grpc._tcp.svc.test SRV': targets(instances.slice(0, 2)),
    'host.test A': { ttl: 0, addresses: ['127.0.0.1'] },
  });
  leave.push(() => dns.close());
  const sidecar = await startProcess(['--dns-srv', '_grpc._tcp.svc.test', '--dns-server', dns.address]);
  leave.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  leave.push(() => client.close());
  const served = async (): Promise<string[]> => {
    const seen = new Set<string>();
    for (let n = 0; n < 9; n++) seen.add((await unary(client, 'x')).body);
    return [...seen].sort();
  };
  expect(await served()).toEqual(instances.slice(0, 2).sort());
  dns.answers.set('_grpc._tcp.svc.test SRV', targets(instances.slice(1)));
  const wanted = instances
    .slice(1)
    .map((address) => `${address} 1 false`)
    .sort();
  await until('the change', async () => `${await membersOfSidecar(sidecar.admin)}` === `${wanted}`);
  await until('both to serve', async () => `${await served()}` === `${instances.slice(1).sort()}`);
  dns.answers.set('_grpc._tcp.svc.test SRV', 'nxdomain');
  const view = async () => JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  await until('the trouble', async () => (await view()).trouble?.includes('NXDOMAIN') === true);
  expect(await view()).toMatchObject({ source: 'dns _grpc._tcp.svc.test', discovery: { endpoints: 2 } });
  expect(await served()).toEqual(instances.slice(1).sort());
  expect(sidecar.stderr).toContain('The last good set stays.');
});

it('a logical name keeps its connection and calls when the answer turns, and takes the new first address for the next connection [DC-18]', () =>
  followLogicalName());
