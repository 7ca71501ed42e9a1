/** The dynamic table of RFC 7541 §2.3.2: a ring of shared field objects. */
import type { WireField } from './field.ts';

export class DynamicTable {
  /** Octets in the table (RFC 7541 §4.1). */
  size = 0;
  count = 0;
  /** Goes up with every change; with the octets of a block it decides what the block means. */
  version = 0;
  /** Fields ever inserted: the newest one's serial number. */
  inserted = 0;
  #maxSize: number;
  #ring: (WireField | undefined)[] = EMPTY_RING;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** Index 0 is the newest entry (RFC 7541 calls it 62). */
  get(index: number): WireField | undefined {
    if (index >= this.count) return undefined;
    return this.#ring[(this.inserted - index) & (this.#ring.length - 1)];
  }

  /** RFC 7541 §4.4: evicts from the old end; an entry above the maximum empties the table and is not kept. */
  insert(field: WireField): boolean {
    this.version += 1;
    this.#evictTo(this.#maxSize - field.size);
    if (field.size > this.#maxSize) return false;
    if (this.count + 1 >= this.#ring.length) this.#grow();
    this.inserted += 1;
    this.#ring[this.inserted & (this.#ring.length - 1)] = field;
    this.count += 1;
    this.size += field.size;
    return true;
  }

  /** RFC 7541 §4.3. */
  resize(maxSize: number): void {
    this.version += 1;
    this.#maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  #evictTo(size: number): void {
    const mask = this.#ring.length - 1;
    while (this.count > 0 && this.size > size) {
      const oldest = (this.inserted - this.count + 1) & mask;
      this.size -= (this.#ring[oldest] as WireField).size;
      this.#ring[oldest] = undefined;
      this.count -= 1;
    }
  }

  #grow(): void {
    const ring = Array.from<WireField | undefined>({
      length: this.#ring.length * 2 < 16 ? 16 : this.#ring.length * 2,
    }).fill(undefined);
    for (let i = 0; i < this.count; i++) {
      const serial = this.inserted - i;
      ring[serial & (ring.length - 1)] = this.#ring[serial & (this.#ring.length - 1)];
    }
    this.#ring = ring;
  }
}

/** Until the first insertion a connection has no ring of its own. */
const EMPTY_RING: (WireField | undefined)[] = [undefined];
