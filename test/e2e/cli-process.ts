/** `meshwright run` as a process of its own, marked with a run id that all its children inherit. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runRecordSchema } from '../../reports/run-record-schema.ts';
import type { RunRecord } from '../../sim/spec/run-record.ts';
import { allListeners, listenersOf, processesOf, within } from './processes.ts';

const BIN = fileURLToPath(new URL('../../bin/meshwright.js', import.meta.url));
const FIXTURES = fileURLToPath(new URL('./mesh-fixtures/', import.meta.url));

export const fixture = (name: string): string => join(FIXTURES, `${name}.scenario.ts`);

/** Slow machines: a run is given up after this. */
const LIFE_MS = 60_000;

export class CliProcess {
  readonly runId = `test-${randomBytes(8).toString('hex')}`;
  readonly process: ChildProcess;
  readonly cwd: string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  stdout = '';
  stderr = '';
  isEnded = false;

  /** `shell`: a command line in which "$@" stands for meshwright and its arguments. */
  constructor(
    cwd: string,
    arguments_: readonly string[],
    options: { env?: Record<string, string>; shell?: string } = {},
  ) {
    this.cwd = cwd;
    const env = { ...process.env, CI: '1' } as NodeJS.ProcessEnv;
    for (const name of Object.keys(env))
      if (/^(VITEST|VITE_|MESHWRIGHT|TOXIPROXY|TEST$|NODE_ENV$)/.test(name)) delete env[name];
    Object.assign(env, options.env, { MESHWRIGHT_RUN_ID: this.runId });
    const command = [process.execPath, BIN, ...arguments_];
    const [file = '', ...rest] =
      options.shell === undefined ? command : ['/bin/sh', '-c', options.shell, 'sh', ...command];
    this.process = spawn(file, rest, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      timeout: LIFE_MS,
      killSignal: 'SIGKILL',
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        this.isEnded = true;
        resolve(code ?? signal ?? -1);
      });
    });
  }

  /** Waits until it has printed this. */
  async says(text: string): Promise<void> {
    await within(30_000, () => this.stdout.includes(text) || this.isEnded);
    if (!this.stdout.includes(text)) throw new Error(`never said ${text}: ${this.stdout}${this.stderr}`);
  }

  /** Waits until it has printed this as a message, or is over. */
  async warns(text: string): Promise<void> {
    await within(30_000, () => this.stderr.includes(text) || this.isEnded);
  }

  /** Waits until so many processes of the run live. */
  async has(processes: number): Promise<void> {
    const reached = await within(30_000, () => processesOf(this.runId).length >= processes || this.isEnded);
    if (!reached || this.isEnded) throw new Error(`no ${processes} processes: ${this.stdout}${this.stderr}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Sockets on which the run's processes listen now. */
  listeners(): string[] {
    return listenersOf(processesOf(this.runId));
  }

  /** The newest record in its folder. */
  record(): RunRecord {
    const path = join(this.cwd, '.meshwright/latest/run-record.json');
    return runRecordSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) as RunRecord;
  }

  /** No process with the run's id lives, none of these sockets is open, at the latest after `ms`. Ends what is left. */
  async expectNothingLeft(listeners: readonly string[], ms = 2_000): Promise<void> {
    const deadline = performance.now() + ms;
    await within(ms, () => processesOf(this.runId).length === 0);
    const left = processesOf(this.runId).map((pid) => ({ pid, command: commandOf(pid) }));
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    expect(left).toEqual([]);
    // A process lets go of its memory (and so of its environment) a moment before it lets go of its sockets.
    const open = (): string[] => {
      const all = new Set(allListeners());
      return listeners.filter((inode) => all.has(inode));
    };
    await within(Math.max(0, deadline - performance.now()), () => open().length === 0);
    expect(open()).toEqual([]);
  }
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
