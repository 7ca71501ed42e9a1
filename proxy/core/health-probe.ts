/** What finds out whether one endpoint is well: a check now and then, or a watch. */
import type { HealthConfig } from '../policy/config.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import { headerBlock } from '../wire/headers.ts';
import type { Attempt } from './attempt.ts';
import type { UpstreamSession } from './upstream-session.ts';

export interface HealthProbe {
  /** The endpoint is connected. */
  begin(): void;
  stop(): void;
  /** That connection takes no new streams: nothing of the probe may hold it open. */
  leave(session: UpstreamSession): void;
}

/** The owner of a stream of the health service: who gets its events. */
export interface ProbeStream {
  handleHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void;
  handleData(attempt: Attempt, bytes: Uint8Array, endStream: boolean): void;
  handleTrailers(attempt: Attempt, block: HeaderBlock): void;
  handleReset(attempt: Attempt): void;
  handleHung(attempt: Attempt): void;
}

/** A `HealthCheckResponse` is a few octets; more is no such thing. */
export const REPLY_BYTES_MAX = 64;
export const SERVING = 1;

export function healthRequest(authority: string, method: 'Check' | 'Watch'): HeaderBlock {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `/grpc.health.v1.Health/${method}`],
    [':authority', authority],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'meshwright'],
  ]);
}

/** A framed `HealthCheckRequest { string service = 1 }`. */
export function encodeCheck({ service }: HealthConfig): Uint8Array {
  const name = new TextEncoder().encode(service).subarray(0, 127);
  const length = name.length === 0 ? 0 : name.length + 2;
  const body = new Uint8Array(5 + length);
  body[4] = length;
  if (length > 0) {
    body[5] = 0x0a;
    body[6] = name.length;
    body.set(name, 7);
  }
  return body;
}

/** Octets of the framed message that `reply` begins with, its prefix included; Infinity when its prefix is not whole. */
export function framedLength(reply: Uint8Array): number {
  if (reply.length < 5) return Infinity;
  return 5 + new DataView(reply.buffer, reply.byteOffset).getUint32(1);
}

/** `status` of a framed `HealthCheckResponse`; 0 (UNKNOWN) when absent, -1 when it is no such message. */
export function decodeStatus(reply: Uint8Array): number {
  if (reply[0] !== 0 || framedLength(reply) !== reply.length) return -1;
  if (reply.length === 5) return 0;
  return reply.length >= 7 && reply[5] === 0x08 ? (reply[6] as number) : -1;
}

export function statusName(status: number): string {
  return ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'][status] ?? 'something it may not say';
}
