/** Reload, drain and handover of the port to a new process, each under load and with a long stream: no call is lost. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, expect, it } from 'vitest';
import {
  adminGet,
  connect,
  runProcess,
  SidecarProcess,
  startInstance,
  startProcess,
  unary,
  until,
} from './sidecar-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-handover-'));
const CALLERS = 8;
const cleanups: (() => unknown)[] = [];
let sequence = 0;

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An instance that answers and echoes. */
async function instance(): Promise<string> {
  const { server, address } = await startInstance({
    Unary: (call: any, done: any) => done(null, call.request),
    Down: () => {},
    Up: () => {},
    Both: (call: any) => {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
  });
  cleanups.push(() => server.forceShutdown());
  return address;
}

async function start(...flags: string[]): Promise<SidecarProcess> {
  const sidecar = await startProcess(flags);
  cleanups.push(() => sidecar.kill());
  return sidecar;
}

/**
 * Callers that call one call after the other. A call that the caller’s own HTTP/2 stack holds back when a GOAWAY comes was
 * never sent; gRPC sends it on a new connection.
 */
function load(address: string): { stop(): Promise<{ calls: number; failed: string[] }> } {
  let going = true;
  let calls = 0;
  const failed: string[] = [];
  const callers = Array.from({ length: CALLERS }, async () => {
    const client = connect(address, true);
    while (going) {
      const { code, details } = await unary(client, 'x');
      calls++;
      if (code !== grpc.status.OK) failed.push(`${code} ${details}`);
    }
    client.close();
  });
  return {
    async stop() {
      going = false;
      await Promise.all(callers);
      return { calls, failed };
    },
  };
}

/** A stream that stays open and echoes. */
function stream(address: string) {
  const client = connect(address);
  cleanups.push(() => client.close());
  const call = client.Both();
  let echoes = 0;
  let status = -1;
  call.on('data', () => echoes++);
  call.on('status', (got: grpc.StatusObject) => (status = got.code));
  call.on('error', () => {});
  return {
    async echo(): Promise<void> {
      const before = echoes;
      call.write(Buffer.from('y'));
      await until('an echo', () => echoes > before || status >= 0);
      expect(status).toBe(-1);
    },
    async end(): Promise<number> {
      call.end();
      await until('the stream’s end', () => status >= 0);
      return status;
    },
  };
}

function control(): string {
  return join(folder, `control-${sequence++}`);
}

/** A new process that takes over from the one at `path`. Its launcher’s id is not that of the ready line. */
async function successor(path: string, ...flags: string[]): Promise<SidecarProcess & { pid: number }> {
  const next = new SidecarProcess(['--takeover', path, ...flags], 'direct', ['pipe', 'pipe', 'pipe']);
  cleanups.push(async () => {
    next.child.kill('SIGTERM');
    await next.kill();
  });
  await until('the successor', () => next.stdout.includes('\n') || next.child.exitCode !== null, 15_000);
  const { listen, admin, pid } = JSON.parse(next.stdout.split('\n')[0] || '{}');
  expect(pid, next.stderr).toBeGreaterThan(0);
  return Object.assign(next, { listen, admin, pid });
}

it('a reload: new callers get the new configuration, calls and streams under way end in the old one [LC-07]', async () => {
  const [a, b] = [await instance(), await instance()];
  const path = join(folder, 'sidecar.yaml');
  writeFileSync(path, `upstream: ["${a}"]\n`);
  const sidecar = await start('--config', path, '--drain-ms', '20000');
  const old = stream(sidecar.listen);
  await old.echo();
  const calls = load(sidecar.listen);
  for (let round = 1; round <= 4; round++) {
    writeFileSync(path, `upstream: ["${round % 2 === 0 ? a : b}"]\n`);
    sidecar.child.kill('SIGHUP');
    await until('the reload', async () => (await sidecar.stats())['reloads'] === round);
    await old.echo();
  }
  writeFileSync(path, 'upstreams: []\n');
  sidecar.child.kill('SIGHUP');
  await until('the refusal', () => sidecar.stderr.includes('the nearest is upstream'));
  writeFileSync(path, `upstream: ["${b}"]\nlisten: 127.0.0.1:1\n`);
  const { calls: made, failed } = await calls.stop();
  expect(failed).toEqual([]);
  expect(made).toBeGreaterThan(50);
  expect(await old.end()).toBe(grpc.status.OK);
  const clusters = JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  expect(clusters.endpoints.map((endpoint: any) => endpoint.address)).toEqual([a]);
  expect((await sidecar.stop()).code).toBe(0);
});

it.each([1, 2])(
  'a new version takes the port over under load, three times in a row, %i worker(s): the old ones finish their stream and end [LC-04]',
  async (workers) => {
    const upstream = ['--upstream', await instance(), '--drain-ms', '20000', '--workers', String(workers)];
    const path = control();
    const first = await start('--control', path, ...upstream);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const calls = load(first.listen);
    let before: SidecarProcess = first;
    for (let round = 0; round < 3; round++) {
      const held = stream(first.listen);
      await held.echo();
      const next = await successor(path, '--admin', first.admin, ...upstream);
      expect([next.listen, next.admin]).toEqual([first.listen, first.admin]);
      await held.echo();
      expect(before.child.exitCode).toBeNull();
      expect(await held.end()).toBe(grpc.status.OK);
      expect((await before.ended).code).toBe(0);
      before = next;
    }
    const { calls: made, failed } = await calls.stop();
    expect(failed).toEqual([]);
    expect(made).toBeGreaterThan(50);
    expect((await unary(connect(first.listen), 'z')).code).toBe(grpc.status.OK);
    expect((await before.stop()).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  },
);

it('a successor that cannot start changes nothing; nobody to take over from is told', async () => {
  const upstream = ['--upstream', await instance()];
  const path = control();
  const first = await start('--control', path, ...upstream);
  const wrong = await runProcess(['--takeover', path, '--endpoints', join(folder, 'missing.yaml')]);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('MW_CONFIG') });
  await until('the courier’s end', () => first.stderr.includes('this one goes on'));
  expect((await unary(connect(first.listen), 'x')).code).toBe(grpc.status.OK);
  const nobody = await runProcess(['--takeover', join(folder, 'nobody'), ...upstream]);
  expect(nobody).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no sidecar to take over from'),
  });
  const taken = await runProcess(['--listen', '127.0.0.1:0', '--control', path, ...upstream]);
  expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining('use --takeover') });
});

