/**
 * HPACK encoder (RFC 7541). Finds fields by identity first, indexes nothing before it is seen twice, and remembers the
 * octets of whole blocks under the version of its table.
 */
import { EncoderMarks, type Mark, takeOwner, takePlace } from './encoder-marks.ts';
import { FieldKind, type WireField } from './field.ts';
import type { HeaderBlock } from './headers.ts';
import { DynamicTable } from './hpack-table.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import type { Output } from './output.ts';
import { DEFAULT_TABLE_BYTES } from './protocol.ts';
import { STATIC_ENTRIES, STATIC_TABLE } from './static-table.ts';

export class HpackEncoder {
  readonly table = new DynamicTable(DEFAULT_TABLE_BYTES);
  readonly #tableBytesCap: number;
  readonly #place = takePlace();
  #owner = takeOwner();
  /** Smallest and last size to announce at the next block's start, -1: none (RFC 7541 §4.2). */
  #announceLeast = -1;
  #announceLast = -1;
  readonly #byField = new Map<WireField, Known>();
  readonly #byText = new Map<string, Known>();
  readonly #names = new Map<string, NameRecord>();
  readonly #blocks = new Map<HeaderBlock, EncodedBlock>();
  #blockBytes = 0;
  /** The block in hand changed what later blocks look like. */
  #changed = false;
  #lastBlock: HeaderBlock | null = null;
  #lastEncoded: EncodedBlock | null = null;

  constructor(tableBytesCap: number) {
    this.#tableBytesCap = tableBytesCap;
    if (tableBytesCap < DEFAULT_TABLE_BYTES) this.#resize(tableBytesCap);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableSize(byteCount: number): void {
    const size = Math.min(byteCount, this.#tableBytesCap);
    if (size !== this.table.maxSize) this.#resize(size);
  }

  /** Appends the block. `perCall`: leave out the fields that differ from call to call; the caller appends its own. */
  encode(block: HeaderBlock, perCall: boolean, output: Output): void {
    if (this.#announceLast >= 0) this.#announce(output);
    const known = block === this.#lastBlock ? this.#lastEncoded : (this.#blocks.get(block) ?? null);
    if (known !== null && known.version === this.table.version && known.perCall === perCall) {
      this.#lastBlock = block;
      this.#lastEncoded = known;
      output.reserve(known.octets.length);
      output.octets(known.octets, 0, known.octets.length);
      return;
    }
    const start = output.length;
    this.#changed = false;
    const { fields } = block;
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index] as WireField;
      if (!perCall || !isCallField(field)) this.#field(field, output);
    }
    // Only what would come out the same for ever is kept, so that remembering never shows in the octets.
    if (!this.#changed && block.memo === SEEN) {
      this.#keep(block, perCall, output.buffer.subarray(start, output.length));
    }
    block.memo = SEEN;
  }

  /** Appends one literal that is never worth indexing. `nameIndex` 0 and the name, or a static index. */
  appendLiteral(name: string, value: string, output: Output): void {
    output.reserve(name.length + value.length + 12);
    this.#literal(0x00, 0x0f, 0, name, value, false, output);
  }

