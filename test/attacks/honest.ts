/** The parties that stand beside an attack over sockets, by node:http2: an honest upstream and an innocent caller. */
import { once } from 'node:events';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { BIG_PATH, HOLD_PATH } from './rig.ts';

const PATH = '/my_service.MyService/MyMethod';
const REPLY = Buffer.alloc(100);
const DEADLINE_EXCEEDED = '4';

export class HonestUpstream {
  open = 0;
  openMax = 0;
  served = 0;
  readonly server = http2.createServer({
    settings: { maxConcurrentStreams: 100_000 },
    // Its own bound on what it has to send would refuse calls, the innocent one's as well.
    maxSessionMemory: 1_000,
  });
  readonly #sessions = new Set<http2.Http2Session>();

  constructor() {
    this.server.on('session', (session) => this.#sessions.add(session));
    this.server.on('error', () => {});
    this.server.on('sessionError', () => {});
    this.server.on('stream', (stream, headers) => this.#serve(stream, String(headers[':path'])));
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.server.close();
  }

  #serve(stream: http2.ServerHttp2Stream, path: string): void {
    this.openMax = Math.max(this.openMax, ++this.open);
    stream.on('close', () => void this.open--);
    stream.on('error', () => {});
    if (path === HOLD_PATH) return;
    stream.resume();
    stream.on('end', () => {
      if (stream.destroyed) return;
      if (path === PATH) this.served++;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(path === BIG_PATH ? Buffer.alloc(1_000_000) : REPLY);
    });
  }
}

/** Calls one after the other, or many at once. */
export class InnocentCaller {
  calls = 0;
  answered = 0;
  outOfTime = 0;
  readonly #session: http2.ClientHttp2Session;
  readonly #deadlineMs: number;

  constructor(address: string, deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#session = http2.connect(`http://${address}`);
    this.#session.on('error', () => {});
  }

  call(): Promise<void> {
    this.calls++;
    return new Promise((resolve) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': `${this.#deadlineMs}m`,
      });
      let octets = 0;
      let status = '';
      stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? '')));
      stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
      stream.on('data', (chunk: Buffer) => (octets += chunk.length));
      stream.on('error', () => {});
      stream.on('close', () => {
        if (status === '0' && octets === REPLY.length) this.answered++;
        if (status === DEADLINE_EXCEEDED) this.outOfTime++;
        resolve();
      });
      stream.end();
    });
  }

  close(): void {
    this.#session.destroy();
  }
}
