/** DC-18 on a real sidecar process: a logical name whose answer turns, with calls before, across and after it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDns } from '../unit/discovery/fake-dns.ts';
import { adminGet, connect, type Entry, startInstance, startProcess, unary, until } from './sidecar-kit.ts';

/** Two instances behind one name and port, each with an address of its own. */
async function startPair() {
  const handlers = (says: string) => ({
    Unary: (_call: unknown, done: (error: null, reply: Buffer) => void) => done(null, Buffer.from(says)),
    Both: (stream: any) => {
      stream.on('data', (data: Buffer) => stream.write(Buffer.concat([Buffer.from(`${says} `), data])));
      stream.on('end', () => stream.end());
    },
  });
  const first = await startInstance(handlers('first'));
  const port = Number(first.address.split(':')[1]);
  const second = await startInstance(handlers('second'), `127.0.0.2:${port}`);
  return { port, first, second };
}

/** Throws with what went another way than it must. `entry`: the sidecar that is looked at. */
export async function followLogicalName(entry: Entry = 'direct'): Promise<void> {
  const leave: (() => unknown)[] = [];
  try {
    await follow(entry, leave);
  } finally {
    for (const end of leave.reverse()) await end();
  }
}

async function follow(entry: Entry, leave: (() => unknown)[]): Promise<void> {
  const { port, first, second } = await startPair();
  leave.push(
    () => first.server.forceShutdown(),
    () => second.server.forceShutdown(),
  );
  const dns = await startDns({ 'svc.test A': { ttl: 0, addresses: ['127.0.0.1', '127.0.0.2'] } });
  leave.push(() => dns.close());
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-dns-'));
  leave.push(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'sidecar.yaml');
  const discovery = { kind: 'dns', name: 'svc.test', port, dialect: 'logical', minRefreshMs: 20 };
  writeFileSync(config, JSON.stringify({ discovery: { ...discovery, server: dns.address } }));
  const sidecar = await startProcess(['--config', config], entry);
  leave.push(() => sidecar.kill());
  const client = connect(sidecar.listen);
  leave.push(() => client.close());

  const stream = client.Both();
  leave.push(() => stream.cancel());
  const echoes: string[] = [];
  stream.on('data', (data: Buffer) => echoes.push(data.toString()));
  stream.on('error', ({ message }: Error) => echoes.push(message));
  const echo = async (text: string): Promise<void> => {
    const count = echoes.length;
    stream.write(Buffer.from(text));
    await until('an echo', () => echoes.length > count);
    if (echoes.at(-1) !== `first ${text}`) throw new Error(`the stream said ${echoes.at(-1)}`);
  };
  const calls = async (to: string, when: string): Promise<void> => {
    for (let n = 0; n < 10; n++) {
      const { code, body, details } = await unary(client, 'x');
      if (body !== to)
        throw new Error(`a call ${when} went to ${body || `${code} ${details}`}, not to ${to}`);
    }
  };
  const dials = async (): Promise<string> => {
    const { endpoints } = JSON.parse((await adminGet(sidecar.admin, '/clusters')).text);
    if (endpoints.length !== 1) throw new Error(`there are ${endpoints.length} endpoints, not one`);
    return endpoints[0].dialAddress;
  };

  await calls('first', 'before the turn');
  await echo('before');
  dns.answers.set('svc.test A', { ttl: 0, addresses: ['127.0.0.2'] });
  await until('the turn', async () => (await dials()) === `127.0.0.2:${port}`);
  await calls('first', 'after the turn');
  await echo('after');
  stream.end();
  // Who was first goes by itself: what comes now needs a connection, and gets it where the answer says.
  first.server.tryShutdown(() => undefined);
  await until('another connection', async () => (await unary(client, 'x')).body === 'second');
  await calls('second', 'on a new connection');
}
