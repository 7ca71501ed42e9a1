/** An upstream that behaves as its row of the table says, on one connection, whatever carries it. */
import { PREFACE } from '../unit/wire/kit.ts';
import { HELLO, type HostileUpstream, type Step } from './hostile-upstreams.ts';

const FRAME_HEADER_BYTES = 9;

export class HostilePeer {
  readonly #row: HostileUpstream;
  readonly #step: (step: Step) => void;
  #unread: Buffer = Buffer.alloc(0);
  #greeted = false;
  readonly #seen = new Set<number>();
  readonly #arrived: () => void;

  /** `step`: carries one out; `arrived`: told of each request. */
  constructor(row: HostileUpstream, step: (step: Step) => void, arrived: () => void = () => {}) {
    this.#arrived = arrived;
    this.#row = row;
    this.#step = step;
  }

  /** The connection is there. */
  greet(): void {
    for (const step of this.#row.greeting ?? HELLO) this.#step(step);
  }

  /** The sidecar said this. */
  hear(octets: Buffer): void {
    if (this.#row.echoes === true) return this.#step(octets);
    this.#unread = Buffer.concat([this.#unread, octets]);
    if (!this.#greeted) {
      if (this.#unread.length < PREFACE.length) return;
      this.#unread = this.#unread.subarray(PREFACE.length);
      this.#greeted = true;
    }
    for (;;) {
      const unread = this.#unread;
      if (unread.length < FRAME_HEADER_BYTES) return;
      const end = FRAME_HEADER_BYTES + unread.readUIntBE(0, 3);
      if (unread.length < end) return;
      this.#unread = unread.subarray(end);
      this.#frame(unread[3] as number, unread[4] as number, unread.readUInt32BE(5));
    }
  }

  #frame(type: number, flags: number, id: number): void {
    if (type === 1) this.#arrived();
    if (type > 1 || this.#seen.has(id)) return;
    if (this.#row.request !== 'open' && (flags & 1) === 0) return;
    this.#seen.add(id);
    for (const step of this.#row.answer?.(id, this.#seen.size) ?? []) this.#step(step);
  }
}
