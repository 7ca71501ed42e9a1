/**
 * A running sidecar: the port, the admin server, and what serves them. A reload puts a new generation behind the same port,
 * and a new process may take the port over; the old generation finishes its calls meanwhile, so that no call is lost.
 */
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { SidecarError } from '../policy/trouble.ts';
import type { Address } from '../policy/address.ts';
import { formatAddress, parseAddress } from '../policy/address.ts';
import type { AdminServer, AdminSource } from './admin.ts';
import { Control } from './control.ts';
import { Generation } from './generation.ts';
import type { ServerLog, Serving } from './generation.ts';
import { HOST_LIMITS } from './limits-table.ts';
import { listenOn } from './listen-on.ts';
import type { SidecarOptions } from './options.ts';

/** What a predecessor leaves: its listening server, and how to tell it that the port is served. */
export interface Inheritance {
  readonly server: Server;
  taken(): Promise<void>;
}

/** Makes what serves: by default this process's own machine. */
export type MakeServing<S extends Serving> = (options: SidecarOptions, log: ServerLog) => Promise<S>;

const ADMIN_TRIES = 40;
const ADMIN_WAIT_MS = 50;
/** What a reload cannot change. */
const FIXED = [
  'listen',
  'admin',
  'workers',
  'control',
  'traceFd',
] as const satisfies (keyof SidecarOptions)[];

export class SidecarServer<S extends Serving = Generation> {
  /** HOST:PORT where callers connect. */
  listen = '';
  /** HOST:PORT of the admin server, or null. */
  admin: string | null = null;
  /** Called when a successor has the port and all calls here are over. */
  onSucceeded: () => void = () => {};
  readonly #make: MakeServing<S>;
  readonly #log: ServerLog;
  #options: SidecarOptions;
  #server: Server | null = null;
  #serving: S | null = null;
  /** Generations that finish their calls. */
  readonly #leaving = new Set<Promise<boolean>>();
  /** Accepted before there was anybody to serve them. */
  readonly #held: Socket[] = [];
  #admin: AdminServer | null = null;
  #control: Control | null = null;
  #refused = 0;
  #reloads = 0;
  #reloading: Promise<boolean> | null = null;
  #draining: Promise<boolean> | null = null;
  #stopping: Promise<boolean> | null = null;

  private constructor(options: SidecarOptions, log: ServerLog, make: MakeServing<S>) {
    this.#options = options;
    this.#log = log;
    this.#make = make;
  }

  /** This process's own machine behind a port. Rejects with a SidecarError for what the user can mend; nothing is left then. */
  static start(options: SidecarOptions, log: ServerLog = { warn: () => {} }): Promise<SidecarServer> {
    return SidecarServer.startWith(options, log, (...each) => Generation.start(...each), null);
  }

