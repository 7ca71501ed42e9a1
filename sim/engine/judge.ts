/** Shows journal events to those who asked for their kind: one table, one reused view, no object per event. */
import type { EventView, Kind } from '../journal/events.ts';
import { loadEvent, newEventView } from '../journal/journal.ts';
import { RECORD_WORDS } from '../journal/events.ts';

/** Someone who wants events of some kinds, in journal order. */
export interface Listener {
  readonly kinds: readonly Kind[];
  onEvent(event: EventView): void;
}

export class Judge {
  readonly #table: (readonly Listener[] | undefined)[] = Array.from({ length: 256 });
  readonly #view = newEventView();

  constructor(listeners: readonly Listener[]) {
    for (const listener of listeners) {
      for (const kind of listener.kinds) this.#table[kind] = [...(this.#table[kind] ?? []), listener];
    }
  }

  /** A ChunkConsumer. */
  readonly consume = (words: Int32Array, records: number, firstSeq: number): void => {
    const view = this.#view;
    const table = this.#table;
    for (let record = 0; record < records; record++) {
      const at = record * RECORD_WORDS;
      const listeners = table[(words[at] as number) & 0xff];
      if (listeners === undefined) continue;
      loadEvent(view, words, at, firstSeq + record);
      for (let index = 0; index < listeners.length; index++) (listeners[index] as Listener).onEvent(view);
    }
  };
}
