/** One worker process, seen by its parent. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SidecarError } from '../policy/trouble.ts';
import type { RawOptions } from './flags.ts';
import type { Member } from './one-view.ts';
import type { FromWorker, ToWorker, WorkerView } from './worker-messages.ts';

const ENTRY = fileURLToPath(new URL('./worker.js', import.meta.url));
const ANSWER_MS = 1_000;

export interface WorkerEvents {
  onReady(child: WorkerChild): void;
  /** It ended; `how`: in words. */
  onExit(child: WorkerChild, how: string): void;
  warn(message: string): void;
}

export class WorkerChild {
  /** Its place in the group, from 1. */
  readonly worker: number;
  /** It takes connections. */
  ready = false;
  /** As it was when it became ready. */
  knowsEndpoints = false;
  /** When it became ready, in ms of the monotonic clock; 0 before. */
  readyAtMs = 0;
  /** Callers' connections that it holds. */
  connections = 0;
  /** Why it could not start, if it said so. */
  failure: SidecarError | null = null;
  /** Given, and perhaps never arrived: ours are kept open until the worker has them, so that another can have them. */
  readonly untaken: Socket[] = [];
  readonly #process: ChildProcess;
  readonly #events: WorkerEvents;
  readonly #asked = new Map<number, (view: WorkerView) => void>();
  /** The process is no more. */
  gone = false;
  #nextId = 1;

  constructor(worker: number, flags: RawOptions, file: RawOptions, events: WorkerEvents) {
    this.worker = worker;
    this.#events = events;
    this.#process = fork(ENTRY, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (message: FromWorker) => this.#handle(message));
    this.#process.on('exit', () => (this.ready = false));
    // All that it said has been heard by then.
    this.#process.on('close', (code, signal) => this.#ended(signal ?? `exit code ${code}`));
    this.#process.on('error', (error: NodeJS.ErrnoException) => this.#ended(error.code ?? error.message));
    this.#send({ type: 'start', flags, file });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  give(socket: Socket): void {
    this.connections++;
    this.untaken.push(socket);
    this.#send({ type: 'socket' }, socket);
  }

  /** Drains, then ends by itself. */
  stop(): void {
    this.ready = false;
    this.#send({ type: 'stop' });
  }

  kill(): void {
    if (!this.gone) this.#process.kill('SIGKILL');
  }

  /** What it knows of itself; it has a second to say so. */
  ask(): Promise<Member> {
    const { worker, pid } = this;
    if (this.gone || this.readyAtMs === 0) {
      return Promise.resolve({ worker, pid, view: null, trouble: this.gone ? 'it died' : 'it is starting' });
    }
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#asked.delete(id);
        resolve({ worker, pid, view: null, trouble: `no answer within ${ANSWER_MS} ms` });
      }, ANSWER_MS);
      this.#asked.set(id, (view) => {
        clearTimeout(late);
        resolve({ worker, pid, view, trouble: '' });
      });
      this.#send({ type: 'ask', id });
    });
  }

  #handle(message: FromWorker): void {
    if (message.type === 'taken') this.untaken.shift()?.destroy();
    else if (message.type === 'closed') this.connections--;
    else if (message.type === 'draining') this.ready = false;
    else if (message.type === 'warn') this.#events.warn(message.message);
    else if (message.type === 'ready') {
      this.ready = true;
      this.knowsEndpoints = message.knowsEndpoints;
      this.readyAtMs = performance.now();
      this.#events.onReady(this);
    } else if (message.type === 'failed') {
      const { code, message: text, place, remedy } = message;
      this.failure = new SidecarError(code, text, { place, remedy });
      this.kill();
    } else {
      this.#asked.get(message.id)?.(message.view);
      this.#asked.delete(message.id);
    }
  }

  #ended(how: string): void {
    if (this.gone) return;
    this.gone = true;
    this.ready = false;
    this.#events.onExit(this, how);
  }

  /** To a process that is going away nothing can be said; its end is told by `onExit`. */
  #send(message: ToWorker, socket?: Socket): void {
    if (this.#process.connected) this.#process.send(message, socket, { keepOpen: true }, () => {});
  }
}
