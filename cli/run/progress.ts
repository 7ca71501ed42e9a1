/** What is going on, while it is going on: one line that changes on a terminal, one line per beginning elsewhere. */
import { BroadcastChannel } from 'node:worker_threads';
import { createLogUpdate } from 'log-update';
import type { Colors } from 'picocolors/types.js';
import { printable, printableLine } from '../../reports/printable.ts';
import { print } from '../output.ts';

/** Messages on the channel `meshwright.progress`; every field may be missing. */
interface ProgressMessage {
  name: string;
  world: string;
  nowMs: number;
  totalMs: number;
  calls: number;
}

export interface Progress {
  file(file: string): void;
  start(title: string): void;
  /** Prints above the live line. */
  log(text: string): void;
  stop(): void;
}

const REDRAW_MS = 80;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const LOG_LINES_MAX = 200;

/** Progress for standard output. `live`: redraw one line; else only completed lines are printed. */
export function startProgress(options: { live: boolean; fileCount: number; colors: Colors }): Progress {
  return options.live ? new LiveProgress(options.fileCount, options.colors) : new PlainProgress();
}

class PlainProgress implements Progress {
  file(): void {}
  start(): void {}
  log(text: string): void {
    print(text);
  }
  stop(): void {}
}

class LiveProgress implements Progress {
  readonly #update = createLogUpdate(process.stdout, { showCursor: true });
  readonly #channel = new BroadcastChannel('meshwright.progress');
  readonly #timer: NodeJS.Timeout;
  readonly #fileCount: number;
  readonly #colors: Colors;
  #files = 0;
  #file = '';
  #title = '';
  #sinceMs = performance.now();
  #frame = 0;
  #message: Partial<ProgressMessage> = {};

  constructor(fileCount: number, colors: Colors) {
    this.#fileCount = fileCount;
    this.#colors = colors;
    this.#channel.onmessage = (event) => {
      const data: unknown = (event as { data: unknown }).data;
      if (typeof data === 'object' && data !== null) this.#message = data as Partial<ProgressMessage>;
    };
    this.#channel.unref();
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
  }

  file(file: string): void {
    this.#files++;
    this.#file = file;
    this.#begin('loading');
  }

  start(title: string): void {
    this.#begin(title);
  }

  log(text: string): void {
    this.#update.clear();
    print(text);
    this.#draw();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#channel.close();
    this.#update.clear();
    this.#update.done();
  }

  #begin(title: string): void {
    this.#title = title;
    this.#message = {};
    this.#sinceMs = performance.now();
  }

  #draw(): void {
    const c = this.#colors;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const { nowMs, totalMs, calls } = this.#message;
    const width = Math.max(40, process.stdout.columns ?? 80);
    const share = isPositive(totalMs) && isPositive(nowMs) ? Math.min(1, nowMs / totalMs) : null;
    const bar = share === null ? '' : ` ${drawBar(share)} ${((nowMs as number) / 1e3).toFixed(1)} s`;
    const told = isPositive(calls) ? ` · ${calls.toLocaleString('en-US')} calls` : '';
    const elapsed = ((performance.now() - this.#sinceMs) / 1e3).toFixed(1);
    const head = `${this.#files}/${this.#fileCount} ${printable(this.#file, 60)}`;
    const lines = [
      `${c.cyan(FRAMES[this.#frame] ?? '')} ${printable(this.#title, width - 4)}`,
      c.dim(`  ${head} · ${elapsed} s${bar}${told}`.slice(0, width)),
    ];
    this.#update(lines.join('\n'));
  }
}

/** What a scenario file prints, set off from the command's own lines and harmless. */
export function consoleLines(text: string, colors: Colors): string {
  const lines = text.replace(/\n$/, '').split('\n');
  const shown = lines.slice(0, LOG_LINES_MAX).map((line) => `  ${colors.dim('|')} ${printableLine(line)}`);
  if (lines.length > LOG_LINES_MAX)
    shown.push(`  ${colors.dim('|')} … ${lines.length - LOG_LINES_MAX} more lines`);
  return shown.join('\n');
}

function drawBar(share: number): string {
  const width = 20;
  const full = Math.round(share * width);
  return `${'━'.repeat(full)}${'╌'.repeat(width - full)}`;
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