  #keep(block: HeaderBlock, perCall: boolean, octets: Uint8Array): void {
    if (octets.length > ENCODED_BYTES_MAX_EACH) return;
    if (this.#blocks.size >= ENCODED_MAX || this.#blockBytes + octets.length > ENCODED_BYTES_MAX) {
      this.#blocks.clear();
      this.#blockBytes = 0;
    }
    const encoded: EncodedBlock = { version: this.table.version, perCall, octets: Uint8Array.from(octets) };
    this.#blockBytes += octets.length;
    this.#blocks.set(block, encoded);
    this.#lastBlock = block;
    this.#lastEncoded = encoded;
  }

  #field(field: WireField, output: Output): void {
    const size = field.name.length + field.value.length;
    output.reserve(size + 16);
    const identical = this.#identical(field);
    if (identical !== undefined && !field.neverIndexed) {
      const index = this.#indexOf(identical);
      if (index > 0) {
        this.#integer(0x80, 0x7f, index, output);
        return;
      }
    }
    const name = this.#nameRecord(field);
    if (field.neverIndexed) {
      this.#literal(0x10, 0x0f, this.#nameIndex(name), field.name, field.value, false, output);
      return;
    }
    const known = (size + 32) * 2 > this.table.maxSize ? null : (identical ?? this.#known(field, name));
    const index = known === null ? 0 : this.#indexOf(known);
    if (index > 0) {
      this.#integer(0x80, 0x7f, index, output);
    } else if (known !== null && this.#worthIndexing(known, size + 32)) {
      this.#literal(0x40, 0x3f, this.#nameIndex(name), field.name, field.value, true, output);
      this.table.insert(field);
      known.serial = this.table.inserted;
      known.seen = 0;
      name.serial = this.table.inserted;
    } else {
      this.#literal(0x00, 0x0f, this.#nameIndex(name), field.name, field.value, false, output);
    }
  }

  /** What is known of this name and value; null: nothing, and the name's values vary too much to begin. */
  #known(field: WireField, name: NameRecord): Known | null {
    if (name.novelties > NOVELTIES_MAX) return null;
    this.#changed = true;
    const text = `${field.name}\0${field.value}`;
    let known = this.#byText.get(text);
    if (known === undefined) {
      if (this.#byText.size >= KNOWN_MAX) this.#forget();
      known = { owner: this.#owner, serial: 0, staticIndex: STATIC_INDEX.get(text) ?? 0, seen: 0 };
      this.#byText.set(text, known);
      name.novelties += 1;
    } else {
      name.novelties = name.novelties > 8 ? name.novelties - 8 : 0;
      if (this.#byField.size >= KNOWN_MAX) this.#clear(this.#byField);
      this.#byField.set(field, known);
      this.#mark((field.marks ??= new EncoderMarks()), known);
    }
    return known;
  }

  /** Indexed from the second sight on; a field that would push another out must be seen more often. */
  #worthIndexing(known: Known, size: number): boolean {
    this.#changed = true;
    known.seen += 1;
    return known.seen >= (this.table.size + size > this.table.maxSize ? 8 : 2);
  }

  #indexOf(known: Known): number {
    if (known.staticIndex > 0) return known.staticIndex;
    const age = this.table.inserted - known.serial;
    return known.serial > 0 && age < this.table.count ? STATIC_ENTRIES + 1 + age : 0;
  }

  #nameIndex(record: NameRecord): number {
    if (record.staticIndex > 0) return record.staticIndex;
    const age = this.table.inserted - record.serial;
    return record.serial > 0 && age < this.table.count ? STATIC_ENTRIES + 1 + age : 0;
  }

  /** What is known of this very object. */
  #identical(field: WireField): Known | undefined {
    const { marks } = field;
    if (marks === null) return undefined;
    const mark = marks.get(this.#place);
    if (mark !== null && mark.owner === this.#owner) return mark as Known;
    const known = this.#byField.get(field);
    if (known !== undefined) this.#mark(marks, known);
    return known;
  }

  #nameRecord(field: WireField): NameRecord {
    const { marks } = field.fieldName;
    const mark = marks.get(this.#place);
    if (mark?.owner === this.#owner) return mark as NameRecord;
    const { name } = field;
    let record = this.#names.get(name);
    if (record === undefined) {
      if (this.#names.size >= KNOWN_MAX) this.#clear(this.#names);
      this.#changed = true;
      record = { owner: this.#owner, staticIndex: STATIC_NAME_INDEX.get(name) ?? 0, serial: 0, novelties: 0 };
      this.#names.set(name, record);
    }
    this.#mark(marks, record);
    return record;
  }

  /** Bounds the memory: what the table holds is found again after two more sights. */
  #forget(): void {
    this.#byText.clear();
    this.#clear(this.#byField);
  }

  #clear(map: Map<unknown, unknown>): void {
    map.clear();
    this.#owner = takeOwner();
  }

  #mark(marks: EncoderMarks, mark: Mark): void {
    mark.owner = this.#owner;
    marks.set(this.#place, mark);
  }

  #resize(size: number): void {
    this.table.resize(size);
    this.#announceLeast = this.#announceLeast < 0 ? size : Math.min(this.#announceLeast, size);
    this.#announceLast = size;
  }

  #announce(output: Output): void {
    output.reserve(12);
    if (this.#announceLeast < this.#announceLast) this.#integer(0x20, 0x1f, this.#announceLeast, output);
    this.#integer(0x20, 0x1f, this.#announceLast, output);
    this.#announceLeast = -1;
    this.#announceLast = -1;
  }

  #literal(
    pattern: number,
    mask: number,
    nameIndex: number,
    name: string,
    value: string,
    huffman: boolean,
    output: Output,
  ): void {
    this.#integer(pattern, mask, nameIndex, output);
    if (nameIndex === 0) this.#string(name, huffman, output);
    this.#string(value, huffman, output);
  }

  /** Huffman only where the octets are used again: plain octets cost less than the code saves on one call. */
  #string(text: string, huffman: boolean, output: Output): void {
    if (huffman) {
      const length = huffmanLength(text);
      if (length < text.length) {
        this.#integer(0x80, 0x7f, length, output);
        output.length = huffmanEncode(text, output.buffer, output.length);
        return;
      }
    }
    this.#integer(0x00, 0x7f, text.length, output);
    const buffer = output.buffer;
    let at = output.length;
    if (text.length > 64) {
      buffer.write(text, at, 'latin1');
      at += text.length;
    } else {
      for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
    }
    output.length = at;
  }

  /** RFC 7541 §5.1. */
  #integer(pattern: number, mask: number, value: number, output: Output): void {
    const buffer = output.buffer;
    let at = output.length;
    if (value < mask) {
      buffer[at++] = pattern | value;
    } else {
      buffer[at++] = pattern | mask;
      let rest = value - mask;
      while (rest >= 0x80) {
        buffer[at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      buffer[at++] = rest;
    }
    output.length = at;
  }
}

/** Fields that differ from call to call and are given to `openStream` by value. */
function isCallField(field: WireField): boolean {
  const { kind } = field;
  return kind === FieldKind.GRPC_TIMEOUT || kind === FieldKind.GRPC_PREVIOUS_ATTEMPTS;
}

/** Mark in a block's `memo`: it was encoded before. */
const SEEN = true;

interface Known extends Mark {
  /** Serial number in the dynamic table, 0: never inserted. */
  serial: number;
  readonly staticIndex: number;
  seen: number;
}

interface NameRecord extends Mark {
  readonly staticIndex: number;
  /** Serial number of the last insertion with this name. */
  serial: number;
  /** New values less repeated ones: high for names like request ids. */
  novelties: number;
}

interface EncodedBlock {
  readonly version: number;
  readonly perCall: boolean;
  readonly octets: Uint8Array;
}

const KNOWN_MAX = 512;
const NOVELTIES_MAX = 32;
const ENCODED_MAX = 256;
const ENCODED_BYTES_MAX = 65_536;
const ENCODED_BYTES_MAX_EACH = 4_096;

const STATIC_INDEX: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(([name, value], index): [string, number] => [`${name}\0${value}`, index]).slice(1),
);
const STATIC_NAME_INDEX: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(([name], index): [string, number] => [name, index])
    .slice(1)
    .reverse(),
);
