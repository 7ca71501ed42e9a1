/** The Huffman code of RFC 7541 appendix B, both ways. It is canonical, so its code lengths alone define it. */

/**
 * Decodes `source[start, end)` into `target`, which must have room for `huffmanRoom(end - start)` octets. Octets written, or -1: EOS
 * or wrong padding. One step an octet and no branch in it: where symbols end is chance, and a processor that guesses loses more.
 */
export function huffmanDecode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  const table = (steps ??= stepTable());
  let entry = ACCEPT;
  let seen = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    entry = table[((entry & 0xff) << 8) | (source[at] as number)] as number;
    target[length] = (entry >>> 8) & 0xff;
    target[length + 1] = (entry >>> 16) & 0xff;
    length += (entry >>> COUNT_SHIFT) & 3;
    seen |= entry;
  }
  return (seen & FAIL) !== 0 || (entry & ACCEPT) === 0 ? -1 : length;
}

/** Octets of room that decoding `byteCount` octets takes: no code is shorter than 5 bits, and each step writes two octets. */
export function huffmanRoom(byteCount: number): number {
  return Math.ceil((byteCount * 8) / 5) + 2;
}

/** Octets that `text` (latin1) takes in the code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i) & 0xff] as number;
  return Math.ceil(bits / 8);
}

/** Writes `text` (latin1) at `at`; the caller made room for `huffmanLength(text)`. Returns the end. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let held = 0;
  let heldBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let bits = LENGTHS[symbol] as number;
    const code = CODES[symbol] as number;
    // At most 7 held bits and 30 new ones: more than 32, so a long code goes in two parts.
    if (bits > 24) {
      held = (held << (bits - 16)) | (code >>> 16);
      heldBits += bits - 16;
      while (heldBits >= 8) target[at++] = (held >>> (heldBits -= 8)) & 0xff;
      bits = 16;
    }
    held = (held << bits) | (bits === 16 ? code & 0xffff : code);
    heldBits += bits;
    while (heldBits >= 8) target[at++] = (held >>> (heldBits -= 8)) & 0xff;
  }
  if (heldBits > 0) target[at++] = ((held << (8 - heldBits)) | (0xff >>> heldBits)) & 0xff;
  return at;
}

/** Code length in bits of each symbol; 256 is EOS. */
// biome-ignore format: a table
const LENGTHS = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
);

const EOS = 256;
/** Entry of the table of steps: next state (bits 0-7), symbols (8-15, 16-23), how many of them (24-25), FAIL: not a code, ACCEPT: may end here. */
const COUNT_SHIFT = 24;
const COUNT = 3 << COUNT_SHIFT;
const FAIL = 1 << 26;
const ACCEPT = 1 << 27;

const CODES = canonicalCodes();
/** Made when it is needed first: it takes milliseconds, which a start has not to spare. */
let steps: Uint32Array | null = null;

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(257);
  let code = 0;
  for (let bits = 5; bits <= 30; bits++) {
    for (let symbol = 0; symbol <= EOS; symbol++) if (LENGTHS[symbol] === bits) codes[symbol] = code++;
    code *= 2;
  }
  return codes;
}

/** One step per octet: 256 inner nodes of the code's tree × 256. */
function stepTable(): Uint32Array {
  const children: number[][] = [[0, 0]]; // A positive number: inner node; ~symbol: leaf; 0: not there yet.
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const bits = LENGTHS[symbol] as number;
    let node = children[0] as number[];
    for (let bit = bits - 1; bit > 0; bit--) {
      const side = ((CODES[symbol] as number) >>> bit) & 1;
      if (node[side] === 0) node[side] = children.push([0, 0]) - 1;
      node = children[node[side] as number] as number[];
    }
    node[(CODES[symbol] as number) & 1] = ~symbol;
  }
  const accepting = new Uint8Array(children.length); // The root and up to seven ones from it: legal padding (RFC 7541 §5.2).
  for (let node = 0, depth = 0; depth < 8; depth++) {
    accepting[node] = 1;
    node = (children[node] as number[])[1] as number;
  }
  const halves = new Uint32Array(children.length << 4);
  for (let at = 0; at < halves.length; at++) halves[at] = halfStep(children, accepting, at >>> 4, at & 0xf);
  const table = new Uint32Array(children.length << 8);
  for (let at = 0; at < table.length; at++) {
    const first = halves[at >>> 4] as number;
    const second = halves[((first & 0xff) << 4) | (at & 0xf)] as number;
    // The second half's symbol goes behind the first one's, if there is one.
    const shift = (first >>> COUNT_SHIFT) & 1 ? 8 : 0;
    const symbols = (first & 0xff00) | ((second & 0xff00) << shift);
    const count = (first & COUNT) + (second & COUNT);
    table[at] = (second & (0xff | ACCEPT)) | symbols | count | ((first | second) & FAIL);
  }
  return table;
}

/** The same for four bits, in which one code ends at most. */
function halfStep(children: number[][], accepting: Uint8Array, state: number, bits: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = (children[node] as number[])[(bits >>> bit) & 1] as number;
    if (next >= 0) {
      node = next;
    } else {
      if (~next === EOS) return FAIL;
      emitted = (~next << 8) | (1 << COUNT_SHIFT);
      node = 0;
    }
  }
  return node | emitted | (accepting[node] === 1 ? ACCEPT : 0);
}
