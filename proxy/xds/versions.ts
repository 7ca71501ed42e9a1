/** Versions: what a resource is, as a short text that is the same wherever and whenever the resource is the same. */

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/** 64 bits of FNV-1a (two of 32 with different beginnings) in hexadecimal. Not for secrets: for telling changes. */
export function digestOf(text: string): string {
  let one = OFFSET;
  let two = OFFSET ^ 0x5bd1e995;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, PRIME);
    two = Math.imul(two ^ ((unit << 5) | (unit >>> 3)), PRIME);
    two ^= two >>> 15;
  }
  return hex(one) + hex(two);
}

/** `serial`: rises with every change; the digest: what the content is. */
export function versionText(serial: number, digest: string): string {
  return `${serial}.${digest}`;
}

/** The digest within a version made by `versionText`; '' in any other. */
export function digestIn(version: string): string {
  return /^\d{1,16}\.([0-9a-f]{16})$/.exec(version)?.[1] ?? '';
}

/**
 * Negative: `next` is older than `last`. Versions are opaque (xDS), so only those that begin with a whole number are
 * compared, by that number; of others none is older.
 */
export function compareVersions(next: string, last: string): number {
  const a = leading(next);
  const b = leading(last);
  return a < 0 || b < 0 ? 0 : a - b;
}

function leading(version: string): number {
  const digits = /^(\d{1,15})(?!\d)/.exec(version)?.[1];
  return digits === undefined ? -1 : Number(digits);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
