/**
 * The embedded Toxiproxy: its HTTP API on loopback. Unlike the real one it also refuses foreign hosts (DNS rebinding),
 * browsers by what they cannot hide (Origin, Sec-Fetch-Site), bodies that are no JSON or too large.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { MeshwrightError } from '../../base/errors.ts';
import { type Address, formatAddress, isLoopback, readLoopbackAddress } from './address.ts';
import { ToxiproxyApi } from './api.ts';
import { ApiError } from './api-error.ts';

const BODY_BYTES_MAX = 1_048_576;
const REQUEST_TIMEOUT_MS = 5_000;

export interface ToxiproxyServer {
  /** HOST:PORT of the API. */
  readonly listen: string;
  readonly url: string;
  /** Ends the API, all proxies and all their connections. */
  close(): Promise<void>;
}

/**
 * Starts the server. `listen` is HOST:PORT on loopback, port 0 for any; `seed` decides toxicity and jitter.
 * Throws MW_USAGE for an address outside of loopback, MW_PORT when the port cannot be bound.
 */
export async function startToxiproxy(options: { listen: string; seed?: number }): Promise<ToxiproxyServer> {
  const address = readListen(options.listen);
  const api = new ToxiproxyApi(seededRandom(options.seed ?? 1));
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  server.on('request', (request, response) => void answer(api, request, response));
  await listen(server, address);
  const bound = formatAddress({ host: address.host, port: (server.address() as { port: number }).port });
  return {
    listen: bound,
    url: `http://${bound}`,
    close: () => {
      api.stop();
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function answer(api: ToxiproxyApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let status = 500;
  let body: unknown;
  try {
    refuseStrangers(request);
    const path = readPath(request.url ?? '/');
    const parsed = await readBody(request);
    ({ status, body } = await api.handle(request.method ?? 'GET', path, parsed));
  } catch (error) {
    status = error instanceof ApiError ? error.status : 500;
    body = { error: (error as Error).message, status };
  }
  if (response.destroyed) return;
  if (body === undefined) {
    response.writeHead(status).end();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function refuseStrangers(request: IncomingMessage): void {
  const { host, origin, 'sec-fetch-site': site, 'user-agent': agent } = request.headers;
  if (agent?.startsWith('Mozilla/') === true) throw new ApiError(403, 'User agent not allowed');
  if (origin !== undefined || site !== undefined)
    throw new ApiError(403, 'requests of web pages are not allowed');
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (name !== 'localhost' && !isLoopback(name))
    throw new ApiError(403, 'the Host header must name loopback');
}

function readPath(url: string): string[] {
  const path = url.split('?', 1)[0] as string;
  try {
    return path
      .split('/')
      .slice(1)
      .map((segment) => decodeURIComponent(segment));
  } catch {
    throw new ApiError(400, 'bad path');
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new ApiError(413, `a body has at most ${BODY_BYTES_MAX} octets`);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new ApiError(415, 'the content type must be application/json');
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    throw new ApiError(400, `bad request body: ${(error as Error).message}`);
  }
}

function readListen(value: string): Address {
  try {
    return readLoopbackAddress(value, 'listen', 0);
  } catch (error) {
    throw new MeshwrightError('MW_USAGE', (error as Error).message.replace('bad request body: ', ''), {
      place: value,
      remedy: 'give an address of this machine, such as 127.0.0.1:8474',
    });
  }
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new MeshwrightError(
          'MW_PORT',
          `Toxiproxy cannot listen on ${formatAddress(address)}: ${error.message}`,
          {
            place: formatAddress(address),
            remedy: error.code === 'EADDRINUSE' ? 'choose another port, or 0 for any' : 'check the address',
          },
        ),
      );
    });
    server.listen({ ...address, exclusive: true }, resolve);
  });
}

/** A small generator (mulberry32), so that toxicity and jitter come from the run's seed. */
function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word = (word + Math.imul(word ^ (word >>> 7), word | 61)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 4_294_967_296;
  };
}
