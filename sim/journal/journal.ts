/** The journal of one run: an append-only list of packed records, hashed and shown to its consumers chunk by chunk. */
import { createHash } from 'node:crypto';
import { type EventView, type Kind, RECORD_WORDS } from './events.ts';

const CHUNK_RECORDS = 3_072; // 96 KiB: large enough that hashing costs 3 %, small enough to stay in cache

/** Sees each full chunk once, in order. `firstSeq` is the position of its first record. */
export type ChunkConsumer = (words: Int32Array, records: number, firstSeq: number) => void;

/** Writer. `retain` keeps all chunks for reading back; without it memory is constant. */
export class Journal {
  #chunk = new Int32Array(CHUNK_RECORDS * RECORD_WORDS);
  #used = 0;
  #flushed = 0;
  #retained: Int32Array[] = [];
  readonly #retain: boolean;
  readonly #hash = createHash('sha256');
  readonly #consumers: ChunkConsumer[] = [];
  #digest: string | null = null;

  constructor(options: { retain: boolean }) {
    this.#retain = options.retain;
  }

  /** Records written so far. */
  get length(): number {
    return this.#flushed + this.#used / RECORD_WORDS;
  }

  onChunk(consumer: ChunkConsumer): void {
    this.#consumers.push(consumer);
  }

  write(
    kind: Kind,
    tNs: number,
    call: number,
    attempt: number,
    instance: number,
    code: number,
    detail: number,
    sidecar: number,
  ): void {
    const words = this.#chunk;
    const at = this.#used;
    words[at] = kind | ((sidecar & 0xffff) << 8);
    words[at + 1] = tNs | 0;
    words[at + 2] = (tNs / 4_294_967_296) | 0;
    words[at + 3] = call;
    words[at + 4] = attempt;
    words[at + 5] = instance;
    words[at + 6] = code;
    words[at + 7] = detail;
    this.#used = at + RECORD_WORDS;
    if (this.#used === words.length) this.#flush();
  }

  /** Flushes the last chunk and returns the hash over all records (hex). Nothing may be written afterwards. */
  finish(): string {
    if (this.#digest === null) {
      this.#flush();
      this.#digest = this.#hash.digest('hex').slice(0, 32);
    }
    return this.#digest;
  }

  /** Visits retained records from `fromSeq` on; the view is reused. Return false from `visit` to stop. */
  read(visit: (event: EventView) => boolean | void, fromSeq = 0): void {
    const view = newEventView();
    for (let seq = fromSeq; seq < this.#flushed; seq++) {
      const chunk = this.#retained[Math.floor(seq / CHUNK_RECORDS)];
      if (chunk === undefined) return;
      loadEvent(view, chunk, (seq % CHUNK_RECORDS) * RECORD_WORDS, seq);
      if (visit(view) === false) return;
    }
  }

  #flush(): void {
    const words = this.#chunk;
    const records = this.#used / RECORD_WORDS;
    if (records === 0) return;
    this.#hash.update(new Uint8Array(words.buffer, words.byteOffset, this.#used * 4));
    for (const consume of this.#consumers) consume(words, records, this.#flushed);
    this.#flushed += records;
    this.#used = 0;
    if (this.#retain) {
      this.#retained.push(words);
      this.#chunk = new Int32Array(CHUNK_RECORDS * RECORD_WORDS);
    }
  }
}

export function newEventView(): EventView {
  return { seq: 0, kind: 1, sidecar: 0, tNs: 0, call: -1, attempt: -1, instance: -1, code: -1, detail: -1 };
}

/** Fills the view from the record that begins at word `at`. */
export function loadEvent(view: EventView, words: Int32Array, at: number, seq: number): void {
  const head = words[at] as number;
  view.seq = seq;
  view.kind = (head & 0xff) as Kind;
  view.sidecar = (head << 8) >> 16;
  view.tNs = ((words[at + 1] as number) >>> 0) + (words[at + 2] as number) * 4_294_967_296;
  view.call = words[at + 3] as number;
  view.attempt = words[at + 4] as number;
  view.instance = words[at + 5] as number;
  view.code = words[at + 6] as number;
  view.detail = words[at + 7] as number;
}
