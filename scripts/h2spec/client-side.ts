/**
 * h2specd as the endpoint behind a proxy. For each case it names a port and runs a command that has to call it; the command
 * only hands the port to this process, which starts a fresh proxy, makes one call through it and ends it.
 * A relay between proxy and tester takes one connection and ends the case when the tester closes it, so that neither a
 * second dial nor the proxy's own end is judged.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end } from '../../test/bench/proxy/children.ts';
import type { Proxy } from '../../test/bench/proxy/proxies.ts';
import { runTester, startBefore } from './tester.ts';
import type { Verdict } from './tester.ts';

const COMMAND = fileURLToPath(new URL('./command.mjs', import.meta.url));
/** h2specd gives up on a command after 3 s and, by the flag below, judges a silent peer after 1 s. */
const CASE_MS_MAX = 2_200;
const FIRST_PORT = 31_200;

export async function judgeClient(proxy: Proxy, folder: string): Promise<Verdict> {
  const desk = await listen((socket) => {
    socket.on('error', () => {});
    socket.once(
      'data',
      (port: Buffer) => void serveCase(proxy, folder, Number(port)).then(() => socket.end()),
    );
  });
  try {
    const command = `${process.execPath} ${COMMAND} ${portOf(desk)}`;
    const flags = ['-o', '1', '-h', '127.0.0.1', '-p', '0', '-f', String(FIRST_PORT), '-e', command];
    return await runTester('h2specd', flags);
  } finally {
    desk.close();
  }
}

async function serveCase(proxy: Proxy, folder: string, testerPort: number): Promise<void> {
  const limit = new AbortController();
  const relay = await listen((socket) => {
    relay.close();
    const onward = connect(testerPort, '127.0.0.1');
    for (const one of [socket, onward]) one.on('error', () => {});
    socket.pipe(onward);
    onward.pipe(socket);
    onward.on('close', () => limit.abort());
  });
  const { child, address } = await startBefore(proxy, { ports: [portOf(relay)], tls: null }, folder);
  const session = http2.connect(`http://${address}`);
  session.on('error', () => {});
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => {});
  stream.resume();
  await sleep(CASE_MS_MAX, undefined, { signal: limit.signal }).catch(() => {});
  session.destroy();
  relay.close();
  await end(child);
}

async function listen(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
