/** Processes of a bench: started, waited for, their processor time read, and ended by their own id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_MS_MAX = 10_000;
const END_MS_MAX = 2_000;
const POLL_MS = 4;
/** USER_HZ: what /proc counts processor time in; Linux shows 100 a second on every machine. */
const TICK_US = 10_000;

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a process whose standard input stays open as long as this one lives. */
export function start(command: string, parameters: readonly string[]): ChildProcess {
  const child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'ignore'] });
  alive.add(child);
  child.on('exit', () => alive.delete(child));
  child.on('error', () => alive.delete(child));
  child.stdin?.on('error', () => {});
  return child;
}

/** The first line of JSON that it prints; `other` sees every line else. Rejects when it ends before, or takes too long. */
export function firstLine<T>(
  child: ChildProcess,
  other: (line: string) => void = () => {},
  limitMs = READY_MS_MAX,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let rest = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) {
        if (!line.startsWith('{')) {
          other(line);
          continue;
        }
        clearTimeout(limit);
        resolve(JSON.parse(line) as T);
      }
    });
    child.stdout?.on('end', () => {
      clearTimeout(limit);
      reject(new Error(`${child.spawnfile} ended before it was ready`));
    });
  });
}

/** Waits until something listens on a port of loopback. */
export async function listening(child: ChildProcess, port: number): Promise<void> {
  child.stdout?.resume();
  for (let waitedMs = 0; waitedMs < READY_MS_MAX; waitedMs += POLL_MS) {
    if (child.exitCode !== null)
      throw new Error(`${child.spawnfile} ended with ${child.exitCode} at its start`);
    const socket = connect({ host: '127.0.0.1', port });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(POLL_MS);
  }
  throw new Error(`${child.spawnfile} does not listen after ${READY_MS_MAX} ms`);
}

/** Ends a process, politely first. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const over = once(child, 'exit');
  child.stdin?.end();
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
  await over;
  clearTimeout(limit);
}

/** Processor time so far of a process with all its threads and all its descendants, in microseconds. */
export function cpuUs(pid: number): number {
  let ns = 0;
  for (const one of family(pid)) {
    for (const task of entries(`/proc/${one}/task`)) ns += runNs(`/proc/${one}/task/${task}/schedstat`);
  }
  if (ns > 0) return ns / 1_000;
  const { userUs, systemUs } = splitUs(pid);
  return userUs + systemUs;
}

/** The same by where it was spent, in steps of 10 ms. */
export function splitUs(pid: number): { userUs: number; systemUs: number } {
  let [user, system] = [0, 0];
  for (const one of family(pid)) {
    const fields = statOf(one) ?? [];
    user += Number(fields[11] ?? 0);
    system += Number(fields[12] ?? 0);
  }
  return { userUs: user * TICK_US, systemUs: system * TICK_US };
}

/** Resident memory of a process with its descendants in KiB. */
export function rssKib(pid: number): number {
  let sum = 0;
  for (const one of family(pid))
    sum += Number(/VmRSS:\s+(\d+)/.exec(textOf(`/proc/${one}/status`))?.[1] ?? 0);
  return sum > 0 ? sum : Number.NaN;
}

/** A process and all that descend from it. */
function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of entries('/proc')) {
    const fields = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (fields !== null) parents.set(Number(name), Number(fields[1]));
  }
  return [...parents.keys()].filter((one) => {
    let ancestor = one;
    for (let depth = 0; depth < 16 && ancestor !== pid && ancestor > 1; depth++) {
      ancestor = parents.get(ancestor) ?? 0;
    }
    return ancestor === pid;
  });
}

/** The fields of /proc/<pid>/stat after the name in brackets: state, ppid, …; null when the process is gone. */
function statOf(pid: number): string[] | null {
  const text = textOf(`/proc/${pid}/stat`);
  return text === '' ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Nanoseconds on a processor, the first field of a schedstat file; 0 where the kernel keeps none. */
function runNs(path: string): number {
  return Number(textOf(path).split(' ', 1)[0]);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** '' when there is none, or no more. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
