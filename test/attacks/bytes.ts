/** Short words for the octets of attacks. */
import { REQUEST, block, frame, headers, lit, settings, uint32 } from '../unit/wire/kit.ts';
import { BIG_PATH, HOLD_PATH } from './rig.ts';

export {
  block,
  call,
  data,
  frame,
  headers,
  lit,
  settings,
  uint32,
} from '../unit/wire/kit.ts';

export const CALM = 11;
export const times = (count: number, make: (i: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, i) => make(i));
export const idOf = (i: number): number => 2 * i + 1;
export const join = (...parts: Buffer[]): Buffer => Buffer.concat(parts);

/** The request with fields replaced, dropped (null) or put behind. */
export function request(
  change: Record<string, string | null> = {},
  ...more: [string, string][]
): [string, string][] {
  const fields: [string, string][] = [];
  for (const [name, value] of REQUEST) {
    const other = name in change ? change[name] : value;
    if (other !== null && other !== undefined) fields.push([name, other]);
  }
  return [...fields, ...more];
}

/** A call that the upstream never answers, or answers with 1 MB. */
export const held = (id: number, end = false): Buffer => headers(id, request({ ':path': HOLD_PATH }), end);
export const big = (id: number): Buffer => headers(id, request({ ':path': BIG_PATH }), true);
export const reply = (id: number, end = false): Buffer =>
  headers(
    id,
    [
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ],
    end,
  );
export const ack = frame(4, 1, 0);
export const ping = frame(6, 0, 0, Buffer.alloc(8));
export const wide = (id: number, by: number): Buffer => frame(8, 0, id, uint32(by));
export const reset = (id: number, code = 8): Buffer => frame(3, 0, id, uint32(code));
export const raw = (...octets: number[]): Buffer => frame(1, 5, 1, Buffer.from(octets));
export const goAway = (last: number, debug = Buffer.alloc(0)): Buffer =>
  frame(7, 0, 0, join(uint32(last), uint32(0), debug));
/** A response block and trailers of a server, for blocks in the client role. */
export const bomb = (head: Buffer, entry: Buffer, count: number): Buffer =>
  join(head, entry, Buffer.alloc(count, 0xbe));
export const REQUEST_BLOCK = block(REQUEST);
export const REPLY_BLOCK = block([[':status', '200']]);
export const flip = (i: number): Buffer => settings([4, i % 2 === 0 ? 0 : 65_535]);
export const crumb = lit('cookie', '', 0x40);
/** A peer that takes any amount. */
export const opened = Buffer.concat([ack, settings([4, 0x7fffffff]), wide(0, 0x7fff0000)]);
/** An upstream's window is shut by these, so that what follows on the stream stays unread. */
export const clogged = (id: number): Buffer =>
  Buffer.concat([held(id), ...[0, 1, 2, 3].map(() => frame(0, 0, id, Buffer.alloc(16_384)))]);
