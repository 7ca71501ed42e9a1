/** h2spec as a caller of a proxy that stands before a node:http2 endpoint. */
import http2 from 'node:http2';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { end } from '../../test/bench/proxy/children.ts';
import type { Proxy, Tls } from '../../test/bench/proxy/proxies.ts';
import { runTester, startBefore } from './tester.ts';
import type { Verdict } from './tester.ts';

export async function judgeServer(proxy: Proxy, tls: Tls | null, folder: string): Promise<Verdict> {
  const endpoint = await startEndpoint(tls);
  const far = { ports: [(endpoint.address() as AddressInfo).port], tls };
  const { child, address } = await startBefore(proxy, far, folder);
  try {
    const [host, port] = address.split(':') as [string, string];
    const flags = ['-h', host, '-p', port, ...(tls === null ? [] : ['--tls', '--insecure'])];
    return await runTester('h2spec', flags);
  } finally {
    await end(child);
    endpoint.close();
  }
}

/** Answers every request with a body that is long enough for the cases on flow control. */
async function startEndpoint(tls: Tls | null): Promise<http2.Http2Server | http2.Http2SecureServer> {
  const server =
    tls === null
      ? http2.createServer()
      : http2.createSecureServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.resume();
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end('a body of some octets');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
