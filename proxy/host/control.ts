/**
 * The control socket: a unix socket of the owner alone, by which a new process takes the port over. Node hands listening
 * sockets to child processes only, so a short-lived child (the courier) inherits the port's descriptor and the
 * successor's connection, and speaks with the successor in Node's own channel protocol over it.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SidecarError } from '../policy/trouble.ts';

const COURIER = fileURLToPath(new URL('./courier.js', import.meta.url));
/** A successor that takes longer gets nothing. */
const HANDOVER_MS_MAX = 60_000;
/** The predecessor may still be letting go of the path. */
const TAKEN_TRIES = 40;
const TAKEN_WAIT_MS = 50;
const OWNER_ONLY = 0o177;

export interface ControlEvents {
  warn(message: string): void;
  /** A successor serves the port. */
  onSucceeded(): void;
}

export class Control {
  readonly #server: Server;
  readonly #port: () => Server;
  readonly #events: ControlEvents;
  #courier: ChildProcess | null = null;

  private constructor(port: () => Server, events: ControlEvents) {
    this.#port = port;
    this.#events = events;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#handOver(socket));
  }

  /** Listens at `path`; a socket there that nobody answers any more is replaced. Rejects with MW_PORT. */
  static async listen(path: string, port: () => Server, events: ControlEvents): Promise<Control> {
    const control = new Control(port, events);
    for (let tries = TAKEN_TRIES; ; tries--) {
      const code = await control.#bind(path);
      if (code === '') return control;
      if (code !== 'EADDRINUSE' || tries === 0) throw cannotListen(path, code);
      if (await isAnswered(path)) await new Promise((resolve) => setTimeout(resolve, TAKEN_WAIT_MS));
      else rmSync(path, { force: true });
    }
  }

  close(): void {
    this.#server.close();
    this.#courier?.kill();
  }

  /** '' when it listens, else the error's code. */
  #bind(path: string): Promise<string> {
    const before = process.umask(OWNER_ONLY);
    return new Promise<string>((resolve) => {
      const failed = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.message);
      this.#server.once('error', failed);
      this.#server.listen(path, () => {
        this.#server.off('error', failed);
        resolve('');
      });
    }).finally(() => process.umask(before));
  }

  #handOver(socket: Socket): void {
    socket.on('error', () => {});
    // The descriptor is Node's to know: no public name leads to it.
    const { fd } = (this.#port() as unknown as { _handle: { fd: number } | null })._handle ?? { fd: -1 };
    if (this.#courier !== null || fd < 0) return void socket.destroy();
    const courier = spawn(process.execPath, [COURIER], {
      stdio: ['ignore', 'ignore', 'inherit', socket, fd],
      env: { ...process.env, NODE_CHANNEL_FD: '3' },
      timeout: HANDOVER_MS_MAX,
    });
    this.#courier = courier;
    socket.destroy();
    courier.on('error', (error) => this.#events.warn(`a new version could not take over: ${error.message}`));
    courier.on('close', (code) => {
      this.#courier = null;
      if (code !== 0)
        return this.#events.warn('a new version began to take over and gave up; this one goes on');
      this.#server.close();
      this.#events.onSucceeded();
    });
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

function cannotListen(path: string, code: string): SidecarError {
  return new SidecarError('MW_PORT', `cannot listen on the control socket (${code})`, {
    place: `--control ${path}`,
    remedy:
      code === 'EADDRINUSE'
        ? 'another sidecar has it; use --takeover, or another path'
        : 'give a path in a folder that can be written to',
  });
}
