/**
 * Takes fields out of a block that belong to one connection only (RFC 9113 §8.2.2, MS-09), and the length of a gRPC response:
 * its messages have their own, and trailers that tell of a response cut off would contradict it (§8.1.1).
 */
import type { WireField } from '../wire/field.ts';
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

/**
 * The block as it may be passed on: itself when it holds nothing of the kind. `te` stays only as `trailers`. Found once
 * per distinct block, for blocks are shared between calls whose headers are equal.
 */
export function forwardable(block: HeaderBlock): HeaderBlock {
  return block.forwarded ?? stripped(block);
}

function stripped(block: HeaderBlock): HeaderBlock {
  const { fields } = block;
  const dropsLength = block.contentLength >= 0 && block.isGrpc && block.status > 0;
  const stays = ({ name, value }: WireField): boolean =>
    !isConnectionField(name, value) && !(dropsLength && name === 'content-length');
  block.forwarded = fields.every(stays) ? block : new HeaderBlock(fields.filter(stays));
  return block.forwarded;
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
