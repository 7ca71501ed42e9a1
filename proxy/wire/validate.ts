/** Whether a decoded block may be a request, a response or trailers (RFC 9113 §8.2, §8.3). Each field was judged when it was made. */
import { FieldKind, type WireField } from './field.ts';

/** Why the fields cannot be a request, or ''. */
export function requestFlaw(fields: readonly WireField[]): string {
  let method = '';
  let path = '';
  let authority = '';
  const seen = scan(fields);
  if (seen < 0) return orderFlaw(fields);
  if ((seen & STATUS) !== 0) return ':status in a request';
  for (let index = 0; index < fields.length; index++) {
    const { kind, value } = fields[index] as WireField;
    if (kind === FieldKind.METHOD) method = value;
    else if (kind === FieldKind.PATH) path = value;
    else if (kind === FieldKind.AUTHORITY) authority = value;
  }
  if (method === '') return ':method is missing';
  if (method === 'CONNECT') {
    if ((seen & (SCHEME | PATH)) !== 0) return 'CONNECT with :scheme or :path';
    if (authority === '') return 'CONNECT without :authority';
  } else {
    if ((seen & SCHEME) === 0) return ':scheme is missing or malformed';
    if ((seen & PATH) === 0) return ':path is missing';
    if (path === '*' && method !== 'OPTIONS') return ':path is malformed';
    if ((seen & AUTHORITY) !== 0 && authority === '') return ':authority is malformed';
  }
  return (seen & HOST) === 0 ? '' : hostFlaw(fields, (seen & AUTHORITY) === 0 ? null : authority);
}

/** Why the fields cannot be a response, or ''. */
export function responseFlaw(fields: readonly WireField[]): string {
  const seen = scan(fields);
  if (seen < 0) return orderFlaw(fields);
  if ((seen & (METHOD | SCHEME | AUTHORITY | PATH)) !== 0) return 'request pseudo-header in a response';
  return (seen & STATUS) === 0 ? ':status is missing or malformed' : '';
}

/** Why the fields cannot be trailers, or ''. */
export function trailersFlaw(fields: readonly WireField[]): string {
  for (const field of fields) {
    if (field.flaw !== '') return field.flaw;
    if (isPseudo(field.kind)) return 'pseudo-header in trailers';
  }
  return '';
}

const METHOD = 1 << FieldKind.METHOD;
const SCHEME = 1 << FieldKind.SCHEME;
const AUTHORITY = 1 << FieldKind.AUTHORITY;
const PATH = 1 << FieldKind.PATH;
const STATUS = 1 << FieldKind.STATUS;
const HOST = 1 << FieldKind.HOST;
const PSEUDO = METHOD | SCHEME | AUTHORITY | PATH | STATUS | (1 << FieldKind.UNKNOWN_PSEUDO);
/** Kinds of which there is one at most. */
const SINGLE = PSEUDO | (1 << FieldKind.CONTENT_LENGTH);

function isPseudo(kind: number): boolean {
  return ((1 << kind) & PSEUDO) !== 0;
}

/** The kinds that are there, a bit each; -1: a field is flawed, stands in a wrong place, or is there twice. */
function scan(fields: readonly WireField[]): number {
  let seen = 0;
  for (let index = 0; index < fields.length; index++) {
    const { kind, flaw } = fields[index] as WireField;
    const bit = 1 << kind;
    if (flaw !== '' || (seen & bit & SINGLE) !== 0) return -1;
    // All that is not a pseudo-header has a higher bit, or the lowest one.
    if ((bit & PSEUDO) !== 0 && (seen & ~PSEUDO) !== 0) return -1;
    seen |= bit;
  }
  return seen;
}

/** What `scan` found, in words. */
function orderFlaw(fields: readonly WireField[]): string {
  const seen = new Set<number>();
  let isRegular = false;
  for (const { kind, flaw } of fields) {
    if (flaw !== '') return flaw;
    if (kind === FieldKind.CONTENT_LENGTH && seen.has(kind)) return 'two content-lengths';
    if (!isPseudo(kind)) isRegular = true;
    else if (isRegular) return 'pseudo-header after a regular field';
    else if (seen.has(kind)) break;
    seen.add(kind);
  }
  return 'pseudo-header twice';
}

/** Several hosts must agree, also with `:authority` where there is one (RFC 9113 §8.3.1). */
function hostFlaw(fields: readonly WireField[], authority: string | null): string {
  let host: string | null = null;
  for (const { kind, value } of fields) {
    if (kind !== FieldKind.HOST) continue;
    if (host !== null && host !== value) return 'two hosts';
    host = value;
  }
  return authority === null || host === authority ? '' : 'host differs from :authority';
}
