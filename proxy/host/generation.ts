/** One machine on real sockets, with its discovery, TLS and trace: what serves the port between one reload and the next. */
import type { Socket } from 'node:net';
import { Sidecar } from '../core/sidecar.ts';
import type { ClusterEndpoint } from '../core/machine.ts';
import type { EndpointFile } from '../discovery/endpoint-file.ts';
import type { EndpointSource } from '../discovery/source.ts';
import { staticEndpoints } from '../discovery/static.ts';
import type { Endpoint } from '../policy/config.ts';
import { clusterPolicies, type RoutingConfig } from '../policy/routes/config.ts';
import { Acceptor } from './acceptor.ts';
import type { Carrier } from './carrier.ts';
import type { HostStats } from './carrier-stats.ts';
import { clockOffsetNs } from './clock-offset.ts';
import { ClusterSources } from './cluster-sources.ts';
import { Dialler } from './dialler.ts';
import { Loop } from './loop.ts';
import { type DiscoveryOptions, sourceOf } from './discovery-options.ts';
import { sourceOpener } from './open-source.ts';
import type { SidecarOptions } from './options.ts';
import type { ServerTls, TlsSides } from './tls.ts';
import { Trace } from './trace.ts';
import type { WorkerView } from './worker-messages.ts';

/** How long the start waits for endpoints to show whether they can be reached; afterwards they may still come. */
const FIRST_CONTACT_MS = 250;
/** How long the start waits for the first set from elsewhere. */
const FIRST_SET_MS = 5_000;
/** What is kept of the time to drain for telling callers whose calls are cut off; of a short time, a tenth. */
const LAST_WORDS_MS = 100;

export interface ServerLog {
  /** One line about something that changed and that somebody should know. */
  warn(message: string): void;
}

/** What callers' connections are given to: this process's own machine, or a group of workers. */
export interface Serving {
  take(socket: Socket): void;
  /** '' when ready, else why not. */
  notReady(): string | Promise<string>;
  stats(): object | Promise<object>;
  clusters(): object | Promise<object>;
  /** False: it has no endpoints yet, since nobody told any. */
  readonly knowsEndpoints?: boolean;
  /** GOAWAY, then waits for calls in flight, at most `drainMs`. Resolves to true when none was cut off. */
  stop(): Promise<boolean>;
}

export class Generation implements Serving {
  readonly #options: SidecarOptions;
  readonly #tls: ServerTls | null;
  readonly #log: ServerLog;
  readonly #loop = new Loop();
  readonly #sidecar: Sidecar;
  readonly #acceptor: Acceptor;
  readonly #trace: Trace | null;
  #file: EndpointFile | null = null;
  #source: EndpointSource | null = null;
  #known = false;
  readonly #clusterSources = new ClusterSources();
  #stopping: Promise<boolean> | null = null;

  private constructor(options: SidecarOptions, log: ServerLog, tls: TlsSides) {
    this.#options = options;
    this.#tls = tls.server;
    this.#log = log;
    this.#trace = options.traceFd === null ? null : this.#openTrace(options.traceFd, options.traceEpochNs);
    this.#sidecar = new Sidecar(
      options,
      new Dialler(this.#loop, options.limits.client, tls.upstream),
      this.#trace,
      Math.random,
    );
    this.#loop.drive(this.#sidecar);
    this.#acceptor = new Acceptor(this.#sidecar, this.#loop, options.limits.server, tls.server);
  }

  /** Starts; rejects with a SidecarError for what the user can mend. Nothing is left running then. */
  static async start(options: SidecarOptions, log: ServerLog): Promise<Generation> {
    const generation = new Generation(options, log, await tlsSides(options, log));
    try {
      await generation.#begin();
    } catch (error) {
      await generation.#end();
      throw error;
    }
    return generation;
  }

  take(socket: Socket): void {
    this.#acceptor.take(socket);
  }

  /** All that the admin server tells, for another process. */
  view(): WorkerView {
    return {
      notReady: this.#sidecar.notReadyReason,
      stats: this.#stats(),
      endpoints: this.#sidecar.clusters(),
      trouble: this.#trouble(),
    };
  }

  notReady(): string {
    return this.#sidecar.notReadyReason;
  }

  stats(): HostStats & { traceLinesLost: number } {
    return { ...this.#stats(), traceLinesLost: this.#trace?.lost ?? 0 };
  }

  clusters(): { endpoints: ClusterEndpoint[]; source: string; trouble: string | null; discovery?: object } {
    return {
      endpoints: this.#sidecar.clusters(),
      source: sourceOf(this.#options),
      trouble: this.#trouble(),
      ...(this.#source === null ? {} : { discovery: this.#source.view() }),
    };
  }

  /** False: where endpoints come from has not told the first set yet. */
  get knowsEndpoints(): boolean {
    return this.#known;
  }

  /** GOAWAY, then waits for calls in flight, at most `drainMs`. Resolves to true when none was cut off. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async #begin(): Promise<void> {
    const { endpoints, upstream, discovery, clusterSources } = this.#options;
    this.#loop.begin();
    await this.#clusterSources.begin(clusterSources, {
      onEndpoints: (found, cluster) => this.#setEndpoints(found, cluster),
      warn: (message) => this.#log.warn(message),
    });
    if (discovery !== null) await this.#discover(discovery);
    else if (endpoints === null) this.#setEndpoints(staticEndpoints(upstream, '--upstream'));
    else await this.#watch(endpoints);
    await this.#firstContact();
  }

  /** The machine's, those of its connections, and those of TLS when callers use it. */
  #stats(): HostStats {
    const stats = { ...this.#sidecar.stats(), ...this.#loop.carrierStats() };
    return this.#tls === null ? stats : { ...stats, tlsHandshakesFailed: this.#tls.handshakesFailed };
  }

  async #watch(path: string): Promise<void> {
    const { EndpointFile } = await import('../discovery/endpoint-file.ts');
    this.#file = new EndpointFile(path, {
      onEndpoints: (endpoints) => this.#setEndpoints(endpoints),
      onTrouble: (trouble) => {
        if (trouble === null) this.#log.warn(`the endpoint file is good again (${path})`);
        else this.#log.warn(`${trouble} The last good set stays.`);
      },
    });
    this.#file.watch();
  }

