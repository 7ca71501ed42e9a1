/** A spawned sidecar's life: endpoint file churn, instances that die, drain under load, signals, standard input, the trace. */
import * as http2 from 'node:http2';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, expect, it } from 'vitest';
import {
  adminGet,
  connect,
  expectQuiet,
  SidecarProcess,
  startInstance,
  startProcess,
  unary,
  until,
} from './sidecar-kit.ts';
import type { Instance } from './sidecar-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-life-'));
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An instance that answers with its name, after a while. */
async function named(name: string, afterMs = 0, status = 0): Promise<Instance & { calls: number }> {
  const kept = { calls: 0 };
  const instance = await startInstance({
    Unary: (_call: any, done: any) => {
      kept.calls++;
      const answer = () =>
        status === 0 ? done(null, Buffer.from(name)) : done({ code: status, details: name });
      if (afterMs > 0) setTimeout(answer, afterMs);
      else answer();
    },
    Down: () => {},
    Up: () => {},
    Both: () => {},
  });
  cleanups.push(() => instance.server.forceShutdown());
  return Object.assign(kept, instance);
}

async function start(
  flags: readonly string[],
  entry: 'direct' | 'command' = 'direct',
): Promise<[SidecarProcess, any]> {
  const sidecar = await startProcess(flags, entry);
  cleanups.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  cleanups.push(() => client.close());
  return [sidecar, client];
}

async function bodies(client: any, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < count; i++) all.push((await unary(client, 'x')).body);
  return all.sort();
}

it('an endpoint file: added, draining, removed; unusable ones leave the last good set and say so', async () => {
  const a = await named('a');
  const b = await named('b');
  const path = join(folder, 'endpoints.yaml');
  const write = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const both = JSON.stringify({
    endpoints: [
      { address: a.address, id: 'a' },
      { address: b.address, id: 'b' },
    ],
  });
  write(`endpoints: [{ address: "${a.address}", id: a }]`);
  const [sidecar, client] = await start(['--endpoints', path]);
  const clusters = async () => JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
  const pickable = async (ids: string): Promise<boolean> => {
    const { endpoints } = await clusters();
    return endpoints.flatMap((one: any) => (one.pickable ? [one.id] : [])).join() === ids;
  };
  expect(await bodies(client, 2)).toEqual(['a', 'a']);
  write(both);
  await until('b was added', () => pickable('a,b'));
  expect(await bodies(client, 4)).toEqual(['a', 'a', 'b', 'b']);
  write(
    `endpoints:\n  - { address: "${a.address}", id: a, draining: true }\n  - { address: "${b.address}", id: b }`,
  );
  await until('a drains', () => pickable('b'));
  expect(await bodies(client, 2)).toEqual(['b', 'b']);
  for (const [what, spoil, trouble] of [
    ['removed', () => rmSync(path), 'does not exist'],
    ['truncated', () => writeFileSync(path, ''), 'it is empty'],
    ['malformed', () => writeFileSync(path, 'endpoints: ['), 'neither YAML nor JSON'],
    ['wrong', () => write('endpoints: [{ address: nowhere }]'), 'endpoints.0.address'],
  ] as const) {
    spoil();
    await until(`${what} is told`, async () => String((await clusters()).trouble).includes(trouble));
    expect(
      sidecar.stderr.split('\n').filter((line) => line.includes(trouble)),
      what,
    ).toHaveLength(1);
    expect(await bodies(client, 2)).toEqual(['b', 'b']);
  }
  expect(sidecar.stderr).toContain('The last good set stays.');
  write(both);
  await until('all is good again', () => pickable('a,b'));
  expect((await clusters()).trouble).toBeNull();
  expect(sidecar.stderr).toContain('good again');
  await expectQuiet(sidecar);
});

it('an instance that answers UNAVAILABLE, and one that dies: callers notice neither', async () => {
  const good = await named('good');
  const bad = await named('bad', 0, 14);
  const [sidecar, client] = await start(['--upstream', `${good.address},${bad.address}`]);
  expect(await bodies(client, 10)).toEqual(Array.from({ length: 10 }, () => 'good'));
  expect(bad.calls).toBe(5);
  expect((await sidecar.stats())['retries']).toBe(5);
  bad.server.forceShutdown();
  expect(await bodies(client, 10)).toEqual(Array.from({ length: 10 }, () => 'good'));
  await expectQuiet(sidecar);
});

it.each(['direct', 'command'] as const)(
  '%s: drain under load loses no call and exits 0 within its time',
  async (entry) => {
    const slow = await named('slow', 300);
    const [sidecar, client] = await start(['--upstream', slow.address, '--drain-ms', '3000'], entry);
    const calls = Array.from({ length: 50 }, () => unary(client, 'x'));
    await until('all calls are under way', () => slow.calls === 50);
    const began = performance.now();
    const ended = await sidecar.stop();
    expect(ended.code).toBe(0);
    expect(performance.now() - began).toBeLessThan(3_000);
    for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject({ code: 0, body: 'slow' });
  },
);

