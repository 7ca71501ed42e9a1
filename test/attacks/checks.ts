/** Checks of the table that look at parts of the engine directly. */
import { HpackDecoder } from '../../proxy/wire/hpack-decoder.ts';
import { headerBlock } from '../../proxy/wire/headers.ts';
import { RESPONSE } from '../unit/wire/kit.ts';
import { lit } from './bytes.ts';
import type { Measured } from './measured.ts';
import type { Rig } from './rig.ts';

/** Whatever table the peer offers, what we encode fits a decoder of 4,096 octets. */
export function hpackCostCheck(_: Measured, rig: Rig): string {
  const encoder = rig.hostile.encoderTableBytes;
  return encoder <= 4_096 ? '' : `encoder table of ${encoder}`;
}

/** Decoded values are strings of their own: 2,000 of them out of 64 KiB chunks cost less than 16 KiB each. */
export function namesCheck(): string {
  const decoder = new HpackDecoder(4_096, 65_536, 100);
  const kept: string[] = [];
  const before = process.memoryUsage();
  for (let i = 0; i < 2_000; i++) {
    const chunk = Buffer.alloc(65_536);
    const field = lit(`x-${i}`, `value-${i}-0123456789`);
    field.copy(chunk, 100);
    decoder.decode(chunk, 100, 100 + field.length);
    kept.push(decoder.fields[0]?.value ?? '');
  }
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  if (kept.length !== 2_000 || headerBlock([]).fields.length !== 0 || RESPONSE.status !== 200)
    return 'broken check';
  // 2,000 chunks of 64 KiB are 131 MB; what is pinned could not be collected.
  return grown < 130_000_000 ? '' : `${grown} octets grown`;
}
