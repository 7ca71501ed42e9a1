/**
 * A watched file. Every accepted change counts; a file that is removed, truncated or malformed changes nothing: the last
 * good content stays, and what is wrong is told once.
 */
import type { FSWatcher } from 'node:fs';
import { readFileSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { SidecarError } from '../policy/trouble.ts';

/** Also read this often, for a watcher may miss a change (renames, network file systems). */
const REREAD_MS = 1_000;
/** A file in the middle of being written is given this long to become whole before it counts as wrong. */
const SETTLE_MS = 30;

export interface WatchedFileEvents<T> {
  onContent(content: T): void;
  /** The file became unusable; `null`: it is good again. */
  onTrouble(trouble: string | null): void;
}

/** What a kind of file is called, how it is read, and what it should hold. */
export interface FileKind<T> {
  name: string;
  /** Throws a SidecarError that names the place in the file, whose path is for messages only. */
  parse(text: string, file: string): T;
  remedy: string;
}

export class WatchedFile<T> {
  /** What is wrong with the file now; null when nothing is. */
  trouble: string | null = null;
  readonly #file: string;
  readonly #kind: FileKind<T>;
  readonly #events: WatchedFileEvents<T>;
  readonly #rereadMs: number;
  #text: string;
  #watcher: FSWatcher | null = null;
  #poll: NodeJS.Timeout | null = null;
  #settle: NodeJS.Timeout | null = null;
  #closed = false;

  /** Reads the file at once; throws a SidecarError when it cannot be used, for then there is no last good content. */
  constructor(file: string, kind: FileKind<T>, events: WatchedFileEvents<T>, rereadMs = REREAD_MS) {
    this.#kind = kind;
    this.#rereadMs = rereadMs;
    this.#file = resolve(file);
    this.#events = events;
    this.#text = read(this.#file, kind);
    events.onContent(kind.parse(this.#text, this.#file));
  }

  /**
   * Begins to watch: the folder, so that a rename over the file is seen. Each event is a reading: whoever gathers events
   * for a while misses the second of two changes, and with it that an endpoint was ever gone.
   */
  watch(): void {
    if (this.#closed) return;
    const name = basename(this.#file);
    try {
      this.#watcher = watch(dirname(this.#file), (_event, changed) => {
        // A mounted ConfigMap changes by a link whose name begins with two dots.
        if (changed === null || changed === name || changed.startsWith('..')) this.#look(false);
      });
      this.#watcher.on('error', () => {});
    } catch {
      // The system has no watch left: what is read every second has to do.
    }
    this.#poll = setInterval(() => this.#look(false), this.#rereadMs);
    this.#look(false);
  }

  close(): void {
    this.#closed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#watcher?.close();
  }

  /** Reads it again. `settled`: it had time to become whole. */
  #look(settled: boolean): void {
    if (this.#closed) return;
    let text: string;
    let content: T;
    try {
      text = read(this.#file, this.#kind);
      if (text === this.#text && this.trouble === null) return;
      content = this.#kind.parse(text, this.#file);
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
    this.#events.onContent(content);
  }

  #report(trouble: string): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.#events.onTrouble(trouble);
  }
}

function read<T>(file: string, { name, remedy }: FileKind<T>): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new SidecarError('MW_CONFIG', `the ${name} ${what}`, {
      place: file,
      remedy,
    });
  }
}
