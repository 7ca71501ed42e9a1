/**
 * A sidecar of several processes. The parent hands each connection to the worker that has the fewest;
 * every worker is a whole sidecar. A worker that dies is replaced. The parent's end is theirs: their channel breaks.
 */
import type { Socket } from 'node:net';
import { SidecarError } from '../policy/trouble.ts';
import type { ServerLog, Serving } from './generation.ts';
import { HOST_LIMITS } from './limits-table.ts';
import { clustersOf, type Member, notReadyOf, statsOf } from './one-view.ts';
import type { RawOptions } from './flags.ts';
import { sourceOf } from './discovery-options.ts';
import type { SidecarOptions } from './options.ts';
import { WorkerChild } from './worker-child.ts';

/** Connections that wait while no worker can take them. */
const HELD_MAX = 4_096;
const BACKOFF_LEAST_MS = 100;
const BACKOFF_MOST_MS = 5_000;
/** A worker that lived so long died of something new. */
const STABLE_MS = 10_000;
/** Deaths of a worker before the first time that all are ready. */
const START_DEATHS_MAX = 3;
/** Beyond `drainMs` before a worker is ended by force. */
const GRACE_MS = 1_000;
/** The same warning of several workers is told once. */
const SAME_WARNING_MS = 1_000;
/** What the parent does for all of them. */
const PARENTS_FLAGS: readonly string[] = [
  'workers',
  'admin',
  'control',
  'takeover',
  'drain-delay-ms',
  'watch-stdin',
];

/** As given; the workers read them anew. */
export type RawPair = readonly [flags: RawOptions, file: RawOptions];

export class WorkerGroup implements Serving {
  readonly #options: SidecarOptions;
  readonly #raw: RawPair;
  readonly #log: ServerLog;
  readonly #workers: WorkerChild[] = [];
  readonly #deathsInRow: number[] = [];
  readonly #held: Socket[] = [];
  readonly #told = new Map<string, number>();
  #replaced = 0;
  #refused = 0;
  #last = 0;
  #begun = false;
  #stopping: Promise<boolean> | null = null;
  /** Called at each change of a worker. */
  #onChange: () => void = () => {};

  private constructor(options: SidecarOptions, raw: RawPair, log: ServerLog) {
    this.#options = options;
    this.#raw = raw;
    this.#log = log;
  }

  /** Resolves when every worker is ready. Rejects with a SidecarError for what the user can mend; nothing is left then. */
  static async start(options: SidecarOptions, raw: RawPair, log: ServerLog): Promise<WorkerGroup> {
    const group = new WorkerGroup(options, raw, log);
    try {
      await group.#begin();
    } catch (error) {
      group.#end();
      throw error;
    }
    return group;
  }

  /** Process ids, by place. */
  get pids(): number[] {
    return this.#workers.map((child) => child.pid);
  }

  /** Each of them knew endpoints when it became ready. */
  get knowsEndpoints(): boolean {
    return this.#workers.every((child) => child.knowsEndpoints);
  }

  take(socket: Socket): void {
    socket.on('error', () => {});
    this.#give(socket);
  }

