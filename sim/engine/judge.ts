/** Shows journal events to those who asked for their kind: one table, one reused view, no object per event. */
import { type EventView, type Kind, RECORD_WORDS } from '../journal/events.ts';
import { loadEvent, newEventView } from '../journal/journal.ts';

/** Someone who wants events of some kinds, in journal order. */
export interface Listener {
  readonly kinds: readonly Kind[];
  onEvent(event: EventView): void;
}

const SLOTS = 10;
const NOBODY: Listener = { kinds: [], onEvent: () => undefined };

export class Judge {
  readonly #listeners: readonly Listener[];
  /** By kind: who wants it, a bit per listener of the first `SLOTS`. */
  readonly #wanted = new Int32Array(256);
  /** By kind: those beyond. */
  readonly #others: Listener[][] = Array.from({ length: 256 }, () => []);
  readonly #view = newEventView();

  constructor(listeners: readonly Listener[]) {
    this.#listeners = listeners;
    listeners.forEach((listener, index) => {
      for (const kind of listener.kinds) {
        if (index < SLOTS) this.#wanted[kind] = (this.#wanted[kind] as number) | (1 << index);
        else (this.#others[kind] as Listener[]).push(listener);
      }
    });
  }

  /** A ChunkConsumer. Each listener has a call of its own in the text: the engine then knows whom it calls, and inlines. */
  readonly consume = (words: Int32Array, records: number, firstSeq: number): void => {
    const view = this.#view;
    const wanted = this.#wanted;
    const [a = NOBODY, b = NOBODY, c = NOBODY, d = NOBODY, e = NOBODY] = this.#listeners;
    const [f = NOBODY, g = NOBODY, h = NOBODY, i = NOBODY, j = NOBODY] = this.#listeners.slice(5);
    const hasOthers = this.#listeners.length > SLOTS;
    for (let record = 0, at = 0; record < records; record++, at += RECORD_WORDS) {
      const kind = (words[at] as number) & 0xff;
      const who = wanted[kind] as number;
      if (who === 0 && !hasOthers) continue;
      loadEvent(view, words, at, firstSeq + record);
      if ((who & 1) !== 0) a.onEvent(view);
      if ((who & 2) !== 0) b.onEvent(view);
      if ((who & 4) !== 0) c.onEvent(view);
      if ((who & 8) !== 0) d.onEvent(view);
      if ((who & 16) !== 0) e.onEvent(view);
      if ((who & 32) !== 0) f.onEvent(view);
      if ((who & 64) !== 0) g.onEvent(view);
      if ((who & 128) !== 0) h.onEvent(view);
      if ((who & 256) !== 0) i.onEvent(view);
      if ((who & 512) !== 0) j.onEvent(view);
      if (hasOthers) for (const other of this.#others[kind] as Listener[]) other.onEvent(view);
    }
  };
}
