/** Registry, instances and sidecar as processes: leases end, the registry goes and comes back. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { adminGet, startProcess, until } from './sidecar-kit.ts';
import { membersOfSidecar } from './xds-kit.ts';

const BIN = new URL('../../bin/meshwright.js', import.meta.url).pathname;
const TTL_MS = 900;

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

async function start(...parameters: string[]): Promise<{ child: ChildProcess; listen: string }> {
  const child = spawn(process.execPath, [BIN, ...parameters], { stdio: ['ignore', 'pipe', 'ignore'] });
  leave.push(() => child.kill('SIGKILL'));
  let stdout = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  await until('the ready line', () => stdout.includes('\n'));
  return { child, listen: JSON.parse(stdout).listen };
}

it('[DC-10, DC-11, DC-14] calls follow leases; without the registry the last good set stays, and its return is no empty moment', async () => {
  const registry = await start('registry', '--listen', '127.0.0.1:0', '--settle-ms', '100');
  const register = ['--register', registry.listen, '--service', 'greeter', '--ttl-ms', `${TTL_MS}`];
  const instance = () => start('demo-server', '--listen', '127.0.0.1:0', ...register);
  const [a, b, c] = await Promise.all([instance(), instance(), instance()]);
  const follow = ['--registry', registry.listen, '--registry-service', 'greeter'];
  const sidecar = await startProcess(follow);
  leave.push(() => sidecar.kill());
  const members = async (): Promise<string> => `${await membersOfSidecar(sidecar.admin)}`;
  const wanted = (...some: { listen: string }[]): string =>
    `${some.map(({ listen }) => `${listen} 1 false`).sort()}`;
  await until('all three', async () => (await members()) === wanted(a, b, c));

  c.child.kill('SIGKILL');
  const killedMs = performance.now();
  await until('the lease to end', async () => (await members()) === wanted(a, b));
  expect(performance.now() - killedMs).toBeLessThan(TTL_MS + 1_500);

  registry.child.kill('SIGKILL');
  const view = async () => JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  await until('the trouble', async () => (await view()).trouble !== null);
  await new Promise((resolve) => setTimeout(resolve, 2 * TTL_MS));
  expect(await members()).toBe(wanted(a, b));

  await start('registry', '--listen', registry.listen, '--settle-ms', '3000');
  const counts = new Set<number>();
  await until('all to be well', async () => {
    const { endpoints, trouble } = await view();
    counts.add(endpoints.length);
    return trouble === null;
  });
  expect([...counts]).toEqual([2]);
  a.child.kill('SIGTERM');
  await until('the leave', async () => (await members()) === wanted(b), 2_000);
});

it('registry, instances and sidecar over TLS, with tokens; who trusts another authority is told nothing', async () => {
  const tls = new URL('./tls-fixtures/', import.meta.url).pathname;
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-registry-'));
  leave.push(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const sha = (token: string) => createHash('sha256').update(token).digest('hex');
  const identities = [
    { name: 'greeter', tokenSha256: sha('greeter-token'), services: ['greeter'] },
    { name: 'sidecars', tokenSha256: sha('sidecar-token'), services: [] },
  ];
  const registry = await start(
    ...['registry', '--listen', '127.0.0.1:0', '--settle-ms', '50'],
    ...['--tls-cert', `${tls}server.pem`, '--tls-key', `${tls}server.key`],
    ...['--identities', file('identities.json', JSON.stringify({ identities }))],
  );
  const trust = ['--registry-tls', '--registry-ca', `${tls}ca.pem`];
  const register = ['--register', registry.listen, '--service', 'greeter'];
  const instance = (token: string) =>
    start('demo-server', '--listen', '127.0.0.1:0', ...register, ...trust, '--token-file', token);
  const known = await instance(file('greeter', 'greeter-token'));
  await instance(file('stranger', 'sidecar-token'));
  const follow = ['--registry', registry.listen, '--registry-service', 'greeter'];
  const shown = ['--registry-token-file', file('sidecar', 'sidecar-token')];
  const sidecar = await startProcess([...follow, ...trust, ...shown]);
  leave.push(() => sidecar.kill());
  await until(
    'its own',
    async () => `${await membersOfSidecar(sidecar.admin)}` === `${known.listen} 1 false`,
  );
  const config = file(
    'sidecar.json',
    JSON.stringify({
      discovery: {
        kind: 'registry',
        address: registry.listen,
        service: 'greeter',
        tls: true,
        tokenFile: 'sidecar',
      },
    }),
  );
  // Told by the file, whose certificate nobody vouches for; and in the clear.
  for (const flags of [
    ['--config', config],
    [...follow, ...shown],
  ]) {
    const stranger = await startProcess(flags);
    leave.push(() => stranger.kill());
    const view = async () => JSON.parse((await adminGet(stranger.admin, '/clusters')).text);
    await until('the trouble', async () => (await view()).trouble !== null);
    expect((await view()).endpoints).toEqual([]);
  }
}, 60_000);

it('what cannot be used for TLS or as a token is told with its place', () => {
  const run = (...flags: string[]) => spawnSync(process.execPath, [BIN, ...flags], { timeout: 20_000 });
  for (const [flags, said] of [
    [['registry', '--tls-cert', 'a.pem'], '--tls-cert'],
    [['registry', '--tls-cert', '/no/a.pem', '--tls-key', '/no/a.key'], '/no/a.pem does not exist'],
    [['demo-server', '--register', 'h:1', '--service', 's', '--registry-ca', 'a'], 'add --registry-tls'],
    [
      ['demo-server', '--register', 'h:1', '--service', 's', '--token-file', '/no'],
      'cannot be read (ENOENT)',
    ],
  ] as const) {
    const ended = run(...flags);
    expect([ended.status, ended.stderr.toString()]).toEqual([2, expect.stringContaining(said)]);
  }
});

it('a token file that is named in place of the identities is not quoted', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-registry-'));
  leave.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'token');
  writeFileSync(file, 'secret-of-greeter');
  const ended = spawnSync(process.execPath, [BIN, 'registry', '--identities', file], { timeout: 20_000 });
  expect(ended.status).toBe(2);
  expect(ended.stderr.toString()).toContain('it is no JSON');
  expect(ended.stderr.toString()).not.toContain('secret');
});
