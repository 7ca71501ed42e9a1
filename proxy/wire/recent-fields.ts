/**
 * Fields that a decoder made a short while ago, found by their octets. A peer whose table overflows sends the same literals again and again: the
 * field object that was made first saves making it, and encoders know it. Bounded, and values that never repeat do not push out those that do.
 */
import type { WireField } from './field.ts';

const SLOTS = 32;
const VALUE_OCTETS_MAX = 256;
/** How many strangers in its place a field outlives that was found again. */
const LIVES = 8;
const NONE = new Uint8Array(0);

export class RecentFields {
  #slots: (WireField | null)[] | null = null;
  /** By slot, once there are slots. */
  #lives: Uint8Array = NONE;
  #slot = 0;

  /** The field of this name whose value is `source[start, end)`, or null. */
  find(
    name: string,
    source: Uint8Array,
    start: number,
    end: number,
    neverIndexed: boolean,
  ): WireField | null {
    const length = end - start;
    const ends = length === 0 ? 0 : (source[start] as number) ^ ((source[end - 1] as number) << 2);
    this.#slot = (name.length ^ (length << 1) ^ ends) & (SLOTS - 1);
    const field = this.#slots === null ? null : (this.#slots[this.#slot] as WireField | null);
    if (field === null) return null;
    if (
      field.neverIndexed === neverIndexed &&
      field.name === name &&
      isText(field.value, source, start, end)
    ) {
      this.#lives[this.#slot] = LIVES;
      return field;
    }
    if (this.#lives[this.#slot] !== 0) (this.#lives[this.#slot] as number) -= 1;
    return null;
  }

  /** Keeps the field that `find` just did not find, unless a better one has its place. */
  keep(field: WireField): void {
    if (field.value.length > VALUE_OCTETS_MAX) return;
    if (this.#slots === null) {
      this.#slots = Array.from<WireField | null>({ length: SLOTS }).fill(null);
      this.#lives = new Uint8Array(SLOTS);
    }
    if (this.#lives[this.#slot] === 0) this.#slots[this.#slot] = field;
  }
}

/** Whether the octets are the text, one for each character. */
function isText(text: string, source: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0, at = start; at < end; index++, at++)
    if (text.charCodeAt(index) !== source[at]) return false;
  return true;
}
