/** Whether a decoded block may be a request, a response or trailers (RFC 9113 §8.2, §8.3). */
import { FieldKind, type WireField } from './field.ts';

/** Why the fields cannot be a request, or ''. */
export function requestFlaw(fields: readonly WireField[]): string {
  const found = scan(fields);
  if (found.flaw !== '') return found.flaw;
  if (found.status !== null) return ':status in a request';
  if (found.method === null || found.method === '') return ':method is missing';
  if (!isToken(found.method)) return ':method is not a token';
  if (found.method === 'CONNECT') {
    if (found.scheme !== null || found.path !== null) return 'CONNECT with :scheme or :path';
    if (found.authority === null || found.authority === '') return 'CONNECT without :authority';
  } else {
    if (found.scheme === null || !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(found.scheme))
      return ':scheme is missing or malformed';
    if (found.path === null) return ':path is missing';
    if (!isPath(found.path, found.method)) return ':path is malformed';
  }
  if (found.authority !== null && !isAuthority(found.authority)) return ':authority is malformed';
  if (found.host !== null && found.authority !== null && found.host !== found.authority)
    return 'host differs from :authority';
  return '';
}

/** Why the fields cannot be a response, or ''. */
export function responseFlaw(fields: readonly WireField[]): string {
  const found = scan(fields);
  if (found.flaw !== '') return found.flaw;
  if (found.method !== null || found.scheme !== null || found.path !== null || found.authority !== null) {
    return 'request pseudo-header in a response';
  }
  if (found.status === null || !/^[1-9]\d\d$/.test(found.status)) return ':status is missing or malformed';
  return found.status === '101' ? ':status 101 does not exist in HTTP/2' : '';
}

/** Why the fields cannot be trailers, or ''. */
export function trailersFlaw(fields: readonly WireField[]): string {
  for (const field of fields) {
    if (field.flaw !== '') return field.flaw;
    if (field.kind >= FieldKind.METHOD && field.kind <= FieldKind.UNKNOWN_PSEUDO)
      return 'pseudo-header in trailers';
  }
  return '';
}

/** The declared content-length in octets, -1 where there is none. Call it on blocks without a flaw. */
export function contentLengthOf(fields: readonly WireField[]): number {
  for (const field of fields) if (field.kind === FieldKind.CONTENT_LENGTH) return Number(field.value);
  return -1;
}

interface Found {
  flaw: string;
  method: string | null;
  scheme: string | null;
  authority: string | null;
  path: string | null;
  status: string | null;
  host: string | null;
}

function scan(fields: readonly WireField[]): Found {
  const found: Found = {
    flaw: '',
    method: null,
    scheme: null,
    authority: null,
    path: null,
    status: null,
    host: null,
  };
  let regular = false;
  let contentLengths = 0;
  for (const field of fields) {
    const kind = field.kind;
    if (field.flaw !== '') found.flaw = field.flaw;
    if (kind === FieldKind.REGULAR || kind >= FieldKind.CONTENT_LENGTH) {
      regular = true;
      if (kind === FieldKind.CONTENT_LENGTH) {
        if (++contentLengths > 1) found.flaw = 'two content-lengths';
        if (!/^\d{1,15}$/.test(field.value)) found.flaw = 'content-length is not a number';
      } else if (kind === FieldKind.HOST) {
        if (found.host !== null && found.host !== field.value) found.flaw = 'two hosts';
        found.host = field.value;
      }
      continue;
    }
    if (regular) found.flaw = 'pseudo-header after a regular field';
    const slot = SLOTS[kind] as (typeof SLOTS)[number];
    if (found[slot] !== null) found.flaw = 'pseudo-header twice';
    found[slot] = field.value;
  }
  return found;
}

/** Where `scan` keeps a pseudo-header of each kind; an unknown one has a flaw already and goes anywhere. */
const SLOTS = ['path', 'method', 'scheme', 'authority', 'path', 'status', 'path'] as const;

function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

function isPath(path: string, method: string): boolean {
  if (path === '*') return method === 'OPTIONS';
  if (path.charCodeAt(0) !== 0x2f) return false;
  for (let i = 1; i < path.length; i++) {
    const octet = path.charCodeAt(i);
    if (octet <= 0x20 || octet === 0x23 || octet >= 0x7f) return false;
  }
  return true;
}

function isAuthority(authority: string): boolean {
  return /^[^\s@/?#\\]+$/.test(authority);
}
