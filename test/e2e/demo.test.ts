/** The demo of the README with a client of another language: server, sidecar, and Python's grpcio. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProcess, until } from './sidecar-kit.ts';
import type { SidecarProcess } from './sidecar-kit.ts';

const BIN = new URL('../../bin/meshwright.js', import.meta.url).pathname;
/** The messages have one string field each; its name must stay short of 128 octets here. */
const CLIENT = `
import grpc, sys
def encode(name):
    data = name.encode()
    return bytes([10, len(data)]) + data
def decode(data):
    assert data[0] == 10 and data[1] == len(data) - 2, data
    return data[2:].decode()
with grpc.insecure_channel(sys.argv[1]) as channel:
    call = channel.unary_unary('/my_service.MyService/MyMethod', request_serializer=encode, response_deserializer=decode)
    print(call(sys.argv[2], timeout=20))
`;

/** A Python with grpcio, or why there is none. */
function findPython(): { python: string; reason: string } {
  let reason = 'there is no python3';
  for (const python of ['python3', '/usr/bin/python3']) {
    const tried = spawnSync(python, ['-c', 'import grpc'], { encoding: 'utf8' });
    if (tried.status === 0) return { python, reason: '' };
    if (tried.error === undefined) reason = tried.stderr.trim().split('\n').at(-1) ?? reason;
  }
  return { python: '', reason };
}

const { python, reason } = findPython();
if (python === '') process.stderr.write(`demo test skipped, no Python client: ${reason}\n`);

describe.skipIf(python === '')('the demo', () => {
  const sidecars: SidecarProcess[] = [];
  let server: ChildProcess;
  let address = '';

  beforeAll(async () => {
    server = spawn(process.execPath, [BIN, 'demo-server', '--listen', '127.0.0.1:0']);
    let said = '';
    server.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('the demo server is ready', () => said.includes('\n'));
    address = (JSON.parse(said) as { listen: string }).listen;
  });

  afterAll(async () => {
    await Promise.all(sidecars.map((sidecar) => sidecar.kill()));
    server?.kill('SIGKILL');
  });

  function greet(target: string): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(python, ['-c', CLIENT, target, 'World'], { timeout: 30_000 }, (error, stdout, stderr) =>
        error === null ? resolve(stdout.trim()) : reject(new Error(stderr)),
      );
    });
  }

  it.each([
    [[], 'Hello, World'],
    [['--tag'], 'Sidecar: Hello, World'],
  ])('with %j Python gets %s', async (flags, greeting) => {
    const sidecar = await startProcess(['--upstream', address, ...flags], 'command');
    sidecars.push(sidecar);
    expect(await greet(sidecar.listen)).toBe(greeting);
    expect(await sidecar.stats()).toMatchObject({ callsEnded: 1, callsAlive: 0 });
  });
});
