/** FNV-1a, 32 bits: a fingerprint of octets or of a label. Not a defence against anyone who means harm. */

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a 32 of `bytes` from `from` up to `to`, as an unsigned number. Source: draft-eastlake-fnv. */
export function fnv1a32(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  let hash = OFFSET;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), PRIME);
  return hash >>> 0;
}

/** FNV-1a 32 of a label's UTF-16 code units, two octets each, low one first. */
export function fnv1a32Label(label: string): number {
  let hash = OFFSET;
  for (let at = 0; at < label.length; at++) {
    const unit = label.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), PRIME);
    hash = Math.imul(hash ^ (unit >>> 8), PRIME);
  }
  return hash >>> 0;
}