it('a successor ends with its launcher, however that ends', async () => {
  const upstream = ['--upstream', await instance()];
  const path = control();
  await start('--control', path, ...upstream);
  const next = await successor(path, ...upstream);
  next.child.kill('SIGKILL');
  const alive = (): boolean => existsSync(`/proc/${next.pid}`);
  await until('the successor’s end', () => !alive());
});

it('POST /drain: not ready first, still serving; then GOAWAY, and the stream finishes [LC-03, LC-06]', async () => {
  const sidecar = await start(
    '--upstream',
    await instance(),
    '--drain-delay-ms',
    '300',
    '--drain-ms',
    '20000',
  );
  const held = stream(sidecar.listen);
  await held.echo();
  expect((await adminGet(sidecar.admin, '/drain')).status).toBe(405);
  expect(JSON.parse((await adminGet(sidecar.admin, '/drain', 'POST')).text)).toEqual({ draining: true });
  const ready = await adminGet(sidecar.admin, '/ready');
  expect([ready.status, JSON.parse(ready.text).reason]).toEqual([503, 'draining']);
  const late = connect(sidecar.listen);
  cleanups.push(() => late.close());
  expect((await unary(late, 'x')).code).toBe(grpc.status.OK);
  await held.echo();
  await until(
    'the port’s end',
    async () => (await unary(connect(sidecar.listen), 'x')).code === grpc.status.UNAVAILABLE,
  );
  await held.echo();
  expect(await held.end()).toBe(grpc.status.OK);
  expect((await adminGet(sidecar.admin, '/stats')).status).toBe(200);
  expect((await sidecar.stop()).code).toBe(0);
});

it('a sidecar that dies is UNAVAILABLE to its callers at once [LC-08]', async () => {
  const sidecar = await start('--upstream', await instance());
  const client = connect(sidecar.listen);
  const call = client.Both();
  const status = new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
  call.on('error', () => {});
  call.write(Buffer.from('x'));
  await new Promise((resolve) => call.once('data', resolve));
  sidecar.child.kill('SIGKILL');
  expect((await status).code).toBe(grpc.status.UNAVAILABLE);
  client.close();
});
