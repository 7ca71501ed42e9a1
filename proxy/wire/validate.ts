/** Whether a block may be a request, a response or trailers (RFC 9113 §8.2, §8.3). Each field was judged when it was made, their order with the block. */
import { FieldKind, type WireField } from './field.ts';
import { type HeaderBlock, PSEUDO } from './headers.ts';

/** Why the block cannot be a request, or ''. */
export function requestFlaw(block: HeaderBlock): string {
  const { kinds, method, path, authority } = block;
  if (kinds < 0) return orderFlaw(block.fields);
  if ((kinds & STATUS) !== 0) return ':status in a request';
  if (method === '') return ':method is missing';
  if (method === 'CONNECT') {
    if ((kinds & (SCHEME | PATH)) !== 0) return 'CONNECT with :scheme or :path';
    if (authority === '') return 'CONNECT without :authority';
  } else {
    if ((kinds & SCHEME) === 0) return ':scheme is missing or malformed';
    if ((kinds & PATH) === 0) return ':path is missing';
    if (path === '*' && method !== 'OPTIONS') return ':path is malformed';
    if ((kinds & AUTHORITY) !== 0 && authority === '') return ':authority is malformed';
  }
  return (kinds & HOST) === 0 ? '' : hostFlaw(block.fields, (kinds & AUTHORITY) === 0 ? null : authority);
}

/** Why the block cannot be a response, or ''. */
export function responseFlaw({ kinds, fields }: HeaderBlock): string {
  if (kinds < 0) return orderFlaw(fields);
  if ((kinds & (METHOD | SCHEME | AUTHORITY | PATH)) !== 0) return 'request pseudo-header in a response';
  return (kinds & STATUS) === 0 ? ':status is missing or malformed' : '';
}

/** Why the block cannot be trailers, or ''. */
export function trailersFlaw({ kinds, fields }: HeaderBlock): string {
  if (kinds >= 0 && (kinds & PSEUDO) === 0) return '';
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

function isPseudo(kind: number): boolean {
  return ((1 << kind) & PSEUDO) !== 0;
}

/** What is wrong with fields whose `kinds` are -1, in words. */
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
