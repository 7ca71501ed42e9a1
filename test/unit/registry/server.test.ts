/** The registry on sockets: forged ids, replays and impersonation by a client that says what it likes; and a member that restarts. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { RegistrySource } from '../../../proxy/discovery/registry-source.ts';
import type { Endpoint } from '../../../proxy/policy/config.ts';
import { Access } from '../../../proxy/registry/access.ts';
import { type ChannelTls, channelTls } from '../../../proxy/registry/channel-tls.ts';
import { Membership } from '../../../proxy/registry/membership.ts';
import { CHANNEL, registryMethod, registryService } from '../../../proxy/registry/protos.ts';
import { Registry } from '../../../proxy/registry/server.ts';

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

const TLS = new URL('../../e2e/tls-fixtures/', import.meta.url).pathname;
const pair = { cert: readFileSync(`${TLS}server.pem`), key: readFileSync(`${TLS}server.key`) };
const trusted = { caFile: `${TLS}ca.pem`, serverName: null };

async function start(access?: Access, overTls = false) {
  const registry = new Registry(0, access);
  const address = await registry.listen('127.0.0.1:0', overTls ? pair : null);
  leave.push(() => registry.close());
  const { credentials } = channelTls(overTls ? trusted : null, 'registry');
  const client = new grpc.Client(address, credentials, CHANNEL);
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

function follow(address: string, more: { tls?: ChannelTls; tokenFile?: string } = {}) {
  const seen = { told: [] as string[], troubles: [] as (string | null)[] };
  const source = new RegistrySource(
    { address, service: 'greeter', tls: null, tokenFile: null, ...more },
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

const identity = (name: string, services = [name]) => ({
  name,
  tokenSha256: createHash('sha256').update(`token-${name}`).digest('hex'),
  services,
});

function tokenFile(token: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-token-'));
  leave.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'token'), `${token}\n`);
  return join(folder, 'token');
}

it("an identity registers its own services, and another's lease is not there for it", async () => {
  const { ask } = await start(
    new Access([
      identity('greeter'),
      identity('thief'),
      { ...identity('old'), expires: '2020-01-01T00:00:00Z' },
    ]),
  );
  expect(await ask('Register', one)).toBe('UNAUTHENTICATED');
  expect(await ask('Register', one, 'token-old')).toBe('UNAUTHENTICATED');
  expect(await ask('Register', one, 'token-thief')).toBe('PERMISSION_DENIED');
  const lease = await ask('Register', one, 'token-greeter');
  expect(await ask('Leave', { lease_id: lease }, 'token-thief')).toBe('NOT_FOUND');
  expect(await ask('Heartbeat', { lease_id: lease, sequence: 1 }, 'token-thief')).toBe('NOT_FOUND');
  expect(await ask('Register', { ...one, service: 'thief', incarnation: 9 }, 'token-thief')).toBe(
    'ALREADY_EXISTS',
  );
  expect(await ask('Heartbeat', { lease_id: lease, sequence: 1 }, 'token-greeter')).toBe(lease);
});

it('where there are identities only those who have one are told who is there; a token may be put in its place later', async () => {
  const expired = { ...identity('old'), expires: '2020-01-01T00:00:00Z' };
  const { address, ask } = await start(new Access([identity('greeter'), identity('watcher', []), expired]));
  await ask('Register', one, 'token-greeter');
  expect(await ask('Register', one, 'token-watcher')).toBe('PERMISSION_DENIED');
  const known = follow(address, { tokenFile: tokenFile('token-watcher') });
  const late = tokenFile('token-old');
  const strangers = [follow(address), follow(address, { tokenFile: late })];
  await until(() => known.told.length === 1 && strangers.every(({ troubles }) => troubles.length > 0));
  expect(known.told).toEqual(['127.0.0.1:7']);
  expect(strangers.map(({ told }) => told)).toEqual([[], []]);
  expect(strangers[0]?.troubles[0]).toContain('UNAUTHENTICATED, the token is missing or unknown');
  expect(strangers[1]?.troubles[0]).toContain('the token of old has expired');
  writeFileSync(late, 'token-watcher');
  await until(() => strangers[1]?.told.length === 1);
  rmSync(late);
  expect(() => follow(address, { tokenFile: late })).toThrow('cannot be read (ENOENT)');
  writeFileSync(late, 'two words');
  expect(() => follow(address, { tokenFile: late })).toThrow(/is not one word(?!.*two words)/);
});

it('over TLS: members and watchers that trust its certificate; others, and plaintext, get nowhere', async () => {
  const { address, ask } = await start(undefined, true);
  const seen = follow(address, { tls: trusted });
  const member = new Membership(
    address,
    { service: 'greeter', address: '127.0.0.1:7', ttlMs: 500 },
    { tls: trusted },
  );
  leave.push(() => member.leave());
  await until(() => seen.told.at(-1) === '127.0.0.1:7');
  const strangers = [
    follow(address),
    follow(address, { tls: { caFile: null, serverName: null } }),
    follow(address, { tls: { ...trusted, serverName: 'other.test' } }),
  ];
  const warnings: string[] = [];
  const plain = new Membership(
    address,
    { service: 'greeter', address: '127.0.0.1:8', ttlMs: 500 },
    { warn: (message) => warnings.push(message) },
  );
  leave.push(() => plain.abandon());
  await until(() => warnings.length > 0 && strangers.every(({ troubles }) => troubles.length > 0));
  expect(strangers.map(({ told }) => told)).toEqual([[], [], []]);
  expect(seen.told.at(-1)).toBe('127.0.0.1:7');
  expect(await ask('Register', { ...one, address: '127.0.0.1:9' })).not.toBe('UNAVAILABLE');
  await until(() => seen.told.at(-1) === '127.0.0.1:7,127.0.0.1:9');
  expect(() => follow(address, { tls: { caFile: '/no/ca.pem', serverName: null } })).toThrow(
    'the authorities of the registry cannot be used',
  );
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

it('[DC-05, DC-07] an address that is told twice counts once; a version that goes back, and an address that is none, leave the set as it is', async () => {
  const once = { address: 'h:1', weight: 1 };
  const sets = [
    { version: 5, endpoints: [once, { ...once, weight: 3 }] },
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
