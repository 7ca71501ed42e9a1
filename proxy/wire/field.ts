/** Header fields as the decoder makes them: judged once when made, then shared by tables, blocks and encoders. */
import { EncoderMarks } from './encoder-marks.ts';
import type { HeaderField } from './headers.ts';
import { STATIC_TABLE } from './static-table.ts';

/** What a field is: for the rules of RFC 9113 §8, and for what policies ask of a block. */
export const FieldKind = {
  REGULAR: 0,
  METHOD: 1,
  SCHEME: 2,
  AUTHORITY: 3,
  PATH: 4,
  STATUS: 5,
  /** A pseudo-header that this engine does not know. */
  UNKNOWN_PSEUDO: 6,
  CONTENT_LENGTH: 7,
  HOST: 8,
  TE: 9,
  CONTENT_TYPE: 10,
  GRPC_STATUS: 11,
  GRPC_TIMEOUT: 12,
  GRPC_PREVIOUS_ATTEMPTS: 13,
  /** What belongs to one connection only (RFC 9113 §8.2.2, RFC 9110 §7.6.1). */
  HOP_BY_HOP: 14,
} as const;

/** What all fields of one name have in common. Shared along with names that a table repeats, so that a name is judged once. */
export class FieldName {
  readonly text: string;
  /** One of `FieldKind`. */
  readonly kind: number;
  /** Why no field may have this name, or ''. */
  readonly flaw: string;
  /** What encoders know of the name. */
  readonly marks = new EncoderMarks();

  constructor(text: string) {
    this.text = text;
    this.kind = kindOf(text);
    this.flaw = nameFlawOf(this.kind, text);
  }
}

export class WireField implements HeaderField {
  readonly name: string;
  readonly value: string;
  readonly neverIndexed: boolean;
  /** RFC 7541 §4.1: octets of name and value, plus 32. */
  readonly size: number;
  readonly kind: number;
  readonly fieldName: FieldName;
  /** Why the field may not stand in any message, or ''. */
  readonly flaw: string;
  /** What encoders know of the field; null: nothing. */
  marks: EncoderMarks | null = null;

  /** `isSound`: the value's octets may stand in one. */
  constructor(name: FieldName, value: string, neverIndexed: boolean, isSound = isValue(value)) {
    this.name = name.text;
    this.value = value;
    this.neverIndexed = neverIndexed;
    this.size = name.text.length + value.length + 32;
    this.kind = name.kind;
    this.fieldName = name;
    this.flaw = name.flaw === '' ? valueFlawOf(name.kind, value, isSound) : name.flaw;
  }
}

/** The kind and flaw of any field, for blocks that did not come from a decoder. */
export function asWireField(field: HeaderField): WireField {
  if (field instanceof WireField) return field;
  return new WireField(new FieldName(field.name), field.value, field.neverIndexed);
}

/** One of `FieldKind`. */
function kindOf(name: string): number {
  return KINDS.get(name) ?? (name.charCodeAt(0) === COLON ? FieldKind.UNKNOWN_PSEUDO : FieldKind.REGULAR);
}

const COLON = 0x3a;

const KINDS: ReadonlyMap<string, number> = new Map<string, number>([
  [':method', FieldKind.METHOD],
  [':scheme', FieldKind.SCHEME],
  [':authority', FieldKind.AUTHORITY],
  [':path', FieldKind.PATH],
  [':status', FieldKind.STATUS],
  ['content-length', FieldKind.CONTENT_LENGTH],
  ['host', FieldKind.HOST],
  ['te', FieldKind.TE],
  ['content-type', FieldKind.CONTENT_TYPE],
  ['grpc-status', FieldKind.GRPC_STATUS],
  ['grpc-timeout', FieldKind.GRPC_TIMEOUT],
  ['grpc-previous-rpc-attempts', FieldKind.GRPC_PREVIOUS_ATTEMPTS],
  ['connection', FieldKind.HOP_BY_HOP],
  ['keep-alive', FieldKind.HOP_BY_HOP],
  ['proxy-authenticate', FieldKind.HOP_BY_HOP],
  ['proxy-authorization', FieldKind.HOP_BY_HOP],
  ['proxy-connection', FieldKind.HOP_BY_HOP],
  ['transfer-encoding', FieldKind.HOP_BY_HOP],
  ['upgrade', FieldKind.HOP_BY_HOP],
]);

