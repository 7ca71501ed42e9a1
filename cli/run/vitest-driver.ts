/** Runs scenario files by vitest/node: one worker thread, one file after the other, nothing of vitest on the terminal. */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { BroadcastChannel } from 'node:worker_threads';
import { createVitest, type Vitest } from 'vitest/node';
import { packageRoot } from '../version.ts';
import type { Collector } from './collector.ts';
import type { RunOptions } from './options.ts';

/** Time that loading one file may take, and that a test may take beyond its own timeout before the thread counts as stuck. */
const LOAD_MS_MAX = 60_000;
const STUCK_MS = 10_000;
/** After Ctrl-C: time for the running scenario to stop what it started. */
const CANCEL_MS_MAX = 10_000;
/** Of that: until a scenario says that it stops, and until it has stopped. */
const ANSWER_MS_MAX = 3_000;
const STOP_MS_MAX = 8_000;
const CLOSE_MS_MAX = 5_000;

export interface DriveEnd {
  /** Whether the worker had to be given up: then only process.exit ends it. */
  stuck: boolean;
}

/** Runs all files; resolves when they ended, when `signal` cut them short, or when one hangs for good. */
export async function driveVitest(
  options: RunOptions,
  folder: string,
  collector: Collector,
  signal: AbortSignal,
): Promise<DriveEnd> {
  process.env['MESHWRIGHT_RUN'] = JSON.stringify({
    worlds: options.worlds,
    seed: options.seed,
    folder,
    timeoutMs: options.timeoutMs,
  });
  const vitest = await startVitest(options, collector);
  const project = vitest.getRootProject();
  const specifications = options.files.map((file) => project.createSpecification(realpathSync(file)));
  const watchdog = new Watchdog(collector, options.timeoutMs + STUCK_MS);
  const cancelled = new Promise<void>((resolve) => {
    const cancel = () => {
      setTimeout(resolve, CANCEL_MS_MAX).unref();
      void askToStop(collector).then(() => vitest.cancelCurrentRun('keyboard-input').catch(() => undefined));
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  });
  const ended = vitest.runTestSpecifications(specifications, true).then(() => 'ended' as const);
  const end = await Promise.race([
    ended,
    watchdog.hung.then(() => 'stuck' as const),
    cancelled.then(() => 'stuck' as const),
  ]).finally(() => watchdog.stop());
  if (end === 'stuck') ended.catch(() => undefined);
  await Promise.race([vitest.close().catch(() => undefined), delay(end === 'stuck' ? 500 : CLOSE_MS_MAX)]);
  return { stuck: end === 'stuck' };
}

/**
 * vitest drops a cancelled test at once, record and all; so the running scenario is asked first, or the one that is about
 * to begin. Resolves when it has ended, or when nobody answers (a test that is no scenario, a thread too busy to listen).
 */
async function askToStop(collector: Collector): Promise<void> {
  const channel = new BroadcastChannel('meshwright.interrupt');
  let isAnswered = false;
  channel.onmessage = () => {
    isAnswered = true;
  };
  const startMs = performance.now();
  let asked: Collector['current'] = null;
  for (;;) {
    const { current } = collector;
    if (asked !== null && current !== asked) break;
    if (current !== null && current.title !== null) asked = current;
    if (performance.now() - startMs > (isAnswered ? STOP_MS_MAX : ANSWER_MS_MAX)) break;
    if (!isAnswered) channel.postMessage('stop');
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  channel.close();
}

async function startVitest(options: RunOptions, collector: Collector): Promise<Vitest> {
  const entry = join(packageRoot(), 'dist', 'sim', 'index.js');
  const sidecar = join(packageRoot(), 'dist', 'proxy', 'index.js');
  const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  const own = ['SIGINT', 'SIGTERM', 'unhandledRejection'] as const;
  const before = own.map((name) => new Set(process.listeners(name as NodeJS.Signals)));
  const vitest = await createVitest(
    'test',
    {
      root: options.root,
      config: false,
      watch: false,
      pool: 'threads',
      maxWorkers: 1,
      fileParallelism: false,
      reporters: [collector],
      cache: false,
      passWithNoTests: true,
      testTimeout: options.timeoutMs,
      hookTimeout: options.timeoutMs,
      retry: 0,
      server: { deps: { external: [new RegExp(`^(file://)?${escapeRegExp(join(packageRoot(), 'dist'))}`)] } },
    },
    {
      logLevel: 'silent',
      envDir: false,
      resolve: {
        alias: existsSync(entry)
          ? [
              { find: /^meshwright$/, replacement: entry },
              { find: /^meshwright\/sidecar$/, replacement: sidecar },
            ]
          : [],
      },
    },
    { stdout: sink(), stderr: sink() },
  );
  // vitest ends the process on these by itself; here the command decides what they mean.
  own.forEach((name, index) => {
    for (const listener of process.listeners(name as NodeJS.Signals)) {
      if (before[index]?.has(listener) === false) process.off(name, listener as () => void);
    }
  });
  return vitest;
}

/** Notices a thread that no longer answers (an endless loop cannot be timed out from within). */
class Watchdog {
  readonly hung: Promise<void>;
  readonly #timer: NodeJS.Timeout;

  constructor(collector: Collector, testMsMax: number) {
    let found: () => void = () => undefined;
    this.hung = new Promise((resolve) => {
      found = resolve;
    });
    this.#timer = setInterval(() => {
      const current = collector.current;
      if (current === null) return;
      const limitMs = current.title === null ? Math.min(LOAD_MS_MAX, testMsMax) : testMsMax;
      if (performance.now() - current.sinceMs < limitMs) return;
      collector.reportStuck(current.title, Math.round(limitMs / 1e3));
      found();
    }, 250);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
