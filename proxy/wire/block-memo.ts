/**
 * Remembers what whole header blocks decode to. A block's meaning is fixed by its octets and the dynamic table; so one
 * whose decoding did not change the table is kept under (table version, octets). Bounded, and only from its second sight.
 */
import type { WireField } from './field.ts';
import { HeaderBlock } from './headers.ts';
import { requestFlaw, responseFlaw, trailersFlaw } from './validate.ts';

/** A decoded block with the judgements of `validate.ts`, each made once, when it is asked for. */
export class DecodedBlock {
  readonly block: HeaderBlock;
  readonly listBytes: number;
  readonly #isRequest: boolean;
  #headFlaw: string | null = null;
  #trailersFlaw: string | null = null;

  /** `isRequest`: what begins a message in this connection's direction is a request. */
  constructor(fields: readonly WireField[], isRequest: boolean, listBytes: number) {
    this.block = new HeaderBlock(fields);
    this.listBytes = listBytes;
    this.#isRequest = isRequest;
  }

  /** Why it cannot begin a message in this connection's direction, or ''. */
  get headFlaw(): string {
    this.#headFlaw ??= this.#isRequest ? requestFlaw(this.block) : responseFlaw(this.block);
    return this.#headFlaw;
  }

  /** Why it cannot be trailers, or ''. */
  get trailersFlaw(): string {
    this.#trailersFlaw ??= trailersFlaw(this.block);
    return this.#trailersFlaw;
  }

  /** -1 where there is none. */
  get contentLength(): number {
    return this.block.contentLength;
  }
}

export class BlockMemo {
  /** Octets kept. */
  bytes = 0;
  #slots: (Entry | null)[] | null = null;
  #seen: Int32Array | null = null;
  #hash = 0;
  /** Blocks in a row that were not known. */
  #misses = 0;
  /** `find` looked for the last block. */
  #asked = false;

  /** What `source[start, end)` decodes to at `version` of the table, or null. */
  find(version: number, source: Uint8Array, start: number, end: number): DecodedBlock | null {
    if (this.#slots === null) this.#slots = Array.from<Entry | null>({ length: SLOTS }).fill(null);
    this.#misses += 1;
    // Who never repeats himself is asked now and then only.
    this.#asked = this.#misses < MISSES_MAX || this.#misses % MISSES_MAX === 0;
    if (!this.#asked) return null;
    let hash = end - start;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (source[at] as number)) | 0;
    this.#hash = hash;
    const entry = this.#slots[slotOf(hash)] as Entry | null;
    if (entry === null || entry.hash !== hash || entry.version !== version) return null;
    const octets = entry.octets;
    if (octets.length !== end - start) return null;
    for (let i = 0, at = start; at < end; i++, at++) if (octets[i] !== source[at]) return null;
    this.#misses = 0;
    return entry.decoded;
  }

  /** Keeps the block that `find` was last asked for. The caller saw that decoding it left the table at `version`. */
  keep(version: number, source: Uint8Array, start: number, end: number, decoded: DecodedBlock): void {
    const length = end - start;
    if (this.#slots === null || !this.#asked || length > OCTETS_MAX_EACH) return;
    const slot = slotOf(this.#hash);
    if (this.#seen === null) this.#seen = new Int32Array(SLOTS);
    if (this.#seen[slot] !== this.#hash) {
      this.#seen[slot] = this.#hash;
      return;
    }
    const old = this.#slots[slot] as Entry | null;
    if (old !== null) this.bytes -= old.octets.length;
    if (this.bytes + length > OCTETS_MAX) this.#clear();
    this.bytes += length;
    this.#slots[slot] = { version, hash: this.#hash, octets: source.slice(start, end), decoded };
  }

  /** Entries kept. */
  get count(): number {
    return this.#slots === null ? 0 : this.#slots.filter((entry) => entry !== null).length;
  }

  #clear(): void {
    this.#slots?.fill(null);
    this.bytes = 0;
  }
}

interface Entry {
  readonly version: number;
  readonly hash: number;
  readonly octets: Uint8Array;
  readonly decoded: DecodedBlock;
}

const SLOTS = 256;
const MISSES_MAX = 16;
const OCTETS_MAX = 65_536;
const OCTETS_MAX_EACH = 4_096;

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SLOTS - 1);
}
