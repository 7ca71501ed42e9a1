/**
 * One step of a link: takes octets in, passes them on now, later, in pieces or not at all. A toxic is a stage; a link
 * is a list of them between two sockets.
 */

export interface Sink {
  push(chunk: Buffer): void;
  /** No more octets. */
  end(): void;
}

/** What a stage may do to its link besides passing octets on. */
export interface LinkActions {
  /** Closes the connection after what was passed on has been written. */
  close(): void;
  /** Breaks both connections by RST. */
  reset(): void;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  random(): number;
}

export interface Stage extends Sink {
  next: Sink;
  /** Octets kept back. */
  readonly held: number;
  /** The toxic goes away: passes on what is held. */
  release(): void;
  /** The link is gone: forgets everything. */
  dispose(): void;
}

interface Entry {
  chunk: Buffer | null;
  dueMs: number;
}

/** Keeps entries in order, each until its time; one timer for the head. */
export class TimedQueue {
  next: Sink;
  held = 0;
  #entries: Entry[] = [];
  #timer: NodeJS.Timeout | null = null;
  #lastDueMs = 0;
  readonly #now: () => number;

  constructor(next: Sink, now: () => number) {
    this.next = next;
    this.#now = now;
  }

  /** `chunk` null is the end. Never overtakes an earlier entry. */
  add(chunk: Buffer | null, dueMs: number): void {
    this.#lastDueMs = Math.max(this.#lastDueMs, dueMs);
    this.#entries.push({ chunk, dueMs: this.#lastDueMs });
    if (chunk !== null) this.held += chunk.length;
    if (this.#timer === null) this.#run();
  }

  flush(): void {
    this.#stopTimer();
    const entries = this.#entries;
    this.#entries = [];
    for (const entry of entries) this.#pass(entry);
  }

  clear(): void {
    this.#stopTimer();
    this.#entries = [];
    this.held = 0;
  }

  #run(): void {
    this.#timer = null;
    const now = this.#now();
    let passed = 0;
    // Half a millisecond early is closer than a whole one late: timers have a grain of 1 ms.
    for (const entry of this.#entries) {
      if (entry.dueMs > now + 0.5) break;
      passed++;
    }
    for (const entry of this.#entries.splice(0, passed)) this.#pass(entry);
    const head = this.#entries[0];
    if (head !== undefined && this.#timer === null) {
      this.#timer = setTimeout(() => this.#run(), Math.max(0, head.dueMs - now));
    }
  }

  #pass(entry: Entry): void {
    if (entry.chunk === null) {
      this.next.end();
      return;
    }
    this.held -= entry.chunk.length;
    this.next.push(entry.chunk);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
