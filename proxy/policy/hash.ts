/** Hashes of texts and numbers, 32 bits, the same on every machine and in every process. */

/** FNV-1a over the text's characters, then mixed, since FNV's own high bits move little for short texts. */
export function hashText(text: string): number {
  let word = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) word = Math.imul(word ^ text.charCodeAt(at), 0x01000193);
  return mix(word);
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
export function mix(value: number): number {
  let word = value | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

/** One of many hashes of the same thing. */
export function hashAgain(hash: number, time: number): number {
  return mix(hash ^ Math.imul(time + 1, 0x9e3779b1));
}
