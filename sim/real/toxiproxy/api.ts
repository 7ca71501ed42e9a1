/** Toxiproxy's HTTP API as a table of routes over a collection of proxies; no HTTP in here. */
import { ApiError } from './api-error.ts';
import { readName, readObject } from './attributes.ts';
import { Proxy } from './proxy.ts';

const PROXIES_MAX = 1_000;

/** The version that clients see: the one whose API this follows. */
export const API_VERSION = '2.12.0-meshwright';

export interface ApiAnswer {
  status: number;
  body: unknown;
}

export class ToxiproxyApi {
  readonly #proxies = new Map<string, Proxy>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** `path` are the decoded segments; `body` the parsed JSON, undefined when there was none. Throws ApiError. */
  async handle(method: string, path: readonly string[], body: unknown): Promise<ApiAnswer> {
    const [root, name, sub, toxic, ...rest] = path;
    if (rest.length > 0) throw notFound();
    const update = method === 'POST' || method === 'PATCH';
    if (path.length === 1) return this.#handleRoot(root as string, method, body);
    if (root !== 'proxies' || name === undefined) throw notFound();
    if (sub === undefined) return this.#handleProxy(method, update, name, body);
    if (sub !== 'toxics') throw notFound();
    const proxy = this.#get(name);
    if (toxic === undefined) {
      if (method === 'GET') return { status: 200, body: proxy.toxics() };
      if (method === 'POST') return { status: 200, body: proxy.addToxic(body) };
      throw notAllowed();
    }
    if (method === 'GET') return { status: 200, body: proxy.toxic(toxic) };
    if (update) return { status: 200, body: proxy.updateToxic(toxic, body) };
    if (method !== 'DELETE') throw notAllowed();
    proxy.removeToxic(toxic);
    return { status: 204, body: undefined };
  }

  stop(): void {
    for (const proxy of this.#proxies.values()) proxy.stop();
    this.#proxies.clear();
  }

  async #handleRoot(root: string, method: string, body: unknown): Promise<ApiAnswer> {
    const route = `${method} /${root}`;
    switch (route) {
      case 'GET /version':
        return { status: 200, body: { version: API_VERSION } };
      case 'GET /proxies':
        return { status: 200, body: Object.fromEntries(this.#proxies) };
      case 'POST /proxies':
        return { status: 201, body: await this.#create(readObject(body)) };
      case 'POST /populate':
        return { status: 201, body: { proxies: await this.#populate(body) } };
      case 'POST /reset':
        for (const proxy of this.#proxies.values()) {
          await proxy.start();
          proxy.removeAllToxics();
        }
        return { status: 204, body: undefined };
      default:
        throw ['version', 'proxies', 'populate', 'reset'].includes(root) ? notAllowed() : notFound();
    }
  }

  async #handleProxy(method: string, update: boolean, name: string, body: unknown): Promise<ApiAnswer> {
    const proxy = this.#get(name);
    if (method === 'GET') return { status: 200, body: proxy };
    if (update) {
      const input = readObject(body);
      await proxy.update(input['listen'], input['upstream'], input['enabled']);
      return { status: 200, body: proxy };
    }
    if (method !== 'DELETE') throw notAllowed();
    proxy.stop();
    this.#proxies.delete(name);
    return { status: 204, body: undefined };
  }

  #get(name: string): Proxy {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw new ApiError(404, 'proxy not found');
    return proxy;
  }

  async #create(input: Record<string, unknown>): Promise<Proxy> {
    const proxy = this.#read(input);
    if (this.#proxies.has(proxy.name)) throw new ApiError(409, 'proxy already exists');
    await this.#add(proxy, input['enabled'] !== false);
    return proxy;
  }

  #read(input: Record<string, unknown>): Proxy {
    const name = readName(input['name']);
    if (input['upstream'] === undefined || input['upstream'] === '') {
      throw new ApiError(400, 'missing required field: upstream');
    }
    const enabled = input['enabled'];
    if (enabled !== undefined && enabled !== null && typeof enabled !== 'boolean') {
      throw new ApiError(400, 'bad request body: enabled is true or false');
    }
    const listen = input['listen'] === '' ? undefined : input['listen'];
    return new Proxy(name, listen, input['upstream'], this.#random);
  }

  async #add(proxy: Proxy, enabled: boolean): Promise<void> {
    if (this.#proxies.size >= PROXIES_MAX)
      throw new ApiError(400, `there are ${PROXIES_MAX} proxies already`);
    // Registered before it listens, so that two requests at once cannot make two of one name.
    this.#proxies.set(proxy.name, proxy);
    if (!enabled) return;
    try {
      await proxy.start();
    } catch (error) {
      this.#proxies.delete(proxy.name);
      throw error;
    }
  }

  /** All are checked before the first is made; one that is there with the same addresses stays as it is. */
  async #populate(body: unknown): Promise<Proxy[]> {
    if (!Array.isArray(body)) throw new ApiError(400, 'bad request body: a JSON array is needed');
    if (body.length > PROXIES_MAX) throw new ApiError(400, `there may be ${PROXIES_MAX} proxies`);
    const wanted = body.map((entry) => ({ entry: readObject(entry), proxy: this.#read(readObject(entry)) }));
    const proxies: Proxy[] = [];
    for (const { entry, proxy } of wanted) {
      const existing = this.#proxies.get(proxy.name);
      const next = proxy.toJSON();
      if (existing !== undefined) {
        const now = existing.toJSON();
        if (now.listen === next.listen && now.upstream === next.upstream) {
          proxies.push(existing);
          continue;
        }
        existing.stop();
        this.#proxies.delete(proxy.name);
      }
      await this.#add(proxy, entry['enabled'] !== false);
      proxies.push(proxy);
    }
    return proxies;
  }
}

function notFound(): ApiError {
  return new ApiError(404, 'page not found');
}

function notAllowed(): ApiError {
  return new ApiError(405, 'method not allowed');
}
