/**
 * Holds connections and streams open on a proxy. Arguments: HOST:PORT, connections, calls that each makes first, streams
 * that each then holds. Prints `{"held":N}` when all is open, and ends with its standard input.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Connection } from '../../../proxy/wire/connection.ts';
import type { HeaderBlock } from '../../../proxy/wire/headers.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';

/** Connections on their way at a time. */
const PACE = 50;
const REQUEST = Uint8Array.from([0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from('World')]);

export default async function holder(): Promise<void> {
  const [address = '', connections, calls, streams] = process.argv.slice(2);
  const port = Number(address.split(':')[1]);
  const held: Client[] = [];
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
  while (held.length < Number(connections)) {
    const some = Array.from(
      { length: Math.min(PACE, Number(connections) - held.length) },
      () => new Client(port, Number(calls), Number(streams)),
    );
    held.push(...some);
    await Promise.all(some.map(({ ready }) => ready));
  }
  process.stdout.write(`${JSON.stringify({ held: held.length })}\n`);
}

class Client implements LinkEvents {
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #connection: Connection;
  #callsLeft: number;
  #streamsLeft: number;
  #isCalling = false;
  #isReady: () => void = () => {};

  constructor(port: number, calls: number, streams: number) {
    this.#callsLeft = calls;
    this.#streamsLeft = streams;
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    this.#connection = new Connection('client', this, {});
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('connect', () => this.#flush());
    this.#socket.on('data', (chunk: Buffer) => {
      this.#connection.nowNs = Math.floor(performance.now() * 1e6);
      this.#connection.handleBytes(chunk);
      this.#next();
      this.#flush();
    });
    this.#socket.on('error', fail);
    this.#socket.on('close', () => fail(new Error('a held connection was closed')));
  }

  onHeaders(stream: LinkStream, _block: HeaderBlock, endStream: boolean): void {
    if (endStream) this.#answered(stream);
  }

  onData(stream: LinkStream, bytes: Uint8Array): void {
    this.#connection.consume(stream, bytes.length);
  }

  onTrailers(stream: LinkStream): void {
    this.#answered(stream);
  }

  onReset(): void {
    fail(new Error('a held stream was reset'));
  }

  onDrained(): void {}
  onCapacity(): void {}
  onClose(): void {}

  /** One call at a time, then the streams that stay, as far as the proxy allows more at the moment. */
  #next(): void {
    if (this.#isCalling) return;
    if (this.#callsLeft > 0) {
      if (this.#connection.streamCapacity === 0) return;
      this.#callsLeft--;
      this.#isCalling = true;
      this.#open('MyMethod');
      return;
    }
    while (this.#streamsLeft > 0 && this.#connection.streamCapacity > 0) {
      this.#streamsLeft--;
      this.#open('Hold');
    }
    if (this.#streamsLeft === 0) this.#isReady();
  }

  #open(method: string): void {
    const block = headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', `/my_service.MyService/${method}`],
      [':authority', 'localhost'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['grpc-timeout', '60S'],
    ]);
    const stream = this.#connection.openStream(method, block, 60e9, 0, false);
    this.#connection.sendData(stream, REQUEST, true);
  }

  #answered(stream: LinkStream): void {
    if (stream.user === 'Hold') fail(new Error('a held stream was answered'));
    this.#isCalling = false;
  }

  #flush(): void {
    while (this.#connection.hasOutput) this.#socket.write(this.#connection.takeOutput());
  }
}

function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
