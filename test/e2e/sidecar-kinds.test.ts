/** The sidecar between a grpc-js client and a grpc-js server: four kinds of call, the tag, and errors that name their fix. */
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSidecar } from '../../proxy/index.ts';
import type { SidecarServer } from '../../proxy/index.ts';

const PROTO = new URL('../../protos/my_service.proto', import.meta.url).pathname;
const loaded = grpc.loadPackageDefinition(loadSync(PROTO)) as unknown as {
  my_service: { MyService: grpc.ServiceClientConstructor };
};
const { MyService } = loaded.my_service;
const server = new grpc.Server();
let sidecar: SidecarServer;
let client: any;

beforeAll(async () => {
  server.addService(MyService.service, {
    MyMethod: (call: any, done: any) => done(null, { message: `Hello, ${call.request.name}` }),
    MyServerStream: (call: any) => {
      for (let n = 0; n < 3; n++) call.write({ message: `m${n}` });
      call.end();
    },
    MyClientStream: (call: any, done: any) => {
      let count = 0;
      call.on('data', () => count++);
      call.on('end', () => done(null, { message: `got ${count}` }));
    },
    MyBidiStream: (call: any) => {
      call.on('data', (message: any) => call.write({ message: `echo ${message.name}` }));
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  sidecar = await startSidecar({ listen: '127.0.0.1:0', upstream: `127.0.0.1:${port}`, tag: true });
  client = new MyService(sidecar.listen, grpc.credentials.createInsecure());
});

afterAll(async () => {
  client?.close();
  await sidecar?.stop();
  server.forceShutdown();
});

async function messages(stream: AsyncIterable<{ message: string }>): Promise<string[]> {
  const all: string[] = [];
  for await (const { message } of stream) all.push(message);
  return all;
}

it('unary, with the tag', async () => {
  const reply = await new Promise<any>((resolve, reject) => {
    client.MyMethod({ name: 'World' }, (error: unknown, value: unknown) =>
      error === null ? resolve(value) : reject(error),
    );
  });
  expect(reply.message).toBe('Sidecar: Hello, World');
});

it('a large message passes whole', async () => {
  const name = 'x'.repeat(3_000_000);
  const reply = await new Promise<any>((resolve, reject) => {
    client.MyMethod({ name }, (error: unknown, value: unknown) =>
      error === null ? resolve(value) : reject(error),
    );
  });
  expect(reply.message.length).toBe(name.length + 'Sidecar: Hello, '.length);
});

it('server, client and both-way streams', async () => {
  expect(await messages(client.MyServerStream({ name: 'x' }))).toEqual(['Sidecar: m0', 'm1', 'm2']);
  const counted = await new Promise<any>((resolve, reject) => {
    const call = client.MyClientStream((error: unknown, value: unknown) =>
      error === null ? resolve(value) : reject(error),
    );
    call.write({ name: 'a' });
    call.write({ name: 'b' });
    call.end();
  });
  expect(counted.message).toBe('Sidecar: got 2');
  const both = client.MyBidiStream();
  both.write({ name: 'q' });
  both.write({ name: 'w' });
  both.end();
  expect(await messages(both)).toEqual(['Sidecar: echo q', 'echo w']);
});

it('an endpoint that cannot be reached gives UNAVAILABLE that names it', async () => {
  const alone = await startSidecar({ listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
  const lost: any = new MyService(alone.listen, grpc.credentials.createInsecure());
  const error = await new Promise<any>((resolve) => lost.MyMethod({ name: 'x' }, resolve));
  expect(error.code).toBe(14);
  expect(error.details).toContain('127.0.0.1:1');
  lost.close();
  await alone.stop();
});

it.each([
  [{}, 'no endpoint is given'],
  [{ upstream: '127.0.0.1:1' }, 'no address to listen on'],
  [{ upstream: 'nowhere', listen: '127.0.0.1:0' }, 'not HOST:PORT'],
  [{ upstream: '127.0.0.1:1', listen: '127.0.0.1:0', 'drain-ms': 'soon' }, 'not a whole number'],
  [{ upstream: '127.0.0.1:1', listen: '127.0.0.1:0', admin: '0.0.0.0:1' }, 'not a loopback address'],
])('bad flags %j are told with a fix', async (flags, text) => {
  await expect(startSidecar(flags)).rejects.toThrow(text);
  await startSidecar(flags).catch((error) => expect(String(error)).toMatch(/^MW_USAGE: .*Fix: /));
});

it('a port in use is told with a fix', async () => {
  const again = startSidecar({ listen: sidecar.listen, upstream: '127.0.0.1:1' });
  await expect(again).rejects.toMatchObject({ code: 'MW_PORT', place: '--listen' });
});
