/** Messages above the limit, between grpc-js ends: the call ends with RESOURCE_EXHAUSTED, the connection goes on. */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adminGet, connect, expectQuiet, startInstance, startProcess, unary } from './sidecar-kit.ts';
import type { Instance, SidecarProcess } from './sidecar-kit.ts';

const LIMIT = 100_000;
/** How long the reply is. */
type Ask = `${number} ${string}`;

let folder: string;
let instance: Instance;
let sidecar: SidecarProcess;
let served = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshwright-messages-'));
  instance = await startInstance({
    Unary: (call: { request: Buffer }, reply: (error: null, body: Buffer) => void) => {
      served += 1;
      reply(null, Buffer.alloc(Number.parseInt(call.request.toString('latin1'), 10), 'r'));
    },
  });
  const config = join(folder, 'sidecar.yaml');
  writeFileSync(config, `messageLimit: { requestBytesMax: ${LIMIT}, responseBytesMax: ${LIMIT} }\n`);
  sidecar = await startProcess(['--upstream', instance.address, '--config', config]);
});
afterAll(async () => {
  await sidecar?.kill();
  instance?.server.forceShutdown();
  await rm(folder, { recursive: true, force: true });
});

it('MS-25: in either direction, at the limit and one above, on one connection', async () => {
  const client = connect(sidecar.listen);
  const ask = (reply: number, length: number): Ask => `${reply} `.padEnd(length, 'q') as Ask;
  try {
    const good = await unary(client, ask(LIMIT, LIMIT));
    expect([good.code, good.body.length]).toEqual([status.OK, LIMIT]);
    const long = await unary(client, ask(1, LIMIT + 1));
    expect([long.code, long.details]).toEqual([
      status.RESOURCE_EXHAUSTED,
      `a request message of ${LIMIT + 1} octets is longer than the ${LIMIT} that the sidecar takes`,
    ]);
    expect(served).toBe(1);
    const longReply = await unary(client, ask(LIMIT + 1, 10));
    expect(longReply.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(longReply.details).toContain(`sent a message of ${LIMIT + 1} octets`);
    expect((await unary(client, ask(5, 10))).body).toBe('rrrrr');
    expect(JSON.parse((await adminGet(sidecar.admin, '/stats')).text)).toMatchObject({
      messagesTooLong: 2,
      connectionsDownstream: 1,
      callsStarted: 4,
    });
  } finally {
    client.close();
  }
  await expectQuiet(sidecar);
});
