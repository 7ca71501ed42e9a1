/** What clients and instances of the virtual world say: the demo service's messages and header blocks, built once and shared. */
import { fnv1a32 } from '../base/fnv.ts';
import { LOAD_REPORT_TRAILER } from '../base/load-meter.ts';
import { KEY_HEADER } from '../spec/balancer.ts';
import { formatGrpcTimeout, type HeaderBlock, headerBlock } from '../../proxy/wire/headers.ts';

/** gRPC's frame before each message: a flag octet and a length (PROTOCOL-HTTP2, Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;
export { CHECK_PATH as HEALTH_PATH } from '../faults/fail-status.ts';
export const WATCH_PATH = '/grpc.health.v1.Health/Watch';

/** Header octets of a request and of an answer on a warm connection, for bandwidth; most fields are table references. */
export const REQUEST_HEADER_BYTES = 60;
export const RESPONSE_HEADER_BYTES = 40;

/** A framed message whose first field is `text`: MyRequest{name} or MyResponse{message}. */
export function textMessage(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  const message = octets.length === 0 ? [] : [0x0a, ...varint(octets.length), ...octets];
  return frame(message);
}

/** HealthCheckResponse{SERVING}. */
export const SERVING_MESSAGE: Uint8Array = frame([0x08, 0x01]);

/** What the demo service answers to a framed MyRequest; null when it is not one. */
export function helloTo(request: Uint8Array): Uint8Array | null {
  if (request.length === PREFIX_BYTES) return textMessage('Hello, ');
  if (request[PREFIX_BYTES] !== 0x0a) return null;
  let length = 0;
  let at = PREFIX_BYTES + 1;
  for (let scale = 1; at < request.length; scale *= 128) {
    const octet = request[at++] as number;
    length += (octet & 0x7f) * scale;
    if (octet < 0x80) break;
  }
  if (at + length > request.length) return null;
  return textMessage(`Hello, ${new TextDecoder().decode(request.subarray(at, at + length))}`);
}

/** FNV-1a 32 of the message octets of a framed message. */
export function messageHash(framed: Uint8Array): number {
  return fnv1a32(framed, PREFIX_BYTES);
}

/** A caller's request headers. `deadlineNs` 0: no grpc-timeout. */
export function requestBlock(
  service: string,
  method: string,
  deadlineNs: number,
  key: string | null = null,
): HeaderBlock {
  const fields: [string, string][] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', method],
    [':authority', service],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  if (deadlineNs > 0) fields.push(['grpc-timeout', formatGrpcTimeout(deadlineNs)]);
  if (key !== null) fields.push([KEY_HEADER, key]);
  return headerBlock(fields);
}

export const RESPONSE_HEADERS: HeaderBlock = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
export const OK_TRAILERS: HeaderBlock = headerBlock([['grpc-status', '0']]);

/** The trailers of an answer, or the whole of it (`isOnly`), that tells of load; no two need be alike. */
export function reportingBlock(
  isOnly: boolean,
  status: number,
  message: string,
  report: string,
): HeaderBlock {
  const fields: [string, string][] = [['grpc-status', String(status)]];
  if (isOnly) fields.unshift([':status', '200'], ['content-type', 'application/grpc']);
  if (status !== 0) fields.push(['grpc-message', message]);
  return headerBlock([...fields, [LOAD_REPORT_TRAILER, report]]);
}

/** Trailers-only answers and trailers by status, made when first needed. */
export class StatusBlocks {
  readonly #only = new Map<number, HeaderBlock>();
  readonly #trailers = new Map<number, HeaderBlock>();

  trailersOnly(status: number, message: string): HeaderBlock {
    return remember(this.#only, status, () => [
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', String(status)],
      ['grpc-message', message],
    ]);
  }

  trailers(status: number, message: string): HeaderBlock {
    return remember(this.#trailers, status, () => [
      ['grpc-status', String(status)],
      ['grpc-message', message],
    ]);
  }
}

function remember(
  known: Map<number, HeaderBlock>,
  status: number,
  pairs: () => readonly (readonly [string, string])[],
): HeaderBlock {
  let block = known.get(status);
  if (block === undefined) {
    block = headerBlock(pairs());
    known.set(status, block);
  }
  return block;
}

function frame(message: readonly number[]): Uint8Array {
  const { length } = message;
  return Uint8Array.from([
    0,
    length >>> 24,
    (length >>> 16) & 0xff,
    (length >>> 8) & 0xff,
    length & 0xff,
    ...message,
  ]);
}

function varint(value: number): number[] {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) octets.push((rest & 0x7f) | 0x80);
  octets.push(rest);
  return octets;
}
