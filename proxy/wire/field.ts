/** Header fields as the decoder makes them: judged once when made, then shared by tables, blocks and encoders. */
import type { HeaderField } from './headers.ts';
import { STATIC_TABLE } from './static-table.ts';

/** What a field is, for the rules of RFC 9113 §8. */
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
} as const;

export class WireField implements HeaderField {
  readonly name: string;
  readonly value: string;
  readonly neverIndexed: boolean;
  /** RFC 7541 §4.1: octets of name and value, plus 32. */
  readonly size: number;
  readonly kind: number;
  /** Why the field may not stand in any message, or ''. */
  readonly flaw: string;

  constructor(name: string, value: string, neverIndexed: boolean) {
    this.name = name;
    this.value = value;
    this.neverIndexed = neverIndexed;
    this.size = name.length + value.length + 32;
    this.kind = KINDS.get(name) ?? (name.startsWith(':') ? FieldKind.UNKNOWN_PSEUDO : FieldKind.REGULAR);
    this.flaw = flawOf(this.kind, name, value);
  }
}

/** The kind and flaw of any field, for blocks that did not come from a decoder. */
export function asWireField(field: HeaderField): WireField {
  return field instanceof WireField ? field : new WireField(field.name, field.value, field.neverIndexed);
}

const KINDS: ReadonlyMap<string, number> = new Map<string, number>([
  [':method', FieldKind.METHOD],
  [':scheme', FieldKind.SCHEME],
  [':authority', FieldKind.AUTHORITY],
  [':path', FieldKind.PATH],
  [':status', FieldKind.STATUS],
  ['content-length', FieldKind.CONTENT_LENGTH],
  ['host', FieldKind.HOST],
]);

/** RFC 9113 §8.2.2. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

function flawOf(kind: number, name: string, value: string): string {
  if (kind === FieldKind.UNKNOWN_PSEUDO) return 'unknown pseudo-header';
  if (kind === FieldKind.REGULAR) {
    if (!isName(name)) return 'field name is empty or has a character that is not allowed';
    if (CONNECTION_SPECIFIC.has(name)) return 'connection-specific field';
    if (name === 'te' && value !== 'trailers') return 'te other than trailers';
  }
  return isValue(value) ? '' : 'field value has a control character or an outer space';
}

/** Characters of a lower-case token (RFC 9110 §5.6.2, RFC 9113 §8.2). */
const NAME_OCTETS = octetTable("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (NAME_OCTETS[name.charCodeAt(i)] !== 1) return false;
  return name.length > 0;
}

function isValue(value: string): boolean {
  const last = value.length - 1;
  if (last < 0) return true;
  for (let i = 0; i <= last; i++) {
    const octet = value.charCodeAt(i);
    if ((octet < 0x20 && octet !== 0x09) || octet === 0x7f) return false;
  }
  return !isSpace(value.charCodeAt(0)) && !isSpace(value.charCodeAt(last));
}

function isSpace(octet: number): boolean {
  return octet === 0x20 || octet === 0x09;
}

function octetTable(allowed: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let i = 0; i < allowed.length; i++) table[allowed.charCodeAt(i)] = 1;
  return table;
}

/** The static table as shared fields; index 0 is unused. */
export const STATIC_FIELDS: readonly WireField[] = STATIC_TABLE.map(
  ([name, value]) => new WireField(name, value, false),
);