  /** The same with another kind of server behind the port, or with a port that another process had. */
  static async startWith<S extends Serving>(
    options: SidecarOptions,
    log: ServerLog,
    make: MakeServing<S>,
    inherited: (() => Promise<Inheritance>) | null,
  ): Promise<SidecarServer<S>> {
    const server = new SidecarServer(options, log, make);
    try {
      await (inherited === null ? server.#begin() : server.#succeed(inherited));
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** What serves now. */
  get serving(): S {
    return this.#serving as S;
  }

  /**
   * New callers get a generation with these options; the one before finishes its calls, at most its `drainMs`. False, and
   * all stays as it was, when the new one cannot start: the log says why.
   */
  reload(read: () => Promise<SidecarOptions>): Promise<boolean> {
    const before = this.#reloading ?? Promise.resolve(true);
    const reloading = before.then(() => this.#reload(read));
    this.#reloading = reloading;
    return reloading;
  }

  /** Not ready from now on; after `drainDelayMs` no new connections, GOAWAY, and the calls in flight end. The process stays. */
  drain(): Promise<boolean> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  /** Drains, and lets go of everything. Resolves to true when no call was cut off. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.drain().then((whole) => {
      this.#admin?.close();
      this.#control?.close();
      return whole;
    });
    return this.#stopping;
  }

  async #begin(): Promise<void> {
    this.#adopt(createServer());
    const server = this.#server as Server;
    this.listen = await listenOn(server, parseAddress(this.#options.listen, true) as Address, '--listen');
    await this.#listenAdmin();
    this.#control = await this.#openControl();
    this.#serve(await this.#make(this.#options, this.#log));
  }

  /** First what serves, then the port: at no moment is there nobody to serve it. */
  async #succeed(inherited: () => Promise<Inheritance>): Promise<void> {
    this.#serve(await this.#makeKnowing(this.#options));
    const { server, taken } = await inherited();
    this.#adopt(server);
    const { address, port } = server.address() as { address: string; port: number };
    this.listen = formatAddress(address, port);
    await taken();
    await this.#listenAdmin(ADMIN_TRIES);
    this.#control = await this.#openControl();
  }

  #adopt(server: Server): void {
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#give(socket));
    server.on('drop', () => this.#refused++);
    this.#configure();
  }

  #configure(): void {
    const server = this.#server as Server & { pauseOnConnect?: boolean };
    server.maxConnections =
      this.#options.limits.server.connectionsMax ?? HOST_LIMITS.connectionsMax.byDefault;
    // Nothing may be read here of what another reads.
    server.pauseOnConnect = this.#options.workers > 1 || this.#serving === null;
  }

  #serve(serving: S): void {
    this.#serving = serving;
    if (this.#server !== null) this.#configure();
    for (const socket of this.#held.splice(0)) this.#give(socket);
  }

  #give(socket: Socket): void {
    if (this.#serving !== null) return this.#serving.take(socket);
    socket.on('error', () => {});
    this.#held.push(socket);
  }

  /** With more than one try: the predecessor may still be letting go of the port. */
  async #listenAdmin(tries = 1): Promise<void> {
    if (this.#options.admin === null) return;
    const { AdminServer } = await import('./admin.ts');
    const source: AdminSource = {
      notReady: () => this.#notReady(),
      stats: async () => {
        const stats: { connectionsRefused?: number } = { ...(await this.#serving?.stats()) };
        const connectionsRefused = (stats.connectionsRefused ?? 0) + this.#refused;
        return {
          ...stats,
          connectionsRefused,
          reloads: this.#reloads,
          generationsLeaving: this.#leaving.size,
        };
      },
      clusters: () => this.#serving?.clusters(),
      drain: () => void this.drain(),
    };
    const address = parseAddress(this.#options.admin, true) as Address;
    for (let left = tries - 1; ; left--) {
      this.#admin = new AdminServer(source);
      try {
        this.admin = await this.#admin.listen(address);
        return;
      } catch (error) {
        if (left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, ADMIN_WAIT_MS));
      }
    }
  }

  #notReady(): string | Promise<string> {
    if (this.#draining !== null) return 'draining';
    return this.#serving === null ? 'starting' : this.#serving.notReady();
  }

  async #openControl(): Promise<Control | null> {
    const { control } = this.#options;
    if (control === null) return null;
    return Control.listen(control, () => this.#server as Server, {
      warn: (message) => this.#log.warn(message),
      onSucceeded: () => {
        // Whoever comes now is the successor's.
        this.#admin?.close();
        void this.stop().then(() => this.onSucceeded());
      },
    });
  }

  async #reload(read: () => Promise<SidecarOptions>): Promise<boolean> {
    if (this.#draining !== null) return false;
    try {
      const options = await read();
      const fixed = FIXED.filter((name) => options[name] !== this.#options[name]);
      if (fixed.length > 0)
        this.#log.warn(`a reload does not change ${fixed.join(', ')}: start anew for that`);
      const kept = Object.fromEntries(FIXED.map((name) => [name, this.#options[name]]));
      const next = { ...options, ...kept };
      const serving = await this.#makeKnowing(next);
      // It was told to stop in the meantime.
      if (this.#draining !== null) return serving.stop().then(() => false);
      this.#options = next;
      const old = this.#serving as S;
      this.#serve(serving);
      this.#reloads++;
      this.#leave(old);
      return true;
    } catch (error) {
      if (!(error instanceof Error && 'remedy' in error)) throw error;
      this.#log.warn(`the new configuration is not used: ${String(error)}`);
      return false;
    }
  }

  /** Who takes over from another knows where calls go. */
  async #makeKnowing(options: SidecarOptions): Promise<S> {
    const serving = await this.#make(options, this.#log);
    if (serving.knowsEndpoints !== false) return serving;
    await serving.stop();
    throw new SidecarError('MW_CONFIG', 'discovery has not told any endpoints in time', {
      remedy: 'look whether the control plane answers; who serves now goes on',
    });
  }

  #leave(serving: S): Promise<boolean> {
    const leaving = serving.stop();
    this.#leaving.add(leaving);
    void leaving.then(() => this.#leaving.delete(leaving));
    return leaving;
  }

  async #drain(): Promise<boolean> {
    const { drainDelayMs } = this.#options;
    if (drainDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, drainDelayMs));
    this.#server?.close();
    for (const socket of this.#held.splice(0)) socket.destroy();
    if (this.#serving !== null) void this.#leave(this.#serving);
    return (await Promise.all(this.#leaving)).every((whole) => whole);
  }
}
