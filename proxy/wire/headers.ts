/** Decoded header blocks: immutable lists of fields, with what policies ask of them computed once per distinct block. */

/** One field as it stood in the block. Names are lower case; values are octets as latin1 text. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** HPACK "never indexed" (RFC 7541 §6.2.3): must be forwarded the same way. */
  readonly neverIndexed: boolean;
}

/** A header block. Shared between calls whose blocks are equal: never change one. */
export class HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** Request: `:path`, else ''. */
  readonly path: string;
  /** Request: `:method`, else ''. */
  readonly method: string;
  /** Response: `:status` as a number, else 0. */
  readonly status: number;
  /** grpc-status as a number, or -1 where there is none. */
  readonly grpcStatus: number;
  /** grpc-timeout in nanoseconds, or -1 where there is none. A malformed one is -2. */
  readonly timeoutNs: number;
  /** content-type starts with application/grpc. */
  readonly isGrpc: boolean;
  /** A slot for whoever forwards the block (encoder memo); not part of its value. */
  memo: unknown = null;
  /** A slot for the block without its connection's own fields, once somebody asked for it; not part of its value. */
  forwarded: HeaderBlock | null = null;

  constructor(fields: readonly HeaderField[]) {
    let path = '';
    let method = '';
    let status = 0;
    let grpcStatus = -1;
    let timeoutNs = -1;
    let isGrpc = false;
    for (const { name, value } of fields) {
      if (name === ':path') path = value;
      else if (name === ':method') method = value;
      else if (name === ':status') status = /^\d{3}$/.test(value) ? Number(value) : 0;
      else if (name === 'grpc-status') grpcStatus = /^\d{1,9}$/.test(value) ? Number(value) : 2;
      else if (name === 'grpc-timeout') timeoutNs = parseGrpcTimeout(value);
      else if (name === 'content-type') isGrpc = value.startsWith('application/grpc');
    }
    this.fields = fields;
    this.path = path;
    this.method = method;
    this.status = status;
    this.grpcStatus = grpcStatus;
    this.timeoutNs = timeoutNs;
    this.isGrpc = isGrpc;
  }

  /** First value of a field, or undefined. `name` in lower case. */
  get(name: string): string | undefined {
    for (const field of this.fields) if (field.name === name) return field.value;
    return undefined;
  }
}

/** Builds a block from pairs, in order. */
export function headerBlock(pairs: readonly (readonly [name: string, value: string])[]): HeaderBlock {
  return new HeaderBlock(pairs.map(([name, value]) => ({ name, value, neverIndexed: false })));
}

const UNIT_NS: Readonly<Record<string, number>> = {
  H: 3_600e9,
  M: 60e9,
  S: 1e9,
  m: 1e6,
  u: 1e3,
  n: 1,
};

/** grpc-timeout (gRPC PROTOCOL-HTTP2): 1 to 8 digits and a unit. Nanoseconds, or -2 when malformed. */
export function parseGrpcTimeout(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return -2;
  return Number(match[1]) * (UNIT_NS[match[2] as string] as number);
}

/** Encodes nanoseconds as grpc-timeout in the finest unit that fits 8 digits, rounded up: never 0, never above by more than a unit. */
export function formatGrpcTimeout(timeoutNs: number): string {
  for (const [unit, size] of [
    ['n', 1],
    ['u', 1e3],
    ['m', 1e6],
    ['S', 1e9],
    ['M', 60e9],
    ['H', 3_600e9],
  ] as const) {
    const count = Math.max(1, Math.ceil(timeoutNs / size));
    if (count <= 99_999_999) return `${count}${unit}`;
  }
  return '99999999H';
}
