/** Routes of a real sidecar between real ends: by method and header, split, rewritten, copied, reloaded. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, expect, it } from 'vitest';
import {
  adminGet,
  connect,
  expectQuiet,
  runProcess,
  startInstance,
  startProcess,
  unary,
  until,
} from './sidecar-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-routing-'));
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An instance that says its name, and keeps what it got. */
async function instance(name: string) {
  const got: { bytes: number; sum: number; metadata: grpc.Metadata; path: string }[] = [];
  const answer = (path: string) => (call: any, done: any) => {
    const { request } = call as { request: Buffer };
    let sum = 0;
    for (const octet of request) sum = (sum + octet) % 65_521;
    got.push({ bytes: request.length, sum, metadata: call.metadata, path });
    done(null, Buffer.from(name));
  };
  const { server, address } = await startInstance({
    Unary: answer('Unary'),
    Down: () => {},
    Up: () => {},
    Both: () => {},
  });
  cleanups.push(() => server.forceShutdown());
  return { address, got };
}

function write(text: string): string {
  const path = join(folder, 'sidecar.yaml');
  writeFileSync(path, text);
  return path;
}

it('calls go by header and by split; copies get every octet and change nothing; a reload changes the routes', async () => {
  const [stable, canary, shadow] = [
    await instance('stable'),
    await instance('canary'),
    await instance('shadow'),
  ];
  const clusters = `upstream: "${stable.address}"
clusters:
  canary: { upstream: "${canary.address}" }
  shadow: { upstream: "${shadow.address}" }
`;
  const config = write(`${clusters}routes:
  - { match: { headers: { x-canary: "true" } }, cluster: canary, rewrite: { remove: [x-canary], set: { x-way: canary } } }
  - { cluster: default, mirror: { cluster: shadow } }
`);
  const sidecar = await startProcess(['--config', config]);
  cleanups.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  cleanups.push(() => client.close());
  const metadata = new grpc.Metadata();
  metadata.set('x-canary', 'true');
  expect((await unary(client, 'x', { metadata })).body).toBe('canary');
  expect(canary.got[0]?.metadata.get('x-way')).toEqual(['canary']);
  expect(canary.got[0]?.metadata.get('x-canary')).toEqual([]);
  const large = 'abcdefgh'.repeat(25_000);
  for (let call = 0; call < 5; call++) expect((await unary(client, large)).body).toBe('stable');
  await until('the copies', () => shadow.got.length === 5);
  expect(shadow.got.map(({ bytes, sum }) => [bytes, sum])).toEqual(
    stable.got.map(({ bytes, sum }) => [bytes, sum]),
  );
  expect(shadow.got[0]?.metadata.get('x-meshwright-mirror')).toEqual(['true']);
  expect(stable.got[0]?.metadata.get('x-meshwright-mirror')).toEqual([]);
  await expectQuiet(sidecar);
  expect(await sidecar.stats()).toMatchObject({ callsStarted: 6, mirrorsStarted: 5, mirrorsDropped: 0 });
  const told = JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  expect(told.endpoints.map((one: any) => one.cluster)).toEqual(['default', 'canary', 'shadow']);

  write(`${clusters}routes:
  - { match: { method: Other }, split: { canary: 1, shadow: 1 } }
`);
  sidecar.child.kill('SIGHUP');
  await until('the reload', async () => (await sidecar.stats())['reloads'] === 1);
  const fresh = connect(sidecar.listen);
  cleanups.push(() => fresh.close());
  const lost = await unary(fresh, 'x');
  expect([lost.code, lost.details]).toEqual([12, expect.stringContaining('no route takes this call')]);
}, 20_000);

it('a copy whose cluster is down, or that fails, is not noticed', async () => {
  const stable = await instance('stable');
  const config = write(`upstream: "${stable.address}"
clusters: { shadow: { upstream: "127.0.0.1:1" } }
routes: [{ cluster: default, mirror: { cluster: shadow, concurrentMax: 3 } }]
`);
  const sidecar = await startProcess(['--config', config]);
  cleanups.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  cleanups.push(() => client.close());
  for (let call = 0; call < 20; call++) expect((await unary(client, 'x')).body).toBe('stable');
  await expectQuiet(sidecar);
});

