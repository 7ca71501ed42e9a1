/** The two ends of a fuzzed sidecar: engines whose owners send, stop reading, give up and end whenever they like, and remember what they saw. */
import { Connection } from '../../proxy/wire/connection.ts';
import { headerBlock } from '../../proxy/wire/headers.ts';
import type { WireLimits } from '../../proxy/wire/limits.ts';
import type { LinkStream } from '../../proxy/wire/link.ts';
import { QUIET, REQUEST } from '../unit/wire/kit.ts';
import type { Random } from './random.ts';

const MS = 1e6;
const NUMBER = 'x-call';
const RESPONSE = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] as const;
const LENGTHS = [0, 3, 50, 5_000, 9_000, 40_000];

/** One end of a call. */
interface End {
  stream: LinkStream;
  /** Of the call, as its caller counts. */
  number: number;
  sent: Buffer;
  got: Buffer;
  /** The caller's end: of its sending. The server's end: of its receiving. */
  requestEnded: boolean;
  isOver: boolean;
  reads: boolean;
  heldBytes: number;
}

interface CallEnd extends End {
  status: number;
}

interface ServerEnd extends End {
  hasHead: boolean;
}

/** What both ends have in common: to read, or to hold back. */
abstract class FuzzedEnd {
  abstract readonly connection: Connection;
  gotBytes = 0;
  protected readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  protected begin(stream: LinkStream, number: number, reads: boolean): End {
    const nothing = Buffer.alloc(0);
    const fresh = { requestEnded: false, isOver: false, heldBytes: 0 };
    return { stream, number, sent: nothing, got: nothing, reads, ...fresh };
  }

  protected take(end: End, octets: Uint8Array): void {
    this.gotBytes += octets.length;
    end.got = Buffer.concat([end.got, octets]);
    if (end.reads) this.connection.consume(end.stream, octets.length);
    else end.heldBytes += octets.length;
  }

  protected readOnAt(end: End | undefined): void {
    if (end === undefined || end.reads) return;
    end.reads = true;
    this.connection.consume(end.stream, end.heldBytes);
  }

  protected anyOf<T extends End>(ends: readonly T[], fits: (end: T) => boolean): T | undefined {
    const fitting = ends.filter(fits);
    return fitting[this.random.below(fitting.length)];
  }
}

export class FuzzedCaller extends FuzzedEnd {
  readonly connection: Connection;
  readonly calls: CallEnd[] = [];

  constructor(random: Random, limits: Partial<WireLimits>) {
    super(random);
    const over = (stream: LinkStream, status: number): void => {
      const call = stream.user as CallEnd;
      call.isOver = true;
      call.status = status;
    };
    this.connection = new Connection(
      'client',
      {
        ...QUIET,
        onHeaders: (stream, block, endStream) => (endStream ? over(stream, block.grpcStatus) : undefined),
        onData: (stream, octets) => this.take(stream.user as CallEnd, octets),
        onTrailers: (stream, block) => over(stream, block.grpcStatus),
        onReset: (stream) => over(stream, -1),
      },
      limits,
    );
  }

  act(): void {
    const { random, calls, connection } = this;
    const what = random.below(12);
    if (what < 3) return this.#open();
    if (what < 4) return this.readOnAt(this.anyOf(calls, ({ reads }) => !reads));
    const call = this.anyOf(calls, ({ isOver }) => !isOver);
    if (call === undefined) return;
    if (what < 5) {
      if (!random.chance(40)) return;
      call.isOver = true;
      connection.resetStream(call.stream, 8);
    } else if (!call.requestEnded) {
      const message = messageOf(random, call.number, call.sent.length);
      call.sent = Buffer.concat([call.sent, message]);
      call.requestEnded = random.chance(30);
      connection.sendData(call.stream, message, call.requestEnded);
    }
  }

  readOn(): void {
    for (const call of this.calls) this.readOnAt(call);
  }

  cancelAll(): void {
    for (const call of this.calls.filter(({ isOver }) => !isOver)) {
      call.isOver = true;
      this.connection.resetStream(call.stream, 8);
    }
  }

  /** What came from one end to the other and is not what was sent, or ''. */
  flaw(streams: readonly ServerEnd[]): string {
    for (const { number, got } of streams)
      if (!begins(this.calls[number]?.sent, got)) return `call ${number}: its request changed on the way`;
    for (const { number, got, status } of this.calls) {
      const answers = streams.filter((stream) => stream.number === number && begins(stream.sent, got));
      if (got.length > 0 && answers.length === 0) return `call ${number}: nobody sent what it got`;
      if (status === 0 && !answers.some(({ sent }) => sent.length === got.length))
        return `call ${number}: OK without the whole response`;
    }
    return '';
  }

