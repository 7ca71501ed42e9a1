/** Header blocks of answers the sidecar makes itself, kept for reuse: the same trouble usually strikes many calls. */
import { type HeaderBlock, blockOf, headerBlock } from '../wire/headers.ts';
import { httpOfStatus } from './statuses.ts';

const KEPT_MAX = 128;

/** Percent-encodes a grpc-message (gRPC PROTOCOL-HTTP2): UTF-8 octets outside 0x20-0x7e, and '%'. */
export function encodeMessage(message: string): string {
  return message.replace(/[^ -$&-~]+/gu, (part) => {
    let text = '';
    for (const octet of new TextEncoder().encode(part)) {
      text += `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
    }
    return text;
  });
}

export class Answers {
  readonly #kept = new Map<string, HeaderBlock>();

  /** A whole answer in one block: `:status 200`, grpc-status, grpc-message (MS-06). */
  trailersOnly(grpcStatus: number, message: string): HeaderBlock {
    return this.#keep(`a${grpcStatus} ${message}`, () => [
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', String(grpcStatus)],
      ['grpc-message', encodeMessage(message)],
    ]);
  }

  /** Trailers that end a response whose headers are out. */
  trailers(grpcStatus: number, message: string): HeaderBlock {
    return this.#keep(`t${grpcStatus} ${message}`, () => [
      ['grpc-status', String(grpcStatus)],
      ['grpc-message', encodeMessage(message)],
    ]);
  }

  /** The head of an answer to a request that is not gRPC. */
  http(grpcStatus: number): HeaderBlock {
    return this.#keep(`h${grpcStatus}`, () => [
      [':status', String(httpOfStatus(grpcStatus))],
      ['content-type', 'text/plain; charset=utf-8'],
    ]);
  }

  #keep(key: string, pairs: () => [string, string][]): HeaderBlock {
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    const block = headerBlock(pairs());
    this.#kept.set(key, block);
    return block;
  }
}

/** The trailers of an upstream that gave no grpc-status, with one added. */
export function withStatus(block: HeaderBlock, grpcStatus: number, message: string): HeaderBlock {
  return blockOf([
    ...block.fields,
    { name: 'grpc-status', value: String(grpcStatus), neverIndexed: false },
    { name: 'grpc-message', value: encodeMessage(message), neverIndexed: false },
  ]);
}
