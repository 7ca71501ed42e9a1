/** Decoded header blocks: immutable lists of fields, with what policies ask of them computed once per distinct block. */
import { FieldKind, FieldName, WireField, asWireField } from './field.ts';

/** One field as it stood in the block. Names are lower case; values are octets as latin1 text. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** HPACK "never indexed" (RFC 7541 §6.2.3): must be forwarded the same way. */
  readonly neverIndexed: boolean;
}

/** A header block. Shared between calls whose blocks are equal: never change one. */
export class HeaderBlock {
  readonly fields: readonly WireField[];
  /** Request: `:path`, else ''. */
  readonly path: string;
  /** Request: `:method`, else ''. */
  readonly method: string;
  /** Request: `:authority`, else ''. */
  readonly authority: string;
  /**
   * The kinds of fields that are there, a bit each (`1 << FieldKind.…`); -1: a field is flawed, stands in a wrong place (RFC 9113
   * §8.3: a pseudo-header behind a regular field), or is there twice though there may be one.
   */
  readonly kinds: number;
  /** Response: `:status` as a number, else 0. */
  readonly status: number;
  /** grpc-status as a number, or -1 where there is none. */
  readonly grpcStatus: number;
  /** grpc-timeout in nanoseconds, or -1 where there is none. A malformed one is -2. */
  readonly timeoutNs: number;
  /** content-length in octets, or -1 where there is none. */
  readonly contentLength: number;
  /** content-type starts with application/grpc. */
  readonly isGrpc: boolean;
  /** A slot for whoever forwards the block (encoder memo); not part of its value. */
  memo: unknown = null;
  /** A slot for the block without its connection's own fields, once somebody asked for it; not part of its value. */
  forwarded: HeaderBlock | null = null;

  constructor(fields: readonly WireField[]) {
    let path = '';
    let method = '';
    let authority = '';
    let kinds = 0;
    let isInOrder = true;
    let status = 0;
    let grpcStatus = -1;
    let timeoutNs = -1;
    let contentLength = -1;
    let isGrpc = false;
    for (let index = 0; index < fields.length; index++) {
      const { kind, value, flaw } = fields[index] as WireField;
      const bit = 1 << kind;
      // All that is not a pseudo-header has a higher bit, or the lowest one.
      if (flaw !== '' || (kinds & bit & SINGLE) !== 0 || ((bit & PSEUDO) !== 0 && (kinds & ~PSEUDO) !== 0))
        isInOrder = false;
      kinds |= bit;
      switch (kind) {
        case FieldKind.PATH:
          path = value;
          break;
        case FieldKind.METHOD:
          method = value;
          break;
        case FieldKind.AUTHORITY:
          authority = value;
          break;
        case FieldKind.STATUS:
          status = /^\d{3}$/.test(value) ? Number(value) : 0;
          break;
        case FieldKind.CONTENT_LENGTH:
          contentLength = Number(value);
          break;
        case FieldKind.GRPC_STATUS:
          grpcStatus = /^\d{1,9}$/.test(value) ? Number(value) : 2;
          break;
        case FieldKind.GRPC_TIMEOUT:
          timeoutNs = parseGrpcTimeout(value);
          break;
        case FieldKind.CONTENT_TYPE:
          isGrpc = value.startsWith('application/grpc');
      }
    }
    this.fields = fields;
    this.path = path;
    this.method = method;
    this.authority = authority;
    this.kinds = isInOrder ? kinds : -1;
    this.status = status;
    this.grpcStatus = grpcStatus;
    this.timeoutNs = timeoutNs;
    this.contentLength = contentLength;
    this.isGrpc = isGrpc;
  }

  /** First value of a field, or undefined. `name` in lower case. */
  get(name: string): string | undefined {
    for (const field of this.fields) if (field.name === name) return field.value;
    return undefined;
  }
}

/** The kinds that are pseudo-headers, a bit each. */
export const PSEUDO =
  (1 << FieldKind.METHOD) |
  (1 << FieldKind.SCHEME) |
  (1 << FieldKind.AUTHORITY) |
  (1 << FieldKind.PATH) |
  (1 << FieldKind.STATUS) |
  (1 << FieldKind.UNKNOWN_PSEUDO);
/** The kinds of which there is one at most. */
const SINGLE = PSEUDO | (1 << FieldKind.CONTENT_LENGTH);

/** Builds a block from fields of any making, in order. */
export function blockOf(fields: readonly HeaderField[]): HeaderBlock {
  return new HeaderBlock(fields.map(asWireField));
}

/** Builds a block from pairs, in order. */
export function headerBlock(pairs: readonly (readonly [name: string, value: string])[]): HeaderBlock {
  return new HeaderBlock(pairs.map(([name, value]) => new WireField(new FieldName(name), value, false)));
}

/** Nanoseconds of grpc-timeout's unit by its character code; 0: none. */
const UNIT_NS: Float64Array = new Float64Array(128);
for (const [unit, ns] of Object.entries({ H: 3_600e9, M: 60e9, S: 1e9, m: 1e6, u: 1e3, n: 1 })) {
  UNIT_NS[unit.charCodeAt(0)] = ns;
}
const TIMEOUT_DIGITS_MAX = 8;

/** grpc-timeout (gRPC PROTOCOL-HTTP2): 1 to 8 digits and a unit. Nanoseconds, or -2 when malformed. */
export function parseGrpcTimeout(text: string): number {
  const digits = text.length - 1;
  if (digits < 1 || digits > TIMEOUT_DIGITS_MAX) return -2;
  let count = 0;
  for (let index = 0; index < digits; index++) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return -2;
    count = count * 10 + digit;
  }
  const unitNs = UNIT_NS[text.charCodeAt(digits)] as number;
  return unitNs > 0 ? count * unitNs : -2; // A character beyond the table has no unit either.
}

/** Encodes nanoseconds as grpc-timeout in the finest unit that fits 8 digits, rounded up: never 0, never above by more than a unit. */
export function formatGrpcTimeout(timeoutNs: number): string {
  for (let index = 0; index < UNITS.length; index++) {
    const count = Math.max(1, Math.ceil(timeoutNs / (UNIT_SIZES[index] as number)));
    if (count <= 99_999_999) return count + (UNITS[index] as string);
  }
  return '99999999H';
}

const UNITS = 'numSMH';
const UNIT_SIZES = Float64Array.of(1, 1e3, 1e6, 1e9, 60e9, 3_600e9);
