/** HPACK decoder (RFC 7541): a header block's octets to shared fields, every loop bounded by the block's length. */
import { FieldName, STATIC_FIELDS, WireField, isValueAt } from './field.ts';
import { DynamicTable } from './hpack-table.ts';
import { huffmanDecode, huffmanRoom } from './huffman.ts';
import { DEFAULT_TABLE_BYTES } from './protocol.ts';
import { RecentFields } from './recent-fields.ts';

/** How decoding a block ended. */
export const DecodeEnd = {
  OK: 0,
  /** Above a limit, but the table is in step: a stream error will do. */
  TOO_LARGE: 1,
  /** COMPRESSION_ERROR: the connection is lost. */
  BROKEN: 2,
  /** Far above the limit: the connection is not worth keeping. */
  FLOOD: 3,
} as const;

export class HpackDecoder {
  readonly table: DynamicTable;
  /** Fields of the last block. A new array for each block; it may be kept. */
  fields: WireField[] = [];
  /** Size of the last block's list: name + value + 32 each. */
  listBytes = 0;
  readonly #listBytesMax: number;
  readonly #fieldsMax: number;
  /** SETTINGS_HEADER_TABLE_SIZE that we announced. */
  readonly #tableBytesMax: number;
  /** The most that a size update may say: until our SETTINGS are acknowledged, also what both sides assume before them. */
  #updateMax: number;
  /** Our announced size is below the default and acknowledged: the next block must begin with an update. */
  #updateOwed = false;
  #source: Buffer = NOTHING;
  #at = 0;
  #end = 0;
  #broken = false;
  /** The last string literal: see `#string`. */
  #decoded: Buffer = NOTHING;
  #textStart = 0;
  #textEnd = 0;
  readonly #recent = new RecentFields();

  constructor(tableBytesMax: number, listBytesMax: number, fieldsMax: number) {
    this.table = new DynamicTable(DEFAULT_TABLE_BYTES);
    this.#tableBytesMax = tableBytesMax;
    this.#updateMax = Math.max(tableBytesMax, DEFAULT_TABLE_BYTES);
    this.#listBytesMax = listBytesMax;
    this.#fieldsMax = fieldsMax;
  }

  /** Our SETTINGS were acknowledged (RFC 7541 §4.2). */
  handleSettingsAck(): void {
    this.#updateMax = this.#tableBytesMax;
    if (this.table.maxSize <= this.#tableBytesMax) return;
    this.#updateOwed = true;
    // A block that is known from before has to begin with it like any other.
    this.table.version += 1;
  }

  /** Decodes `source[start, end)`, a whole block. */
  decode(source: Uint8Array, start: number, end: number): number {
    this.#source =
      source instanceof Buffer ? source : Buffer.from(source.buffer, source.byteOffset, source.length);
    this.#at = start;
    this.#end = end;
    this.#broken = false;
    this.listBytes = 0;
    const fields: WireField[] = [];
    this.fields = fields;
    this.#sizeUpdates();
    let count = 0;
    while (this.#at < end && !this.#broken) {
      const field = this.#field(source[this.#at] as number);
      if (field === null) break;
      this.listBytes += field.size;
      count += 1;
      if (count <= this.#fieldsMax && this.listBytes <= this.#listBytesMax) fields.push(field);
      else if (count > this.#fieldsMax * 4 || this.listBytes > this.#listBytesMax * 4) return DecodeEnd.FLOOD;
    }
    this.#source = NOTHING;
    this.#decoded = NOTHING;
    if (this.#broken) return DecodeEnd.BROKEN;
    return fields.length === count ? DecodeEnd.OK : DecodeEnd.TOO_LARGE;
  }

  /** At most two, at the block's start, none above what holds now (RFC 7541 §4.2, §6.3). */
  #sizeUpdates(): void {
    let updates = 0;
    while (this.#at < this.#end && ((this.#source[this.#at] as number) & 0xe0) === 0x20) {
      const size = this.#integer(0x1f);
      if (size > this.#updateMax || ++updates > 2) this.#broken = true;
      if (this.#broken) return;
      this.table.resize(size);
      this.#updateOwed = false;
    }
    if (this.#updateOwed) this.#broken = true;
  }

  #field(first: number): WireField | null {
    if (first >= 0x80) return this.#indexed(this.#integer(0x7f));
    if (first >= 0x40) {
      const field = this.#literal(this.#integer(0x3f), false);
      if (field !== null) this.table.insert(field);
      return field;
    }
    if (first >= 0x20) return this.#fail(); // A size update after a field.
    return this.#literal(this.#integer(0x0f), first >= 0x10);
  }

  #indexed(index: number): WireField | null {
    if (this.#broken || index === 0) return this.#fail();
    const field =
      index < STATIC_FIELDS.length ? STATIC_FIELDS[index] : this.table.get(index - STATIC_FIELDS.length);
    return field === undefined ? this.#fail() : field;
  }

  #literal(nameIndex: number, neverIndexed: boolean): WireField | null {
    const named = this.#broken || nameIndex === 0 ? null : this.#indexed(nameIndex);
    const name = nameIndex === 0 ? this.#text() : (named?.name ?? '');
    this.#string();
    if (this.#broken) return null;
    const octets = this.#decoded;
    const start = this.#textStart;
    const end = this.#textEnd;
    const recent = this.#recent.find(name, octets, start, end, neverIndexed);
    if (recent !== null) return recent;
    const fieldName = named === null ? new FieldName(name) : named.fieldName;
    const isSound = isValueAt(octets, start, end);
    const field = new WireField(fieldName, latin1(octets, start, end), neverIndexed, isSound);
    this.#recent.keep(field);
    return field;
  }

  #text(): string {
    this.#string();
    return this.#broken ? '' : latin1(this.#decoded, this.#textStart, this.#textEnd);
  }

  /** Reads a string literal: what it says is `#decoded[#textStart, #textEnd)` then. */
  #string(): void {
    if (this.#broken || this.#at >= this.#end) {
      this.#broken = true;
      return;
    }
    const isHuffman = (this.#source[this.#at] as number) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    if (this.#broken || length > this.#end - start) {
      this.#broken = true;
      return;
    }
    this.#at = start + length;
    this.#decoded = this.#source;
    this.#textStart = start;
    this.#textEnd = this.#at;
    if (!isHuffman) return;
    if (huffmanRoom(length) > scratch.length) scratch = Buffer.allocUnsafeSlow(huffmanRoom(length));
    this.#decoded = scratch;
    this.#textStart = 0;
    this.#textEnd = huffmanDecode(this.#source, start, this.#at, scratch);
    if (this.#textEnd < 0) this.#broken = true;
  }

  /** RFC 7541 §5.1, bounded: at most 5 continuation octets and 2^28. Reads the prefix octet at the cursor. */
  #integer(mask: number): number {
    let value = (this.#source[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let factor = 1, octets = 0; octets < 5; octets++, factor *= 128) {
      if (this.#at >= this.#end) break;
      const octet = this.#source[this.#at++] as number;
      value += (octet & 0x7f) * factor;
      if (value > INTEGER_MAX) break;
      if (octet < 0x80) return value;
    }
    this.#broken = true;
    return 0;
  }

  #fail(): null {
    this.#broken = true;
    return null;
  }
}

const INTEGER_MAX = 0x10000000;
const NOTHING = Buffer.alloc(0);
/** Decoded Huffman text of one string, shared: decoding is synchronous. */
let scratch = Buffer.allocUnsafeSlow(8_192);

/** Latin1 text of some octets: every octet is one character. */
function latin1(source: Buffer, start: number, end: number): string {
  return source.toString('latin1', start, end);
}
