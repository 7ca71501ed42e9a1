/** Hand-made HTTP/2 octets and a recorder: what a connection did with them. No socket. */
import { Connection, type ConnectionRole } from '../../../proxy/wire/connection.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { WireLimits } from '../../../proxy/wire/limits.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';

/** A machine that does nothing; spread, one that does only what is said beside it. */
export const QUIET: LinkEvents = {
  onHeaders() {},
  onData() {},
  onTrailers() {},
  onReset() {},
  onDrained() {},
  onCapacity() {},
  onClose() {},
};

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
}

export function settings(...entries: [number, number][]): Buffer {
  return frame(
    4,
    0,
    0,
    Buffer.concat(entries.map(([key, value]) => Buffer.concat([Buffer.from([0, key]), uint32(value)]))),
  );
}

/** A literal field; pattern 0x00: not indexed, 0x40: indexed, 0x10: never indexed. */
export function lit(name: string, value: string, pattern = 0x00): Buffer {
  return Buffer.concat([Buffer.from([pattern]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const octets = Buffer.from(value, 'latin1');
  const length = octets.length < 127 ? [octets.length] : [127, ...varint(octets.length - 127)];
  return Buffer.concat([Buffer.from(length), octets]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

export const REQUEST: readonly [string, string][] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/my_service.MyService/MyMethod'],
  [':authority', 'localhost'],
  ['te', 'trailers'],
  ['content-type', 'application/grpc'],
];

export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => lit(name, value)));
}

/** HEADERS that hold a whole block. */
export function headers(
  id: number,
  fields: readonly (readonly [string, string])[],
  endStream = true,
): Buffer {
  return frame(1, 0x4 | (endStream ? 1 : 0), id, block(fields));
}

/** A good gRPC call without a body. */
export function call(id: number): Buffer {
  return headers(id, REQUEST);
}

export function data(id: number, size: number, endStream = false): Buffer {
  return frame(0, endStream ? 1 : 0, id, Buffer.alloc(size, 0x61));
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The frames of some octets; a client's preface is skipped. */
export function frames(octets: Buffer): Frame[] {
  const list: Frame[] = [];
  let at = octets.subarray(0, 24).equals(PREFACE) ? 24 : 0;
  while (octets.length - at >= 9) {
    const length = octets.readUIntBE(at, 3);
    const id = octets.readUInt32BE(at + 5);
    const payload = octets.subarray(at + 9, at + 9 + length);
    list.push({ type: octets[at + 3] as number, flags: octets[at + 4] as number, id, payload });
    at += 9 + length;
  }
  return list;
}

export interface DriveOptions {
  readonly role?: ConnectionRole;
  readonly limits?: Partial<WireLimits>;
  /** Client role: streams opened before the first octet comes. */
  readonly open?: number;
  /** The machine gives credit for each body octet at once. Default true. */
  readonly consume?: boolean;
  /** The machine answers each complete request with 200 and trailers. Default true. */
  readonly answer?: boolean;
  /** The driver takes the output after each piece. Default true; false: a peer that does not read. */
  readonly take?: boolean;
  /** Default true; false: a server to whom nothing has come yet. */
  readonly preface?: boolean;
  /** Clock at each piece. */
  readonly nowNs?: (piece: number) => number;
}

export class Drive {
  readonly connection: Connection;
  readonly events: string[] = [];
  readonly streams: LinkStream[] = [];
  readonly resets = new Map<number, number>();
  /** Streams whose headers came to the machine. */
  readonly served = new Set<number>();
  goAway = -1;
  goAwayText = '';
  closed = '';
  octetsIn = 0;
  closedAtOctet = -1;
  bufferedBytesMax = 0;
  openMax = 0;
  fieldsMax = 0;
  output = Buffer.alloc(0);
  readonly #options: DriveOptions;
  #pieces = 0;

  constructor(options: DriveOptions = {}) {
    this.#options = options;
    const role = options.role ?? 'server';
    this.connection = new Connection(role, this.#recorder(), options.limits ?? {});
    for (let i = 0; i < (options.open ?? 0); i++) {
      this.streams.push(this.connection.openStream(null, headerBlock(REQUEST), -1, 0, true));
    }
    if (options.preface === false) return;
    if (role === 'server') this.feed(PREFACE, settings());
    else this.feed(settings([3, 1000]));
  }

  feed(...pieces: Uint8Array[]): this {
    for (const piece of pieces) {
      this.connection.nowNs = this.#options.nowNs?.(this.#pieces++) ?? 0;
      this.connection.handleBytes(piece);
      this.octetsIn += piece.length;
      if (this.connection.closing && this.closedAtOctet < 0) this.closedAtOctet = this.octetsIn;
      this.bufferedBytesMax = Math.max(this.bufferedBytesMax, this.connection.bufferedBytes);
      this.openMax = Math.max(this.openMax, this.connection.streamsOpen);
      if (this.#options.take !== false) this.take();
    }
    return this;
  }

  take(): Frame[] {
    const taken = Buffer.from(this.connection.takeOutput());
    this.output = Buffer.concat([this.output, taken]);
    const list = taken.subarray(0, 5).equals(Buffer.from('HTTP/')) ? [] : frames(taken);
    for (const { type, id, payload } of list) {
      if (type === 3) this.resets.set(id, payload.readUInt32BE(0));
      if (type === 7) {
        this.goAway = payload.readUInt32BE(4);
        this.goAwayText = payload.subarray(8).toString('latin1');
      }
    }
    return list;
  }

  #recorder(): LinkEvents {
    const answer = (stream: LinkStream): void => {
      if (this.#options.answer === false || this.#options.role === 'client') return;
      this.connection.sendHeaders(stream, RESPONSE, false);
      this.connection.sendTrailers(stream, TRAILERS);
    };
    return {
      onHeaders: (stream, head, endStream) => {
        this.streams.push(stream);
        this.served.add(stream.id);
        this.fieldsMax = Math.max(this.fieldsMax, head.fields.length);
        this.events.push(`headers ${stream.id} ${head.fields.length} ${endStream}`);
        if (endStream) answer(stream);
      },
      onData: (stream, bytes, endStream) => {
        this.events.push(`data ${stream.id} ${bytes.length} ${endStream}`);
        if (this.#options.consume !== false) this.connection.consume(stream, bytes.length);
        if (endStream) answer(stream);
      },
      onTrailers: (stream, trailers) => {
        this.events.push(`trailers ${stream.id} ${trailers.fields.length}`);
        answer(stream);
      },
      onReset: (stream, code, unprocessed) => {
        this.events.push(`reset ${stream.id} ${code} ${unprocessed}`);
      },
      onDrained: (stream) => {
        this.events.push(`drained ${stream.id}`);
      },
      onCapacity: (goingAway) => {
        this.events.push(`capacity ${goingAway}`);
      },
      onClose: (reason) => {
        this.closed = reason;
        this.events.push('close');
      },
    };
  }
}

export const RESPONSE = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
export const TRAILERS = headerBlock([['grpc-status', '0']]);
