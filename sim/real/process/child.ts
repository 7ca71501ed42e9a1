/**
 * A process of the run, seen by its parent: started in a group of its own, tied to us by a pipe, stopped by its id with
 * deadlines. What it prints is kept (the last lines) and logged (up to a limit).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MeshwrightError } from '../../base/errors.ts';
import type { FromChild } from './channel.ts';

const TAIL_LINES = 20;
const LINE_CHARS_MAX = 2_000;
const LOG_BYTES_MAX = 1_048_576;
export const START_DEADLINE_MS = 30_000;
const KILL_DEADLINE_MS = 5_000;

export interface ChildOptions {
  /** Name for people, such as 'sidecar 0'. */
  name: string;
  /** Absolute path of the script, and its arguments. */
  script: string;
  args: readonly string[];
  /** ipc: a worker of ours with messages. pipes: stdin open as a lifeline, and a trace on descriptor 4. */
  kind: 'ipc' | 'pipes';
  runId: string;
  /** Folder for its log. */
  folder: string;
  onMessage?: (message: FromChild) => void;
  onLine?: (line: string) => void;
  /** It ended although nobody asked it to. */
  onDeath: (error: MeshwrightError) => void;
}

export class Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves when the process is gone and its output is read. */
  readonly exited: Promise<void>;
  #expected = false;
  #gone = false;
  #nextId = 1;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #tail: string[] = [];
  readonly #log: number;
  #logged = 0;
  readonly #readyValue: Promise<Record<string, unknown>>;
  #setReady: (value: Record<string, unknown>) => void = () => undefined;
  #failReady: (error: Error) => void = () => undefined;
  readonly #options: ChildOptions;

  /** Starts it; throws nothing: a failure comes from `ready()`. */
  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    this.#log = openSync(
      join(options.folder, `${options.name.replaceAll(/[^A-Za-z0-9._-]+/g, '-')}.log`),
      'a',
    );
    this.#readyValue = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#failReady = reject;
    });
    this.#readyValue.catch(() => undefined);
    this.process = spawn(process.execPath, [options.script, ...options.args], {
      detached: true,
      stdio:
        options.kind === 'ipc'
          ? ['ignore', 'pipe', 'pipe', 'ipc']
          : ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
      serialization: 'advanced',
      env: { ...process.env, MESHWRIGHT_RUN_ID: options.runId },
    });
    this.exited = new Promise((resolve) => {
      this.process.once('close', () => resolve());
      this.process.once('error', () => {
        if (this.process.pid === undefined) resolve();
      });
    });
    this.#listen();
  }

  /** What the child said when it was ready. Throws MW_PROCESS with its last lines when it ends before, or takes too long. */
  async ready(deadlineMs = START_DEADLINE_MS): Promise<Record<string, unknown>> {
    return withDeadline(this.#readyValue, deadlineMs, () =>
      this.#error(`did not start within ${deadlineMs} ms`),
    );
  }

  /** For children that tell by other means than a message. */
  markReady(value: Record<string, unknown>): void {
    this.#setReady(value);
  }

  /** Asks a worker. Throws MW_PROCESS when it fails, ends or does not answer in time. */
  async request(op: string, fields: Record<string, unknown>, deadlineMs: number): Promise<unknown> {
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => {
      if (this.#gone) reject(this.#error('has ended'));
      else this.#waiting.set(id, { resolve, reject });
    });
    // A send to a child that has just ended fails; its exit rejects the answer.
    if (!this.#gone && this.process.connected) this.process.send({ id, op, ...fields }, () => undefined);
    try {
      return await withDeadline(answer, deadlineMs, () =>
        this.#error(`did not answer ${op} within ${deadlineMs} ms`),
      );
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** From now on its end is no failure. */
  expectExit(): void {
    this.#expected = true;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) this.process.kill(signal);
  }

  /** SIGKILL to it and its group. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#expected = true;
    const { pid } = this.process;
    if (this.#gone || pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.process.kill('SIGKILL');
    }
    await Promise.race([this.exited, sleep(KILL_DEADLINE_MS)]);
  }

  /** SIGTERM, then SIGKILL after the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#expected = true;
    if (!this.#gone) {
      this.process.kill('SIGTERM');
      await Promise.race([this.exited, sleep(deadlineMs)]);
      if (!this.#gone) await this.kill();
    }
    await Promise.race([this.exited, sleep(KILL_DEADLINE_MS)]);
  }

  #listen(): void {
    const child = this.process;
    for (const [stream, isOut] of [
      [child.stdout, true],
      [child.stderr, false],
    ] as const) {
      if (stream !== null) this.#collect(stream, isOut);
    }
    child.on('message', (message) => this.#receive(message as FromChild));
    child.on('error', (error) => this.#failReady(this.#error(`cannot be started: ${error.message}`)));
    // A write to a child that is gone is told by its exit.
    child.stdin?.on('error', () => undefined);
    child.once('exit', () => {
      this.#gone = true;
    });
    void this.exited.then(() => this.#ended());
  }

  #ended(): void {
    this.#gone = true;
    closeSync(this.#log);
    const { exitCode, signalCode } = this.process;
    const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
    const error = this.#error(`ended by itself ${how}`);
    this.#failReady(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    if (!this.#expected) this.#options.onDeath(error);
  }

  #receive(message: FromChild): void {
    if (message.type === 'ready') {
      this.#setReady(message);
    } else if (message.type === 'reply') {
      const waiting = this.#waiting.get(message.id);
      if (message.error === null) waiting?.resolve(message.value);
      else waiting?.reject(this.#error(`says: ${message.error}`));
    } else {
      this.#options.onMessage?.(message);
    }
  }

  #collect(stream: Readable, isOut: boolean): void {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#writeLog(text);
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(-LINE_CHARS_MAX);
      for (const line of lines) this.#line(line, isOut);
    });
    stream.on('end', () => {
      if (rest !== '') this.#line(rest, isOut);
    });
    stream.on('error', () => undefined);
  }

  #line(line: string, isOut: boolean): void {
    this.#tail.push(line.slice(0, LINE_CHARS_MAX));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    if (isOut) this.#options.onLine?.(line);
  }

  #writeLog(text: string): void {
    const size = Buffer.byteLength(text);
    if (this.#logged + size > LOG_BYTES_MAX) return;
    this.#logged += size;
    try {
      writeSync(this.#log, text);
    } catch {
      // A full disk shows at the journal; a log is only a help.
    }
  }

  #error(what: string): MeshwrightError {
    const tail =
      this.#tail.length === 0 ? '' : `; its last lines:\n${this.#tail.map((line) => `  ${line}`).join('\n')}`;
    return new MeshwrightError('MW_PROCESS', `${this.name} ${what}${tail}`, {
      place: this.#options.script,
      remedy:
        'see its output; if it says nothing, the machine may be out of memory or the process was killed from outside',
    });
  }
}

/** Rejects with `late()` when the promise takes longer. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