it('LC-01: a drain waits for callers that have not taken all of their answers yet', async () => {
  const answer = 'x'.repeat(5_000);
  const instance = await named(answer);
  const [sidecar] = await start(['--upstream', instance.address, '--drain-ms', '5000']);
  const session = http2.connect(`http://${sidecar.listen}`, { settings: { initialWindowSize: 100 } });
  cleanups.push(() => session.destroy());
  const head = {
    ':method': 'POST',
    ':path': '/t.T/Unary',
    te: 'trailers',
    'content-type': 'application/grpc',
  };
  const stream = session.request(head);
  let status = '';
  stream.on('error', (error) => (status = String(error)));
  stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
  stream.end(Buffer.alloc(5));
  await until('the answer is in the sidecar', async () => {
    const { callsEnded, bytesHeld } = await sidecar.stats();
    return callsEnded === 1 && (bytesHeld as number) > 0;
  });
  const ended = sidecar.stop();
  await new Promise((resolve) => session.once('goaway', resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  let octets = 0;
  stream.on('data', (piece: Buffer) => (octets += piece.length));
  expect((await ended).code).toBe(0);
  expect([octets, status]).toEqual([5 + answer.length, '0']);
});

it('calls that outlast the drain end as UNAVAILABLE by trailers, endpoints hear a cancel, and the exit is in time', async () => {
  const heard = { calls: 0, cancelled: 0 };
  const hold = (call: any): void => {
    heard.calls++;
    call.on('cancelled', () => heard.cancelled++);
  };
  const instance = await startInstance({
    Unary: hold,
    Down: (call: any) => {
      hold(call);
      call.write(Buffer.from('begun'));
    },
    Up: hold,
    Both: hold,
  });
  cleanups.push(() => instance.server.forceShutdown());
  const [sidecar, client] = await start(['--upstream', instance.address, '--drain-ms', '500']);
  const mute = unary(client, 'x', { deadlineMs: 20_000 });
  const down = client.Down(Buffer.from('x'));
  const both = client.Both();
  both.write(Buffer.from('x'));
  const received: string[] = [];
  down.on('data', (piece: Buffer) => received.push(piece.toString()));
  const ends = [down, both].map((stream) => {
    stream.on('error', () => {});
    return new Promise<grpc.StatusObject>((resolve) => stream.on('status', resolve));
  });
  await until('all are under way', () => heard.calls === 3 && received.length === 1);
  const ended = await sidecar.stop();
  expect(ended.code).toBe(0);
  // A socket that is cut gives UNAVAILABLE too, but not these words.
  for (const end of [await mute, ...(await Promise.all(ends))]) {
    expect(end).toMatchObject({ code: grpc.status.UNAVAILABLE, details: expect.stringContaining('drain') });
  }
  expect(received).toEqual(['begun']);
  await until('the endpoint heard of each', () => heard.cancelled === 3);
});

it('a second signal ends it at once', async () => {
  const slow = await named('slow', 60_000);
  const [sidecar, client] = await start(['--upstream', slow.address, '--drain-ms', '60000']);
  const call = unary(client, 'x', { deadlineMs: 50_000 });
  await until('the call is under way', () => slow.calls === 1);
  sidecar.child.kill('SIGTERM');
  await until('it drains', async () => (await adminGet(sidecar.admin, '/ready')).text.includes('draining'));
  const ended = await sidecar.stop();
  expect(ended.code).toBe(1);
  expect((await call).code).toBe(grpc.status.UNAVAILABLE);
});

it('--watch-stdin: whoever started it goes, it goes', async () => {
  const [sidecar] = await start(['--upstream', '127.0.0.1:1', '--watch-stdin']);
  sidecar.child.stdin?.end();
  expect((await sidecar.ended).code).toBe(0);
});

it('--trace-fd: one JSON array per line, in order, for calls that carry a number', async () => {
  const one = await named('one');
  const flags = [
    '--listen',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--upstream',
    one.address,
    '--trace-fd',
    '3',
  ];
  const sidecar = await new SidecarProcess(flags, 'direct', ['ignore', 'pipe', 'pipe', 'pipe']).ready();
  cleanups.push(() => sidecar.kill());
  let text = '';
  (sidecar.child.stdio[3] as NodeJS.ReadableStream).on('data', (chunk: Buffer) => (text += chunk.toString()));
  const client = connect(sidecar.listen);
  cleanups.push(() => client.close());
  const metadata = new grpc.Metadata();
  metadata.set('x-meshwright-call', '77');
  await unary(client, 'x', { metadata });
  await unary(client, 'x');
  await sidecar.stop();
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown[]);
  const ofCall = lines.filter((line) =>
    ['attempt', 'response', 'call'].includes(String(line[0]).split('.')[0] ?? ''),
  );
  expect(ofCall.map(([kind, , ...rest]) => [kind, ...rest])).toEqual([
    ['attempt.sent', 77, 1, one.address],
    ['response.started', 77, 1],
    ['attempt.ended', 77, 1, one.address, 'complete', 0],
    ['call.ended', 77, 0, 0],
  ]);
  const changes = lines.flatMap((line) => (line[0] === 'endpoint.changed' ? [line[3]] : []));
  expect(changes).toEqual(['added', 'dialling', 'connected', 'pickable']);
  expect(lines.filter((line) => line[0] === 'cpu').length).toBeGreaterThan(1);
  const times = ofCall.map((line) => Number(line[1]));
  expect(times.toSorted((left, right) => left - right)).toEqual(times);
});
