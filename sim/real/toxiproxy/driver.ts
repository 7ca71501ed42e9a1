/**
 * Network faults between sidecars and instances through Toxiproxy's API, embedded or external: one proxy per instance.
 * Every call has a deadline: the real server can hang when a toxic is taken away.
 */
import { type Proxy as ClientProxy, type Toxic as ClientToxic, Toxiproxy } from 'toxiproxy-node-client';
import { MeshwrightError } from '../../base/errors.ts';
import type { NetworkEffect } from '../../faults/controls.ts';
import { sleep, withDeadline } from '../process/child.ts';

const API_DEADLINE_MS = 5_000;
/** A disabled proxy frees its port; somebody's outgoing connection may hold it for a moment. */
const ENABLE_TRIES = 20;
const ENABLE_PAUSE_MS = 100;

interface ToxicPlan {
  type: 'latency' | 'bandwidth' | 'timeout';
  stream: 'upstream' | 'downstream';
  attributes: Record<string, number>;
}

export class ToxiproxyDriver {
  readonly #url: string;
  readonly #api: Toxiproxy;
  readonly #external: boolean;
  readonly #prefix: string;
  readonly #proxies = new Map<number, ClientProxy>();
  readonly #toxics = new Map<string, ClientToxic<unknown>[]>();

  /** `prefix` begins the names of this run's proxies. */
  constructor(options: { url: string; external: boolean; prefix: string }) {
    this.#url = options.url.replace(/\/+$/, '');
    this.#api = new Toxiproxy(this.#url);
    this.#external = options.external;
    this.#prefix = options.prefix;
  }

  /** Throws MW_TOXIPROXY when nothing answers there as Toxiproxy does. */
  async connect(): Promise<void> {
    // Old servers answer the version as plain text, so the list of proxies is what tells a Toxiproxy from another server.
    await this.#ask('GET /version', this.#api.getVersion());
    await this.#ask('GET /proxies', this.#api.getAll());
  }

  /** HOST:PORT on which the instance's proxy listens; undefined before its first `open`. */
  address(instance: number): string | undefined {
    return this.#proxies.get(instance)?.listen;
  }

  /** Lets connections through to `port` on loopback; the listening address stays the same for the whole run. */
  async open(instance: number, port: number): Promise<string> {
    const upstream = `127.0.0.1:${port}`;
    const proxy = this.#proxies.get(instance);
    const name = `${this.#prefix}${instance}`;
    if (proxy === undefined) {
      const body = { name, listen: '127.0.0.1:0', upstream, enabled: true };
      const created = await this.#ask(`POST /proxies (${name})`, this.#api.createProxy(body));
      this.#proxies.set(instance, created);
      return created.listen;
    }
    for (let tries = 1; ; tries++) {
      try {
        await this.#update(instance, { enabled: true, listen: proxy.listen, upstream });
        return proxy.listen;
      } catch (error) {
        if (tries === ENABLE_TRIES) throw error;
        await sleep(ENABLE_PAUSE_MS);
      }
    }
  }

  /** Breaks the connections and refuses new ones. */
  async close(instance: number): Promise<void> {
    const proxy = this.#proxies.get(instance);
    if (proxy === undefined) return;
    await this.#update(instance, { enabled: false, listen: proxy.listen, upstream: proxy.upstream });
  }

  async apply(instance: number, fault: number, effect: NetworkEffect): Promise<void> {
    const proxy = this.#proxy(instance);
    const added: ClientToxic<unknown>[] = [];
    this.#toxics.set(`${instance}/${fault}`, added);
    for (const plan of planToxics(effect)) {
      const name = `f${fault}_${plan.type}_${plan.stream}`;
      added.push(await this.#ask(`POST toxics (${name})`, proxy.addToxic({ ...plan, name, toxicity: 1 })));
    }
  }

  async lift(instance: number, fault: number): Promise<void> {
    const key = `${instance}/${fault}`;
    const toxics = this.#toxics.get(key) ?? [];
    this.#toxics.delete(key);
    for (const toxic of toxics) await this.#ask(`DELETE toxic ${toxic.name}`, toxic.remove());
  }

  /** RST on the connections of this moment; new ones come up at once. */
  async reset(instance: number): Promise<void> {
    const proxy = this.#proxy(instance);
    if (this.#external) {
      // The real server's reset_peer leaves connections alone that were there before it.
      await this.close(instance);
      const port = Number(proxy.upstream.split(':').at(-1));
      await this.open(instance, port);
      return;
    }
    const added: ClientToxic<unknown>[] = [];
    for (const stream of ['downstream', 'upstream'] as const) {
      const body = {
        name: `reset_${stream}`,
        type: 'reset_peer' as const,
        stream,
        toxicity: 1,
        attributes: { timeout: 0 },
      };
      added.push(await this.#ask('POST toxics (reset_peer)', proxy.addToxic(body)));
    }
    await sleep(5);
    for (const toxic of added) await this.#ask('DELETE toxic reset_peer', toxic.remove());
  }

  /** Takes this run's proxies away. An external server outlives the run. */
  async removeAll(): Promise<void> {
    const proxies = [...this.#proxies.values()];
    this.#proxies.clear();
    await Promise.allSettled(
      proxies.map((proxy) => withDeadline(proxy.remove(), 2_000, () => this.#error('DELETE', 'late'))),
    );
  }

  #proxy(instance: number): ClientProxy {
    const proxy = this.#proxies.get(instance);
    if (proxy !== undefined) return proxy;
    throw new MeshwrightError(
      'MW_SCENARIO',
      `instance ${instance} has never been started, so it has no network`,
      {
        remedy: 'start or add the instance before a network fault',
      },
    );
  }

  async #update(
    instance: number,
    body: { enabled: boolean; listen: string; upstream: string },
  ): Promise<void> {
    const proxy = this.#proxy(instance);
    this.#proxies.set(instance, await this.#ask(`POST /proxies/${proxy.name}`, proxy.update(body)));
  }

  async #ask<T>(what: string, answer: Promise<T>): Promise<T> {
    try {
      return await withDeadline(
        answer,
        API_DEADLINE_MS,
        () => new Error(`no answer within ${API_DEADLINE_MS} ms`),
      );
    } catch (error) {
      throw this.#error(what, (error as Error).message);
    }
  }

  #error(what: string, message: string): MeshwrightError {
    const remedy = this.#external
      ? 'check that TOXIPROXY_URL names a running toxiproxy-server, or unset it to use the embedded one'
      : 'see the log of the toxiproxy process in the run folder';
    return new MeshwrightError('MW_TOXIPROXY', `Toxiproxy failed at ${what}: ${message}`, {
      place: this.#url,
      remedy,
    });
  }
}

/** The toxics of an effect; our seed decides everything, so toxicity is 1 and jitter 0. */
function planToxics(effect: NetworkEffect): ToxicPlan[] {
  switch (effect.kind) {
    case 'latency':
      return [
        {
          type: 'latency',
          stream: 'downstream',
          attributes: { latency: Math.round(effect.latencyMs), jitter: 0 },
        },
      ];
    case 'bandwidth': {
      const attributes = { rate: Math.max(1, Math.round(effect.bytesPerSecond / 1_000)) };
      return [
        { type: 'bandwidth', stream: 'upstream', attributes },
        { type: 'bandwidth', stream: 'downstream', attributes },
      ];
    }
    case 'blackhole':
      return [{ type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } }];
    case 'partition':
      return [
        { type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } },
        { type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } },
      ];
  }
}
