/** Whatever ends the runner, nothing of its run stays: no process, no port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { allListeners, listenersOf, pause, processesOf, within } from './processes.ts';

const RUNNER = fileURLToPath(new URL('fixtures/runner.mjs', import.meta.url));

class Runner {
  readonly runId = `test-${randomBytes(8).toString('hex')}`;
  readonly process: ChildProcess;
  output = '';

  constructor(env: Record<string, string> = {}) {
    this.process = spawn(process.execPath, [RUNNER], {
      env: { ...process.env, ...env, MESHWRIGHT_RUN_ID: this.runId },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.output += text.toString();
      });
    }
  }

  /** Waits for a phase. */
  async reach(phase: string): Promise<void> {
    const reached = await within(30_000, () => this.output.includes(`${phase}\n`));
    if (!reached) throw new Error(`the runner never said ${phase}: ${this.output}`);
  }

  async expectNothingLeft(listeners: readonly string[], ms = 2_000): Promise<void> {
    const deadline = performance.now() + ms;
    await within(ms, () => processesOf(this.runId).length === 0);
    const left = processesOf(this.runId);
    for (const pid of left) process.kill(pid, 'SIGKILL');
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

test.each([
  ['while children start', 'starting', 150],
  ['a little later', 'starting', 450],
  ['when all is up', 'started', 0],
  ['while an instance is paused', 'paused', 50],
  ['after a fault', 'killed', 50],
])('SIGKILL of the runner %s leaves nothing', async (_name, phase, afterMs) => {
  const runner = new Runner();
  await runner.reach(phase);
  await pause(afterMs);
  const pids = processesOf(runner.runId);
  const listeners = listenersOf(pids);
  expect(pids.length).toBeGreaterThan(phase === 'starting' ? 0 : 4);
  if (phase !== 'starting') expect(listeners.length).toBeGreaterThan(3);
  runner.process.kill('SIGKILL');
  await runner.expectNothingLeft(listeners);
});

test.each([
  ['while children start', 'starting'],
  ['while an instance is paused', 'paused'],
])('Ctrl-C %s stops everything in order', async (_name, phase) => {
  const runner = new Runner();
  await runner.reach(phase);
  const listeners = listenersOf(processesOf(runner.runId));
  runner.process.kill('SIGINT');
  await runner.reach('stopped');
  expect(runner.output).toContain('ended MW_INTERRUPTED');
  await runner.expectNothingLeft(listeners);
});