  #open(): void {
    const { random, connection, calls } = this;
    if (connection.streamCapacity === 0) return;
    const novelty: [string, string][] = random.chance(30) ? [['x-random', String(random.uint32())]] : [];
    const head = headerBlock([...REQUEST, [NUMBER, String(calls.length)], ...novelty]);
    const timeoutNs = random.chance(20) ? random.pick([10, 300]) * MS : -1;
    const stream = connection.openStream(null, head, timeoutNs, 0, false);
    const call = { ...this.begin(stream, calls.length, random.chance(80)), status: -1 };
    stream.user = call;
    calls.push(call);
  }
}

export class FuzzedServer extends FuzzedEnd {
  readonly connection: Connection;
  readonly streams: ServerEnd[] = [];
  /** Nothing comes or goes any more. */
  isCut = false;

  /** `isEnding`: whatever comes is read. */
  constructor(random: Random, limits: Partial<WireLimits>, isEnding: () => boolean) {
    super(random);
    this.connection = new Connection(
      'server',
      {
        ...QUIET,
        onHeaders: (stream, block, endStream) => {
          const reads = isEnding() || random.chance(80);
          const end = { ...this.begin(stream, Number(block.get(NUMBER)), reads), hasHead: false };
          end.requestEnded = endStream;
          stream.user = end;
          this.streams.push(end);
        },
        onData: (stream, octets, endStream) => {
          const end = stream.user as ServerEnd;
          end.requestEnded = endStream;
          this.take(end, octets);
        },
        onTrailers: (stream) => void ((stream.user as ServerEnd).requestEnded = true),
        onReset: (stream) => void ((stream.user as ServerEnd).isOver = true),
      },
      limits,
    );
  }

  act(): void {
    const { random, streams, connection } = this;
    if (this.isCut) return;
    const what = random.below(20);
    if (what === 0) {
      if (random.chance(10)) connection.goAway(0, random.chance(50));
      return;
    }
    if (what < 3) return this.readOnAt(this.anyOf(streams, ({ reads }) => !reads));
    const end = this.anyOf(streams, ({ isOver }) => !isOver);
    if (end === undefined) return;
    if (what === 3) {
      if (!random.chance(40)) return;
      end.isOver = true;
      connection.resetStream(end.stream, random.pick([2, 7, 8]));
    } else if (!end.hasHead) this.#answer(end);
    else if (what < 15) {
      // Not what the request has in the same place.
      const message = messageOf(random, end.number + 7, end.sent.length);
      end.sent = Buffer.concat([end.sent, message]);
      connection.sendData(end.stream, message, false);
    } else {
      end.isOver = true;
      connection.sendTrailers(end.stream, headerBlock([['grpc-status', random.pick(['0', '0', '13'])]]));
      this.#leaveEarly(end);
    }
  }

  readOn(): void {
    if (!this.isCut) for (const end of this.streams) this.readOnAt(end);
  }

  resetAll(): void {
    if (this.isCut) return;
    for (const end of this.streams.filter(({ isOver }) => !isOver)) {
      end.isOver = true;
      this.connection.resetStream(end.stream, 8);
    }
  }

  /** Once all is at rest: what both ends of a call that is alive have sent is with the other. */
  expectNoStandstill({ calls }: FuzzedCaller): void {
    if (this.isCut || this.connection.closing) return;
    for (const end of this.streams) {
      const call = calls[end.number];
      if (call === undefined || call.isOver || end.isOver) continue;
      const of = `call ${end.number} stands still`;
      if (end.got.length !== call.sent.length)
        throw new Error(`the request of ${of}: ${end.got.length} of ${call.sent.length} octets came`);
      if (end.hasHead && call.got.length !== end.sent.length)
        throw new Error(`the response of ${of}: ${call.got.length} of ${end.sent.length} octets came`);
    }
  }

  #answer(end: ServerEnd): void {
    const { random, connection } = this;
    end.hasHead = true;
    if (!random.chance(30)) return connection.sendHeaders(end.stream, headerBlock(RESPONSE), false);
    end.isOver = true;
    const pushback = random.chance(30)
      ? [['grpc-retry-pushback-ms', random.pick(['0', '50', '-1'])] as const]
      : [];
    const status = ['grpc-status', random.pick(['0', '5', '14'])] as const;
    connection.sendHeaders(end.stream, headerBlock([...RESPONSE, status, ...pushback]), true);
    this.#leaveEarly(end);
  }

  /** As gRPC servers do that have answered before the request ended. */
  #leaveEarly({ stream, requestEnded }: ServerEnd): void {
    if (!requestEnded && stream.queuedBytes === 0 && this.random.chance(50))
      this.connection.resetStream(stream, 0);
  }
}

/** One gRPC message; its octets tell the call and the place. */
function messageOf(random: Random, number: number, at: number): Buffer {
  const length = random.pick(LENGTHS);
  const message = Buffer.alloc(length + 5);
  for (let index = 0; index < message.length; index++) message[index] = number * 31 + at + index;
  message[0] = 0;
  message.writeUInt32BE(length, 1);
  return message;
}

function begins(whole: Buffer | undefined, part: Buffer): boolean {
  return whole !== undefined && whole.subarray(0, part.length).equals(part);
}