  /** Waits for the first set, a while; it may still come later. */
  async #discover(discovery: DiscoveryOptions): Promise<void> {
    const open = await sourceOpener(discovery, clusterPolicies(this.#options));
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, FIRST_SET_MS);
      const known = (): void => {
        this.#known = true;
        clearTimeout(limit);
        resolve();
      };
      this.#source = open({
        onRouting: (routing) => {
          this.#setRouting(routing);
          // No endpoints will follow.
          if (routing?.clusters.length === 0) known();
        },
        onEndpoints: (endpoints, cluster) => {
          this.#setEndpoints(endpoints, cluster);
          known();
        },
        onAsked: () => this.#trace?.sourceAsked(this.#loop.now()),
        onTrouble: (trouble) => {
          if (trouble === null) this.#log.warn('discovery is well again');
          else this.#log.warn(`${trouble}${this.#known ? '. The last good set stays.' : ''}`);
        },
      });
    });
  }

  #trouble(): string | null {
    return this.#source?.trouble ?? this.#file?.trouble ?? this.#clusterSources.trouble;
  }

  #setEndpoints(endpoints: readonly Endpoint[], cluster?: string): void {
    this.#known = true;
    this.#loop.begin();
    this.#sidecar.handleEndpoints(endpoints, cluster);
    this.#loop.turn();
  }

  #setRouting(routing: RoutingConfig | null): void {
    this.#loop.begin();
    this.#sidecar.handleRouting(routing);
    this.#loop.turn();
  }

  #firstContact(): Promise<void> {
    if (this.#sidecar.settled || this.#sidecar.ready) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        clearInterval(look);
        resolve();
      };
      const timer = setTimeout(done, FIRST_CONTACT_MS);
      const look = setInterval(() => {
        if (this.#sidecar.settled) done();
      }, 2);
    });
  }

  async #drain(): Promise<boolean> {
    const loop = this.#loop;
    loop.begin();
    this.#sidecar.drain();
    loop.turn();
    const { drainMs } = this.#options;
    const lastMs = Math.min(LAST_WORDS_MS, drainMs / 10);
    const whole = await new Promise<boolean>((resolve) => {
      const limit = setTimeout(() => resolve(false), Math.max(0, drainMs - lastMs));
      loop.onTurn = () => {
        if (!this.#sidecar.drained || ![...this.#acceptor.carriers].every(hasTakenAll)) return;
        clearTimeout(limit);
        resolve(true);
      };
      loop.onTurn();
    });
    if (!whole) await this.#lastWords(lastMs);
    loop.onTurn = null;
    await this.#end();
    return whole;
  }

  /** Tells the callers of what is left that it ends, and gives them a moment to hear it: a closed socket may swallow it. */
  #lastWords(lastMs: number): Promise<void> {
    const loop = this.#loop;
    loop.begin();
    this.#sidecar.endCalls();
    return new Promise((resolve) => {
      const limit = setTimeout(resolve, lastMs);
      loop.onTurn = () => {
        if (this.#acceptor.carriers.size > 0) return;
        clearTimeout(limit);
        resolve();
      };
      loop.turn();
    });
  }

  async #end(): Promise<void> {
    for (const carrier of this.#loop.carriers) {
      if (carrier.flushed) carrier.finish();
      else carrier.destroy();
    }
    this.#loop.stop();
    this.#trace?.end();
    this.#file?.close();
    this.#source?.close();
    this.#clusterSources.close();
  }

  #openTrace(fd: number, epochNs: bigint): Trace {
    const now = (): number => this.#loop.now();
    return new Trace(
      fd,
      clockOffsetNs(now, () => Number(process.hrtime.bigint() - epochNs)),
      now,
    );
  }
}

/** The caller has all of its answers: none waits for its window. */
function hasTakenAll({ streamsOpen, flushed }: Carrier): boolean {
  return streamsOpen === 0 && flushed;
}

/** `node:tls` is loaded only when it is asked for: most sidecars share a host with their callers. */
async function tlsSides({ tls, upstreamTls }: SidecarOptions, log: ServerLog): Promise<TlsSides> {
  if (tls === null && upstreamTls === null) return { server: null, upstream: null };
  const { ServerTls, UpstreamTls } = await import('./tls.ts');
  return {
    server: tls === null ? null : new ServerTls(tls, (message) => log.warn(message)),
    upstream: upstreamTls === null ? null : new UpstreamTls(upstreamTls),
  };
}