it('a split, over workers, with endpoints from files', async () => {
  const [a, b] = [await instance('a'), await instance('b')];
  const list = join(folder, 'b.yaml');
  writeFileSync(list, `endpoints: [{ address: "${b.address}", id: b }]\n`);
  const config = write(`clusters: { a: { upstream: "${a.address}" }, b: { endpoints: b.yaml } }
routes: [{ split: { a: 50, b: 50 } }]
`);
  const sidecar = await startProcess(['--config', config, '--workers', '2']);
  cleanups.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  cleanups.push(() => client.close());
  for (let call = 0; call < 100; call++) expect((await unary(client, 'x')).code).toBe(0);
  expect(a.got.length + b.got.length).toBe(100);
  // Seven standard deviations.
  expect(Math.abs(a.got.length - 50)).toBeLessThan(36);
});

it('DC-02: an address that is in two clusters leaves one of them: its calls there end by themselves, those of the other go on', async () => {
  const { server, address } = await startInstance({
    Unary: (_call: unknown, done: any) => done(null, Buffer.from('there')),
    Both: (stream: any) => {
      stream.on('data', (data: Buffer) => stream.write(data));
      stream.on('end', () => stream.end());
    },
  });
  cleanups.push(() => server.forceShutdown());
  const list = join(folder, 'c.yaml');
  const entry = `{ address: "${address}", id: shared }`;
  writeFileSync(list, `endpoints: [${entry}]\n`);
  const config = write(`clusters: { b: { upstream: "${address}" }, c: { endpoints: c.yaml } }
routes: [{ match: { headers: { to: c } }, cluster: c }, { cluster: b }]
`);
  const sidecar = await startProcess(['--config', config]);
  cleanups.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  cleanups.push(() => client.close());
  const toC = new grpc.Metadata();
  toC.set('to', 'c');
  const streams = [client.Both(), client.Both(toC)];
  const echoes = streams.map((stream) => {
    const heard: string[] = [];
    stream.on('data', (data: Buffer) => heard.push(data.toString()));
    stream.on('status', ({ code }: grpc.StatusObject) => heard.push(`status ${code}`));
    stream.on('error', () => undefined);
    return heard;
  });
  const say = async (text: string): Promise<void> => {
    for (const stream of streams) stream.write(Buffer.from(text));
    await until('the echoes', () => echoes.every((heard) => heard.at(-1) === text));
  };
  await say('before');
  expect(await sidecar.stats()).toMatchObject({ connectionsUpstream: 2 });
  writeFileSync(list, 'endpoints: []\n');
  await until('c to be empty', async () => (await unary(client, 'x', { metadata: toC })).code === 14);
  expect(await unary(client, 'x')).toMatchObject({ code: 0, body: 'there' });
  await say('after');
  for (const stream of streams) stream.end();
  await until('the ends', () => echoes.every((heard) => heard.at(-1) === 'status 0'));
  await until('one connection', async () => (await sidecar.stats())['connectionsUpstream'] === 1);
  writeFileSync(list, `endpoints: [${entry}]\n`);
  await until('c again', async () => (await unary(client, 'x', { metadata: toC })).body === 'there');
});

it('DC-12: a route moves from one cluster to another by a reload, and no call fails', async () => {
  const [a, b] = [await instance('a'), await instance('b')];
  const both = `clusters: { a: { upstream: "${a.address}" }, b: { upstream: "${b.address}" } }\n`;
  const config = write(`${both}routes: [{ match: { method: Un* }, cluster: a }, { cluster: b }]\n`);
  const sidecar = await startProcess(['--config', config]);
  cleanups.push(() => sidecar.kill());
  // As a gRPC client does: what a GOAWAY kept from being sent goes out on the next connection.
  const client = connect(sidecar.listen, true);
  cleanups.push(() => client.close());
  for (let move = 1; move <= 4; move++) {
    const [from, to] = move % 2 === 1 ? ['a', 'b'] : ['b', 'a'];
    write(`${both}routes: [{ match: { method: Un* }, cluster: ${to} }, { cluster: ${from} }]\n`);
    sidecar.child.kill('SIGHUP');
    const isMoved = async (): Promise<boolean> => {
      const { code, body } = await unary(client, 'x');
      expect(code).toBe(0);
      return body === to;
    };
    await until('the move', isMoved);
  }
});

it('a wrong route ends the start with the place', async () => {
  const config = write('upstream: "127.0.0.1:1"\nroutes: [{ cluster: defalt }]\n');
  const ended = await runProcess(['--listen', '127.0.0.1:0', '--config', config]);
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('the nearest is default') });
  expect(ended.stderr).toContain('routes.0');
});
