/** The admin server: what the sidecar says about itself, on loopback only; and one thing it can be told: to drain. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as NetServer } from 'node:net';
import type { Address } from '../policy/address.ts';
import { listenOn } from './listen-on.ts';

/** What it can be asked; each answer is made when asked for. */
export interface AdminSource {
  /** '' when ready, else why not. */
  notReady(): string | Promise<string>;
  stats(): unknown;
  clusters(): unknown;
  /** Begins it; it may have begun. */
  drain(): void;
}

const LOCAL_HOST = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i;

export class AdminServer {
  readonly #server: Server;
  readonly #source: AdminSource;

  constructor(source: AdminSource) {
    this.#source = source;
    this.#server = createServer(
      { requestTimeout: 5_000, headersTimeout: 5_000 },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.maxConnections = 64;
  }

  /** Resolves to HOST:PORT as it is. */
  listen(address: Address): Promise<string> {
    return listenOn(this.#server as NetServer, address, '--admin');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    // A page in a browser must not reach this through a name that it made point here.
    if (!LOCAL_HOST.test(request.headers.host ?? ''))
      return answer(response, 403, { error: 'the Host header must name loopback' });
    // No page has any business here: browsers tell where a request comes from.
    if (request.headers.origin !== undefined) return answer(response, 403, { error: 'not for web pages' });
    const path = (request.url ?? '/').split('?', 1)[0];
    if (path === '/drain') {
      if (request.method !== 'POST') return answer(response, 405, { error: 'only POST' });
      this.#source.drain();
      return answer(response, 200, { draining: true });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(response, 405, { error: 'only GET' });
    if (path === '/stats') return answer(response, 200, await this.#source.stats());
    if (path === '/clusters') return answer(response, 200, await this.#source.clusters());
    if (path !== '/ready')
      return answer(response, 404, { error: 'there are /ready, /stats and /clusters, and POST /drain' });
    const reason = await this.#source.notReady();
    if (reason === '') answer(response, 200, { ready: true });
    else answer(response, 503, { ready: false, reason });
  }
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
