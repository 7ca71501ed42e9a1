/**
 * The benches' endpoint: our own connection in the server role on some ports of loopback, one fixed gRPC reply for every
 * call. The method Echo gives back what it gets, Hold never answers.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Connection } from '../../../proxy/wire/connection.ts';
import type { HeaderBlock } from '../../../proxy/wire/headers.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';

const HEAD = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
/** A flood of streams is what a bench is, and the endpoint must not be what slows a large message. */
const LIMITS = { concurrentStreamsMax: 4_096, streamWindowBytes: 1 << 20, connectionWindowBytes: 1 << 24 };
const ECHO = '/my_service.MyService/Echo';
const HOLD = '/my_service.MyService/Hold';
const HEALTH = '/grpc.health.v1.Health/Check';
const TRAILERS = headerBlock([['grpc-status', '0']]);
/** MyResponse{message: "Hello, World"}, and HealthCheckResponse{status: SERVING}. */
const REPLY = message([0x0a, 12, ...Buffer.from('Hello, World')]);
const SERVING = message([0x08, 1]);

/** Listens on as many ports as the first argument says, by TLS when a certificate and a key follow, prints `{"ports":[…]}`. */
export default async function upstream(): Promise<void> {
  const ports: number[] = [];
  const [count = '3', cert, key] = process.argv.slice(2);
  for (let index = 0; index < Number(count); index++) {
    const server = listener(cert, key);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
    ports.push((server.address() as { port: number }).port);
  }
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
  process.stdout.write(`${JSON.stringify({ ports })}\n`);
}

function listener(cert: string | undefined, key: string | undefined): Server {
  if (cert === undefined || key === undefined)
    return createServer({ noDelay: true }, (socket) => new Peer(socket));
  const options = { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['h2'], noDelay: true };
  return createTlsServer(options, (socket) => new Peer(socket));
}

function message(octets: readonly number[]): Uint8Array {
  return Uint8Array.from([0, 0, 0, 0, octets.length, ...octets]);
}

/** One connection. What is written in a turn leaves in one write. */
class Peer implements LinkEvents {
  readonly #socket: Socket;
  readonly #connection: Connection;
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#connection = new Connection('server', this, LIMITS);
    socket.on('data', (chunk: Buffer) => {
      this.#connection.nowNs = Math.floor(performance.now() * 1e6);
      this.#connection.handleBytes(chunk);
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
    socket.on('close', () => this.#connection.handleEof());
    socket.on('error', () => socket.destroy());
  }

  onHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    stream.user = block.path;
    if (block.path === ECHO) this.#connection.sendHeaders(stream, HEAD, false);
    if (endStream) this.#answer(stream);
  }

  onData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    if (stream.user === ECHO) this.#connection.sendData(stream, bytes, false);
    this.#connection.consume(stream, bytes.length);
    if (endStream) this.#answer(stream);
  }

  onTrailers(stream: LinkStream): void {
    this.#answer(stream);
  }

  onReset(): void {}
  onDrained(): void {}
  onCapacity(): void {}
  onClose(): void {}

  #answer(stream: LinkStream): void {
    if (stream.user === HOLD) return;
    if (stream.user !== ECHO) {
      this.#connection.sendHeaders(stream, HEAD, false);
      this.#connection.sendData(stream, stream.user === HEALTH ? SERVING : REPLY, false);
    }
    this.#connection.sendTrailers(stream, TRAILERS);
  }

  #flush(): void {
    this.#scheduled = false;
    const connection = this.#connection;
    for (let writes = 0; writes < 64 && connection.hasOutput; writes++) {
      const taken = connection.takeOutput();
      this.#socket.write(taken);
      if (this.#socket.writableLength === 0) connection.recycle(taken);
    }
    if (connection.wantsClose) this.#socket.end();
  }
}
