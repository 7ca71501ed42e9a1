/** What runs on this machine, as tests need to know: processes by the run id in their environment, and open ports. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ids of living processes of a run; zombies do not count. */
export function processesOf(runId: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`MESHWRIGHT_RUN_ID=${runId}\0`))
          return false;
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2).charAt(0));
      } catch {
        return false;
      }
    });
}

/** Inodes of the sockets on which these processes listen. */
export function listenersOf(pids: readonly number[]): string[] {
  const open = new Set(pids.flatMap(socketInodes));
  return allListeners().filter((inode) => open.has(inode));
}

/** Inodes of all sockets that listen on TCP. A port may be somebody else's a moment later; an inode is not. */
export function allListeners(): string[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'latin1')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => fields[9] ?? ''),
  );
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the condition holds; false when it does not within `ms`. */
export async function within(ms: number, condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await pause(20);
  }
  return true;
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const match = /socket:\[(\d+)\]/.exec(linkOf(`/proc/${pid}/fd/${fd}`));
      return match === null ? [] : [match[1] as string];
    });
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