/** Hop by hop, and yet no flaw. */
const PROXY_AUTH: ReadonlySet<string> = new Set(['proxy-authenticate', 'proxy-authorization']);

function nameFlawOf(kind: number, name: string): string {
  if (kind === FieldKind.UNKNOWN_PSEUDO) return 'unknown pseudo-header';
  if (kind === FieldKind.HOP_BY_HOP) return PROXY_AUTH.has(name) ? '' : 'connection-specific field';
  if (kind !== FieldKind.REGULAR || isName(name)) return '';
  return 'field name is empty or has a character that is not allowed';
}

/** What can be told of a value alone (RFC 9113 §8.2, §8.3; RFC 9110 §4.2, §5.6.2, §8.6). */
function valueFlawOf(kind: number, value: string, isSound: boolean): string {
  if (!isSound) return 'field value has a control character or an outer space';
  switch (kind) {
    case FieldKind.METHOD:
      if (value === '') return ':method is missing';
      return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value) ? '' : ':method is not a token';
    case FieldKind.SCHEME:
      return /^[A-Za-z][A-Za-z0-9+.-]*$/.test(value) ? '' : ':scheme is missing or malformed';
    case FieldKind.AUTHORITY:
      return /^[^\s@/?#\\]*$/.test(value) ? '' : ':authority is malformed';
    case FieldKind.PATH:
      return isPath(value) ? '' : ':path is malformed';
    case FieldKind.STATUS:
      if (!/^[1-9]\d\d$/.test(value)) return ':status is missing or malformed';
      return value === '101' ? ':status 101 does not exist in HTTP/2' : '';
    case FieldKind.CONTENT_LENGTH:
      return /^\d{1,15}$/.test(value) ? '' : 'content-length is not a number';
    case FieldKind.TE:
      return value === 'trailers' ? '' : 'te other than trailers';
    default:
      return '';
  }
}

/** `*` is one as well: which methods it may go with is the block's matter. */
function isPath(path: string): boolean {
  if (path === '*') return true;
  if (path.charCodeAt(0) !== 0x2f) return false;
  for (let i = 1; i < path.length; i++) {
    const octet = path.charCodeAt(i);
    if (octet <= 0x20 || octet === 0x23 || octet >= 0x7f) return false;
  }
  return true;
}

/** Characters of a lower-case token (RFC 9110 §5.6.2, RFC 9113 §8.2). */
const NAME_OCTETS = octetTable("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (NAME_OCTETS[name.charCodeAt(i)] !== 1) return false;
  return name.length > 0;
}

function isValue(value: string): boolean {
  return isValueAt(Buffer.from(value, 'latin1'), 0, value.length);
}

/** Whether `source[start, end)` may be a value: no control character but the tab, no outer space (RFC 9113 §8.2.1). */
export function isValueAt(source: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (VALUE_OCTETS[source[at] as number] === 0) return false;
  return start === end || !(isSpace(source[start] as number) || isSpace(source[end - 1] as number));
}

function isSpace(octet: number): boolean {
  return octet === 0x20 || octet === 0x09;
}

const VALUE_OCTETS = new Uint8Array(256).fill(1).fill(0, 0, 0x20).fill(1, 0x09, 0x0a).fill(0, 0x7f, 0x80);

function octetTable(allowed: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let i = 0; i < allowed.length; i++) table[allowed.charCodeAt(i)] = 1;
  return table;
}

/** The static table as shared fields; index 0 is unused. */
export const STATIC_FIELDS: readonly WireField[] = STATIC_TABLE.map(
  ([name, value]) => new WireField(new FieldName(name), value, false),
);
