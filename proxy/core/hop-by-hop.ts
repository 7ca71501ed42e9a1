/** Takes fields out of a block that belong to one connection only (RFC 9113 §8.2.2, MS-09). */
import { HeaderBlock } from '../wire/headers.ts';

const CONNECTION_FIELDS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'transfer-encoding',
  'upgrade',
]);

/** Remembers its last block, for blocks are shared between calls whose headers are equal. */
export class HopByHop {
  #last: HeaderBlock | null = null;
  #lastOut: HeaderBlock | null = null;

  /** The block as it may be passed on: itself when it holds nothing of the kind. `te` stays only as `trailers`. */
  strip(block: HeaderBlock): HeaderBlock {
    if (block === this.#last) return this.#lastOut as HeaderBlock;
    let out = block;
    for (const { name, value } of block.fields) {
      if (!isConnectionField(name, value)) continue;
      out = new HeaderBlock(block.fields.filter((field) => !isConnectionField(field.name, field.value)));
      break;
    }
    this.#last = block;
    this.#lastOut = out;
    return out;
  }
}

function isConnectionField(name: string, value: string): boolean {
  switch (name.charCodeAt(0)) {
    case 0x63: // c
    case 0x6b: // k
    case 0x70: // p
    case 0x75: // u
      return CONNECTION_FIELDS.has(name);
    case 0x74: // t
      return name === 'te' ? value !== 'trailers' : name === 'transfer-encoding';
    default:
      return false;
  }
}
