/**
 * Endpoints from a watched file. Every accepted change counts; a file that is removed, truncated or malformed changes
 * nothing: the last good set stays, and what is wrong is told once.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { Endpoint } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';
import { parseEndpoints } from './parse-endpoints.ts';

/** Also read this often, for a watcher may miss a change (renames, network file systems). */
const REREAD_MS = 1_000;
/** A file in the middle of being written is given this long to become whole before it counts as wrong. */
const SETTLE_MS = 30;

export interface EndpointFileEvents {
  onEndpoints(endpoints: Endpoint[]): void;
  /** The file became unusable; `null`: it is good again. */
  onTrouble(trouble: string | null): void;
}

export class EndpointFile {
  /** What is wrong with the file now; null when nothing is. */
  trouble: string | null = null;
  readonly #file: string;
  readonly #events: EndpointFileEvents;
  #text: string;
  #watcher: FSWatcher | null = null;
  #poll: NodeJS.Timeout | null = null;
  #settle: NodeJS.Timeout | null = null;
  #closed = false;

  /** Reads the file at once; throws a SidecarError when it cannot be used, for then there is no last good set. */
  constructor(file: string, events: EndpointFileEvents) {
    this.#file = resolve(file);
    this.#events = events;
    this.#text = read(this.#file);
    events.onEndpoints(parseEndpoints(this.#text, this.#file));
  }

  /** Begins to watch: the folder, so that a rename over the file is seen. */
  async watch(): Promise<void> {
    const { watch } = await import('chokidar');
    if (this.#closed) return;
    const name = basename(this.#file);
    const folder = dirname(this.#file);
    this.#watcher = watch(folder, {
      depth: 0,
      ignoreInitial: true,
      ignored: (path) => path !== folder && basename(path) !== name,
    });
    this.#watcher.on('all', () => this.#look(false));
    this.#watcher.on('error', () => {});
    this.#poll = setInterval(() => this.#look(false), REREAD_MS);
    this.#look(false);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    if (this.#settle !== null) clearTimeout(this.#settle);
    await this.#watcher?.close();
  }

  /** Reads it again. `settled`: it had time to become whole. */
  #look(settled: boolean): void {
    if (this.#closed) return;
    let text: string;
    let endpoints: Endpoint[];
    try {
      text = read(this.#file);
      if (text === this.#text && this.trouble === null) return;
      endpoints = parseEndpoints(text, this.#file);
    } catch (error) {
      if (settled) this.#report(String(error));
      else {
        this.#settle ??= setTimeout(() => {
          this.#settle = null;
          this.#look(true);
        }, SETTLE_MS);
      }
      return;
    }
    if (this.trouble !== null) {
      this.trouble = null;
      this.#events.onTrouble(null);
    }
    if (text === this.#text) return;
    this.#text = text;
    this.#events.onEndpoints(endpoints);
  }

  #report(trouble: string): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.#events.onTrouble(trouble);
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new SidecarError('MW_CONFIG', `the endpoint file ${what}`, {
      place: file,
      remedy: 'give the path of a YAML or JSON file with the list of endpoints',
    });
  }
}
