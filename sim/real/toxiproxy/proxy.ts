/** One proxy: a listener on loopback, its upstream, its toxics and the connections through it. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Address, formatAddress, readLoopbackAddress } from './address.ts';
import { ApiError } from './api-error.ts';
import { readToxic, readToxicUpdate, type ToxicJson } from './attributes.ts';
import { Connection } from './link.ts';
import { Toxic } from './toxic.ts';

const TOXICS_MAX = 64;
const CONNECTIONS_MAX = 10_000;
const DIAL_TIMEOUT_MS = 10_000;

export interface ProxyJson {
  name: string;
  listen: string;
  upstream: string;
  enabled: boolean;
  toxics: readonly ToxicJson[];
}

export class Proxy {
  readonly name: string;
  #listen: Address;
  #upstream: string;
  #target: Address;
  #server: Server | null = null;
  readonly #random: () => number;
  readonly #toxics: Toxic[] = [];
  readonly #connections = new Set<Connection>();
  readonly #dialling = new Set<Socket>();

  /** Throws ApiError 400 for addresses outside of loopback. */
  constructor(name: string, listen: unknown, upstream: unknown, random: () => number) {
    this.name = name;
    this.#listen = readLoopbackAddress(listen ?? '127.0.0.1:0', 'listen', 0);
    this.#target = readLoopbackAddress(upstream, 'upstream', 1);
    this.#upstream = upstream as string;
    this.#random = random;
  }

  toJSON(): ProxyJson {
    return {
      name: this.name,
      listen: formatAddress(this.#listen),
      upstream: this.#upstream,
      enabled: this.#server !== null,
      toxics: this.toxics(),
    };
  }

  /** Upstream ones first, as in Toxiproxy. */
  toxics(): ToxicJson[] {
    const list = (stream: string): ToxicJson[] =>
      this.#toxics.filter((toxic) => toxic.stream === stream).map((toxic) => toxic.toJSON());
    return [...list('upstream'), ...list('downstream')];
  }

  /** Binds; a no-op when it listens. Throws ApiError 500 when the port cannot be had. */
  async start(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) =>
      this.#accept(client),
    );
    server.maxConnections = CONNECTIONS_MAX;
    this.#server = server;
    try {
      await listenOn(server, this.#listen);
    } catch (error) {
      this.#server = null;
      throw new ApiError(500, `listen tcp ${formatAddress(this.#listen)}: ${(error as Error).message}`);
    }
    this.#listen = { host: this.#listen.host, port: (server.address() as { port: number }).port };
  }

  /** Ends the listener and all connections. */
  stop(): void {
    this.#server?.close();
    this.#server = null;
    for (const connection of this.#connections) connection.destroy();
    for (const client of this.#dialling) client.destroy();
  }

  /** What is not given stays; another address stops the proxy first. */
  async update(listen: unknown, upstream: unknown, enabled: unknown): Promise<void> {
    const nextListen = listen === undefined ? this.#listen : readLoopbackAddress(listen, 'listen', 0);
    const target = upstream === undefined ? this.#target : readLoopbackAddress(upstream, 'upstream', 1);
    if (enabled !== undefined && typeof enabled !== 'boolean') {
      throw new ApiError(400, 'bad request body: enabled is true or false');
    }
    const wanted = (enabled as boolean | undefined) ?? this.#server !== null;
    const nextUpstream = upstream === undefined ? this.#upstream : (upstream as string);
    if (formatAddress(nextListen) !== formatAddress(this.#listen) || nextUpstream !== this.#upstream) {
      this.stop();
      this.#listen = nextListen;
      this.#target = target;
      this.#upstream = nextUpstream;
    }
    if (wanted) await this.start();
    else this.stop();
  }

  toxic(name: string): Toxic {
    const toxic = this.#toxics.find((candidate) => candidate.name === name);
    if (toxic === undefined) throw new ApiError(404, 'toxic not found');
    return toxic;
  }

  addToxic(body: unknown): Toxic {
    const toxic = new Toxic(readToxic(body));
    if (this.#toxics.some((other) => other.name === toxic.name))
      throw new ApiError(409, 'toxic already exists');
    if (this.#toxics.length >= TOXICS_MAX)
      throw new ApiError(400, `a proxy has at most ${TOXICS_MAX} toxics`);
    this.#toxics.push(toxic);
    for (const connection of this.#connections) connection.addToxic(toxic);
    return toxic;
  }

  updateToxic(name: string, body: unknown): Toxic {
    const toxic = this.toxic(name);
    const { attributes, toxicity } = readToxicUpdate(toxic.toJSON(), body);
    toxic.attributes = attributes;
    toxic.toxicity = toxicity;
    for (const connection of this.#connections) connection.updateToxic(toxic);
    return toxic;
  }

  removeToxic(name: string): void {
    const toxic = this.toxic(name);
    this.#toxics.splice(this.#toxics.indexOf(toxic), 1);
    for (const connection of this.#connections) connection.removeToxic(toxic);
  }

  removeAllToxics(): void {
    for (const toxic of this.#toxics.splice(0)) {
      for (const connection of this.#connections) connection.removeToxic(toxic);
    }
  }

  #accept(client: Socket): void {
    this.#dialling.add(client);
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => server.destroy(), DIAL_TIMEOUT_MS);
    const givenUp = (): void => {
      clearTimeout(timer);
      this.#dialling.delete(client);
      client.destroy();
      server.destroy();
    };
    client.on('error', () => undefined);
    server.on('error', () => undefined);
    client.once('close', givenUp);
    server.once('close', givenUp);
    server.once('connect', () => {
      clearTimeout(timer);
      this.#dialling.delete(client);
      client.off('close', givenUp);
      server.off('close', givenUp);
      const connection = new Connection(client, server, this.#toxics, this.#random, (gone) =>
        this.#connections.delete(gone),
      );
      this.#connections.add(connection);
    });
  }
}

function listenOn(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
}
