/**
 * Takes fields out of a block that belong to one connection only (RFC 9113 §8.2.2, MS-09), and the length of a gRPC response:
 * its messages have their own, and trailers that tell of a response cut off would contradict it (§8.1.1).
 */
import { FieldKind, type WireField } from '../wire/field.ts';
import { HeaderBlock } from '../wire/headers.ts';

/**
 * The block as it may be passed on: itself when it holds nothing of the kind. `te` stays only as `trailers`. Found once
 * per distinct block, for blocks are shared between calls whose headers are equal.
 */
export function forwardable(block: HeaderBlock): HeaderBlock {
  return block.forwarded ?? stripped(block);
}

function stripped(block: HeaderBlock): HeaderBlock {
  const dropsLength = block.contentLength >= 0 && block.isGrpc && block.status > 0;
  // A `te` that says more is a flaw, so the kinds of a block without flaws tell.
  const isClean = !dropsLength && block.kinds >= 0 && (block.kinds & (1 << FieldKind.HOP_BY_HOP)) === 0;
  block.forwarded = isClean ? block : without(block, dropsLength);
  return block.forwarded;
}

function without(block: HeaderBlock, dropsLength: boolean): HeaderBlock {
  const stays = (field: WireField): boolean =>
    !isConnectionField(field) && !(dropsLength && field.kind === FieldKind.CONTENT_LENGTH);
  return block.fields.every(stays) ? block : new HeaderBlock(block.fields.filter(stays));
}

function isConnectionField({ kind, value }: WireField): boolean {
  return kind === FieldKind.HOP_BY_HOP || (kind === FieldKind.TE && value !== 'trailers');
}
