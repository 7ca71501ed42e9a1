/** The registry on sockets: forged ids, replays and impersonation by a client that says what it likes; and a member that restarts. */
import { createHash } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { RegistrySource } from '../../../proxy/discovery/registry-source.ts';
import type { Endpoint } from '../../../proxy/policy/config.ts';
import { Access } from '../../../proxy/registry/access.ts';
import { Membership } from '../../../proxy/registry/membership.ts';
import { CHANNEL, registryMethod, registryService } from '../../../proxy/registry/protos.ts';
import { Registry } from '../../../proxy/registry/server.ts';

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

async function start(access?: Access) {
  const registry = new Registry(0, access);
  const address = await registry.listen('127.0.0.1:0');
  leave.push(() => registry.close());
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), CHANNEL);
  leave.push(() => client.close());
  const ask = (name: string, request: object, token?: string) =>
    new Promise<string>((resolve) => {
      const method = registryMethod<object, { lease_id?: string }>(name);
      const metadata = new grpc.Metadata();
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        (error, answer) =>
          resolve(error === null ? (answer?.lease_id ?? 'done') : (grpc.status[error.code] as string)),
      );
    });
  return { address, ask };
}

function follow(address: string) {
  const seen = { told: [] as string[], troubles: [] as (string | null)[] };
  const source = new RegistrySource(
    { address, service: 'greeter' },
    {
      onEndpoints: (set: readonly Endpoint[]) => seen.told.push(set.map((one) => one.address).join()),
      onTrouble: (trouble: string | null) => seen.troubles.push(trouble),
    },
  );
  leave.push(() => source.close());
  return seen;
}

async function until(what: () => boolean): Promise<void> {
  for (let look = 0; look < 500 && !what(); look++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
}

const one = { service: 'greeter', address: '127.0.0.1:7', ttl_ms: 20_000, incarnation: 5 };

it('[DC-14, DC-22] forged ids, replays and foreign addresses change nothing that is told', async () => {
  const { address, ask } = await start();
  const seen = follow(address);
  await until(() => seen.told.length === 1);
  const lease = await ask('Register', one);
  await until(() => seen.told.length === 2);
  expect(await ask('Heartbeat', { lease_id: lease, sequence: 3 })).toBe(lease);
  expect(await ask('Heartbeat', { lease_id: lease, sequence: 3 })).toBe('ALREADY_EXISTS');
  expect(await ask('Heartbeat', { lease_id: 'forged', sequence: 4 })).toBe('NOT_FOUND');
  expect(await ask('Leave', { lease_id: 'forged' })).toBe('NOT_FOUND');
  expect(await ask('Leave', { lease_id: '' })).toBe('NOT_FOUND');
  expect(await ask('Register', one)).toBe('ALREADY_EXISTS');
  expect(await ask('Register', { ...one, incarnation: 4 })).toBe('ALREADY_EXISTS');
  expect(await ask('Register', { ...one, address: '127.0.0.9:7' })).toBe('PERMISSION_DENIED');
  expect(await ask('Register', { ...one, address: '169.254.169.254:80' })).toBe('PERMISSION_DENIED');
  const again = await ask('Register', { ...one, incarnation: 6 });
  expect(await ask('Leave', { lease_id: lease })).toBe('NOT_FOUND');
  expect(await ask('Leave', { lease_id: again })).toBe('done');
  expect(await ask('Leave', { lease_id: again })).toBe('NOT_FOUND');
  expect(await ask('Register', { ...one, incarnation: 6 })).toBe('ALREADY_EXISTS');
  await until(() => seen.told.length === 3);
  expect(seen.told).toEqual(['', '127.0.0.1:7', '']);
});

it("an identity registers its own services, and another's lease is not there for it", async () => {
  const identity = (name: string) => ({
    name,
    tokenSha256: createHash('sha256').update(`token-${name}`).digest('hex'),
    services: [name],
  });
  const { ask } = await start(new Access([identity('greeter'), identity('thief')]));
  expect(await ask('Register', one)).toBe('UNAUTHENTICATED');
  expect(await ask('Register', one, 'token-thief')).toBe('PERMISSION_DENIED');
  const lease = await ask('Register', one, 'token-greeter');
  expect(await ask('Leave', { lease_id: lease }, 'token-thief')).toBe('NOT_FOUND');
  expect(await ask('Heartbeat', { lease_id: lease, sequence: 1 }, 'token-thief')).toBe('NOT_FOUND');
  expect(await ask('Register', { ...one, service: 'thief', incarnation: 9 }, 'token-thief')).toBe(
    'ALREADY_EXISTS',
  );
  expect(await ask('Heartbeat', { lease_id: lease, sequence: 1 }, 'token-greeter')).toBe(lease);
});

it('[DC-14] a member that dies and comes back takes its address over at once; one that is muted is gone, and back once', async () => {
  const { address } = await start();
  const seen = follow(address);
  const given = { service: 'greeter', address: '127.0.0.1:7', ttlMs: 300 };
  const first = new Membership(address, given);
  await until(() => seen.told.at(-1) === '127.0.0.1:7');
  first.abandon();
  const told = seen.told.length;
  const second = new Membership(address, given);
  leave.push(() => second.leave());
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(seen.told.length).toBe(told);
  second.muted = true;
  await until(() => seen.told.at(-1) === '');
  second.muted = false;
  await until(() => seen.told.at(-1) === '127.0.0.1:7');
  expect(seen.told.slice(told)).toEqual(['', '127.0.0.1:7']);
});

it('[DC-07] a version that goes back, and an address that is none, leave the set as it is', async () => {
  const sets = [
    { version: 5, endpoints: [{ address: 'h:1', weight: 1 }] },
    { version: 4, endpoints: [{ address: 'h:2', weight: 1 }] },
    { version: 6, endpoints: [{ address: 'nowhere', weight: 1 }] },
  ];
  const server = new grpc.Server();
  server.addService(registryService() as unknown as grpc.ServiceDefinition, {
    Watch: (stream: grpc.ServerWritableStream<object, object>) => sets.forEach((set) => stream.write(set)),
  });
  const port = await new Promise<number>((resolve) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) =>
      resolve(bound),
    );
  });
  leave.push(() => server.forceShutdown());
  const seen = follow(`127.0.0.1:${port}`);
  await until(() => seen.troubles.length === 2);
  expect(seen.told).toEqual(['h:1']);
  expect(seen.troubles[0]).toContain('its version goes back from 5 to 4');
  expect(seen.troubles[1]).toContain('"nowhere"');
});
