/** Processes of a bench: started, waited for, their processor time read, and ended by their own id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_MS_MAX = 10_000;
const END_MS_MAX = 2_000;
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

/** The first line that it prints, as JSON. Rejects when it ends before, or takes too long. */
export async function firstLine<T>(child: ChildProcess): Promise<T> {
  let text = '';
  const limit = setTimeout(() => child.kill('SIGKILL'), READY_MS_MAX);
  for await (const chunk of child.stdout as NodeJS.ReadableStream) {
    text += String(chunk);
    if (!text.includes('\n')) continue;
    break;
  }
  clearTimeout(limit);
  const line = text.split('\n', 1)[0] as string;
  if (line === '') throw new Error(`${child.spawnfile} ended before it was ready`);
  return JSON.parse(line) as T;
}

/** Waits until something listens on a port of loopback. */
export async function listening(child: ChildProcess, port: number): Promise<void> {
  child.stdout?.resume();
  for (let waitedMs = 0; waitedMs < READY_MS_MAX; waitedMs += 20) {
    if (child.exitCode !== null)
      throw new Error(`${child.spawnfile} ended with ${child.exitCode} at its start`);
    const socket = connect({ host: '127.0.0.1', port });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(20);
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
  const parents = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (fields === null) continue;
    parents.set(Number(name), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
  }
  let ticks = 0;
  for (const [one, own] of parents) {
    let ancestor = one;
    for (let depth = 0; depth < 16 && ancestor !== pid && ancestor > 1; depth++) {
      ancestor = parents.get(ancestor)?.parent ?? 0;
    }
    if (ancestor === pid) ticks += own.ticks;
  }
  return ticks * TICK_US;
}

/** Resident memory in KiB. */
export function rssKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN);
}

/** The fields of /proc/<pid>/stat after the name in brackets: state, ppid, …; null when the process is gone. */
function statOf(pid: string): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
