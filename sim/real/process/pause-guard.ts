/**
 * A stopped process (SIGSTOP) cannot see that its parent is gone. While one is paused, a shell holds a pipe from us:
 * when the pipe closes without a word, the shell kills the paused process.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const SCRIPT = 'read -r word || kill -KILL "$1"';

export class PauseGuard {
  readonly #shell: ChildProcess;

  /** Ready when the constructor returns: the pipe exists from then on. */
  constructor(pid: number, runId: string) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'meshwright-pause-guard', String(pid)], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { MESHWRIGHT_RUN_ID: runId, PATH: process.env['PATH'] },
    });
    this.#shell.on('error', () => undefined);
    this.#shell.stdin?.on('error', () => undefined);
  }

  /** The process goes on, or is dead: nothing to watch any more. */
  release(): void {
    this.#shell.stdin?.end('done\n');
  }
}
