/** One connection of the bench's own load: our engine in the client role on a socket of loopback. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Connection } from '../../../proxy/wire/connection.ts';
import type { HeaderBlock } from '../../../proxy/wire/headers.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';

const BASE: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':authority', 'localhost'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];
const REQUEST = Uint8Array.from([0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from('World')]);
const TIMEOUT_NS = 60e9;

/** Anything that goes wrong ends the process with code 1: a load with holes is none. */
export class Client implements LinkEvents {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #onTurn: () => void;
  readonly #onAnswer: (isOk: boolean) => void;

  /** `onTurn` after each read, when calls may be begun; `onAnswer` once for each call that ended. */
  constructor(port: number, onTurn: () => void, onAnswer: (isOk: boolean) => void) {
    this.#onTurn = onTurn;
    this.#onAnswer = onAnswer;
    this.#connection = new Connection('client', this, {});
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('connect', () => this.#flush());
    this.#socket.on('data', (chunk: Buffer) => {
      this.#connection.nowNs = Math.floor(performance.now() * 1e6);
      this.#connection.handleBytes(chunk);
      this.#onTurn();
      this.#flush();
    });
    this.#socket.on('error', fail);
    this.#socket.on('close', () => fail(new Error('the proxy closed a connection')));
  }

  get canCall(): boolean {
    return this.#connection.streamCapacity > 0;
  }

  /** Begins a call; only from `onTurn`, while `canCall`. */
  call(method: string, metadata: readonly (readonly [string, string])[] = []): void {
    const path = [':path', `/my_service.MyService/${method}`] as const;
    const block = headerBlock([...BASE.slice(0, 3), path, ...BASE.slice(3), ...metadata]);
    const stream = this.#connection.openStream(null, block, TIMEOUT_NS, 0, false);
    this.#connection.sendData(stream, REQUEST, true);
  }

  onHeaders(_stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    if (endStream) this.#onAnswer(block.grpcStatus === 0);
  }

  onData(stream: LinkStream, bytes: Uint8Array): void {
    this.#connection.consume(stream, bytes.length);
  }

  onTrailers(_stream: LinkStream, block: HeaderBlock): void {
    this.#onAnswer(block.grpcStatus === 0);
  }

  onReset(): void {
    fail(new Error('the proxy reset a stream'));
  }

  onDrained(): void {}
  onCapacity(): void {}
  onClose(): void {}

  #flush(): void {
    while (this.#connection.hasOutput) {
      const taken = this.#connection.takeOutput();
      this.#socket.write(taken);
      if (this.#socket.writableLength === 0) this.#connection.recycle(taken);
    }
  }
}

export function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
