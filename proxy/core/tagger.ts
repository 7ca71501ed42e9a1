/**
 * Puts a text in front of the first string field of a gRPC reply: the visible proof of passing through. It looks at the
 * first message only, and holds back at most the octets up to that field's length; what does not fit passes untouched.
 */
import type { HeaderBlock } from '../wire/headers.ts';

/** Message prefix (5), field key (1), length (at most 5). */
const HEAD_BYTES_MAX = 11;
/** Field 1, length-delimited. */
const FIELD_KEY = 0x0a;
const NOTHING = new Uint8Array(0);

/** Whether a reply with these headers may be tagged: its length is not declared, and messages are not encoded. */
export function isTaggable(block: HeaderBlock): boolean {
  const encoding = block.get('grpc-encoding');
  return block.get('content-length') === undefined && (encoding === undefined || encoding === 'identity');
}

export class Tagger {
  readonly #text: Uint8Array;
  readonly #head = new Uint8Array(HEAD_BYTES_MAX);
  #length = 0;
  #done = false;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  /** What goes on in place of `bytes`. */
  pass(bytes: Uint8Array, last: boolean): Uint8Array {
    if (this.#done) return bytes;
    const taken = Math.min(HEAD_BYTES_MAX - this.#length, bytes.length);
    this.#head.set(bytes.subarray(0, taken), this.#length);
    this.#length += taken;
    const head = this.#rewrite();
    if (head === null && !last) return NOTHING;
    this.#done = true;
    return join(head ?? this.#head.slice(0, this.#length), bytes.subarray(taken));
  }

  /** What is still held back when the reply ends. */
  rest(): Uint8Array {
    if (this.#done) return NOTHING;
    this.#done = true;
    return this.#head.slice(0, this.#length);
  }

  /** The tagged beginning, or the beginning as it was when it cannot be tagged; null while more is needed. */
  #rewrite(): Uint8Array | null {
    const head = this.#head;
    const length = this.#length;
    if (length < 5) return null;
    const message = new DataView(head.buffer).getUint32(1);
    if (head[0] !== 0) return head.slice(0, length);
    if (message === 0) return this.#compose(0, 0, 0, head.slice(5, length));
    if (length < 6) return null;
    if (head[5] !== FIELD_KEY) return head.slice(0, length);
    let size = 0;
    let scale = 1;
    for (let index = 6; index < length; index++) {
      const octet = head[index] as number;
      size += (octet & 0x7f) * scale;
      scale *= 128;
      if (octet >= 0x80) continue;
      const used = index - 4;
      if (used + size > message) return head.slice(0, length);
      return this.#compose(message, used, size, head.slice(index + 1, length));
    }
    return length === HEAD_BYTES_MAX ? head.slice(0, length) : null;
  }

  /** `used`: octets of key and length that are replaced. */
  #compose(message: number, used: number, size: number, after: Uint8Array): Uint8Array {
    const text = this.#text;
    const digits = varint(size + text.length);
    const out = new Uint8Array(5 + 1 + digits.length + text.length + after.length);
    new DataView(out.buffer).setUint32(1, message - used + 1 + digits.length + text.length);
    out[5] = FIELD_KEY;
    out.set(digits, 6);
    out.set(text, 6 + digits.length);
    out.set(after, 6 + digits.length + text.length);
    return out;
  }
}

function varint(value: number): number[] {
  const octets: number[] = [];
  let rest = value;
  while (rest >= 128) {
    octets.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  octets.push(rest);
  return octets;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (second.length === 0) return first;
  const out = new Uint8Array(first.length + second.length);
  out.set(first);
  out.set(second, first.length);
  return out;
}