  async notReady(): Promise<string> {
    return notReadyOf(await this.#members());
  }

  async stats(): Promise<object> {
    const sum = statsOf(await this.#members());
    return { ...sum, connectionsRefused: this.#refused, workersReplaced: this.#replaced };
  }

  async clusters(): Promise<object> {
    const members = await this.#members();
    const trouble = members.find(({ view }) => (view?.trouble ?? null) !== null)?.view?.trouble ?? null;
    return { ...clustersOf(members), source: sourceOf(this.#options), trouble };
  }

  /** Each worker finishes its calls in flight, at most `drainMs`. True when none had to be ended by force. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  async #begin(): Promise<void> {
    const { workers } = this.#options;
    for (let worker = 1; worker <= workers; worker++) this.#fork(worker);
    await new Promise<void>((resolve, reject) => {
      this.#onChange = () => {
        const failed = this.#workers.find((child) => child.failure !== null)?.failure;
        const dying = this.#deathsInRow.findIndex((deaths) => deaths >= START_DEATHS_MAX);
        if (failed) reject(failed);
        else if (dying > 0) reject(cannotStart(dying));
        else if (this.#workers.every((child) => child.ready)) resolve();
      };
    });
    this.#begun = true;
  }

  #members(): Promise<Member[]> {
    return Promise.all(this.#workers.map((child) => child.ask()));
  }

  #fork(worker: number): void {
    const [flags, file] = this.#raw.map((raw) =>
      Object.fromEntries(Object.entries(raw).filter(([name]) => !PARENTS_FLAGS.includes(name))),
    ) as [RawOptions, RawOptions];
    // The parent has the port, which may come from a predecessor; a worker only has to know that there is one.
    this.#workers[worker - 1] = new WorkerChild(worker, { listen: '127.0.0.1:0', ...flags }, file, {
      onReady: () => {
        for (const socket of this.#held.splice(0)) this.#give(socket);
        this.#onChange();
      },
      onExit: (child, how) => this.#lost(child, how),
      warn: (message) => this.#warnOnce(message),
    });
  }

  #lost(child: WorkerChild, how: string): void {
    for (const socket of child.untaken.splice(0)) this.#give(socket);
    if (this.#stopping === null && (child.failure === null || this.#begun)) this.#replace(child, how);
    this.#onChange();
  }

  #replace(child: WorkerChild, how: string): void {
    const { worker, pid, readyAtMs } = child;
    const stable = readyAtMs > 0 && performance.now() - readyAtMs > STABLE_MS;
    const deaths = stable ? 0 : (this.#deathsInRow[worker] ?? 0);
    this.#deathsInRow[worker] = deaths + 1;
    const waitMs = Math.min(BACKOFF_LEAST_MS << Math.min(deaths, 10), BACKOFF_MOST_MS);
    const why = child.failure === null ? how : String(child.failure);
    this.#log.warn(`worker ${worker} (pid ${pid}) ended: ${why}; another takes its place in ${waitMs} ms`);
    setTimeout(() => {
      if (this.#stopping !== null) return;
      this.#replaced++;
      this.#fork(worker);
    }, waitMs);
  }

  /** To the worker with the fewest connections; where several have, in turn. */
  #give(socket: Socket): void {
    const count = this.#workers.length;
    const most = this.#options.limits.server.connectionsMax ?? HOST_LIMITS.connectionsMax.byDefault;
    let open = this.#held.length;
    let best: WorkerChild | null = null;
    for (let i = 1; i <= count; i++) {
      const child = this.#workers[(this.#last + i) % count] as WorkerChild;
      if (!child.gone) open += child.connections;
      if (child.ready && (best === null || child.connections < best.connections)) best = child;
    }
    if (open >= most) {
      this.#refused++;
      socket.destroy();
    } else if (best !== null) {
      this.#last = best.worker - 1;
      best.give(socket);
    } else if (this.#stopping === null && this.#held.length < HELD_MAX) {
      this.#held.push(socket);
    } else socket.destroy();
  }

  #warnOnce(message: string): void {
    const now = performance.now();
    for (const [text, atMs] of this.#told) if (now - atMs > SAME_WARNING_MS) this.#told.delete(text);
    if (this.#told.has(message)) return;
    this.#told.set(message, now);
    this.#log.warn(message);
  }

  async #drain(): Promise<boolean> {
    for (const socket of this.#held.splice(0)) socket.destroy();
    const alive = new Set(this.#workers.filter((child) => !child.gone));
    for (const child of alive) child.stop();
    const whole = await new Promise<boolean>((resolve) => {
      const limit = setTimeout(() => resolve(false), this.#options.drainMs + GRACE_MS);
      this.#onChange = () => {
        if ([...alive].some((child) => !child.gone)) return;
        clearTimeout(limit);
        resolve(true);
      };
      this.#onChange();
    });
    this.#end();
    return whole;
  }

  #end(): void {
    this.#stopping ??= Promise.resolve(false);
    for (const child of this.#workers) child.kill();
  }
}

function cannotStart(worker: number): SidecarError {
  return new SidecarError('MW_USAGE', `worker ${worker} ends again and again before it is ready`, {
    place: '--workers',
    remedy: 'see why in the lines above; with too little memory, give fewer workers',
  });
}
