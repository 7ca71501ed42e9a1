/** Takes callers' connections, whoever accepted them. Whoever does not speak HTTP/2 gets one plain line and is let go. */
import type { Server, Socket } from 'node:net';
import type { Sidecar } from '../core/sidecar.ts';
import { Carrier } from './carrier.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Loop } from './loop.ts';
import { LEND_FROM_BYTES } from './read-buffer.ts';
import type { ServerTls } from './tls.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Only who speaks HTTP/1 understands a line of it; others get a GOAWAY that holds the text. */
const PROTOCOL_ERROR = 1;
const HTTP1 = /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) /;
const REFUSAL_TEXT = 'This port speaks HTTP/2 (gRPC) from the first octet; send it nothing else.\n';
const REFUSAL = `HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\ncontent-length: ${REFUSAL_TEXT.length}\r\nconnection: close\r\n\r\n${REFUSAL_TEXT}`;

export class Acceptor {
  /** Shakes hands first; null takes callers in the clear. */
  readonly #tlsServer: Server | null;
  readonly #loop: Loop;
  readonly #sidecar: Sidecar;
  readonly #limits: ConnectionLimits;
  readonly carriers = new Set<Carrier>();

  constructor(sidecar: Sidecar, loop: Loop, limits: ConnectionLimits, tls: ServerTls | null) {
    this.#sidecar = sidecar;
    this.#limits = limits;
    this.#loop = loop;
    this.#tlsServer = tls === null ? null : tls.createServer((socket) => this.#accept(socket));
  }

  /** A connection that is fresh: nothing of it has been read. */
  take(socket: Socket): void {
    socket.setNoDelay(true);
    if (this.#tlsServer === null) this.#accept(socket);
    else this.#tlsServer.emit('connection', socket);
  }

  #accept(socket: Socket): void {
    const loop = this.#loop;
    loop.begin();
    const session = this.#sidecar.acceptDownstream();
    const carrier = new Carrier('server', session, socket, loop, this.#limits);
    this.carriers.add(carrier);
    session.attach(carrier);
    loop.add(carrier);
    let greeted = 0;
    let reason = 'closed by the caller';
    socket.on('data', (chunk: Buffer) => {
      if (greeted < PREFACE.length) {
        const part = chunk.subarray(0, PREFACE.length - greeted);
        if (!part.equals(PREFACE.subarray(greeted, greeted + part.length))) {
          if (HTTP1.test(chunk.toString('latin1', 0, 16))) return this.#refuse(carrier, socket);
          carrier.nowNs = loop.begin();
          carrier.fail(PROTOCOL_ERROR, REFUSAL_TEXT);
          loop.mark(carrier);
          return loop.turn();
        }
        greeted += part.length;
      }
      carrier.nowNs = loop.begin();
      if (chunk.length >= LEND_FROM_BYTES) {
        carrier.receiveLent(chunk);
        loop.settleLoans();
      } else carrier.receive(chunk);
      loop.turn();
    });
    const lost = (): void => {
      carrier.nowNs = loop.begin();
      if (!carrier.closing) carrier.handleEof(reason);
      // A connection that the machine closed itself reports nothing more.
      session.onClose();
      loop.turn();
    };
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('end', lost);
    socket.on('close', () => {
      lost();
      this.carriers.delete(carrier);
      loop.remove(carrier);
    });
    // It may have been held until there was somebody to serve it.
    socket.resume();
    loop.turn();
  }

  #refuse(carrier: Carrier, socket: Socket): void {
    socket.removeAllListeners('data');
    socket.on('data', () => {});
    socket.end(REFUSAL, () => setTimeout(() => socket.destroy(), 100).unref());
    this.#loop.begin();
    carrier.handleEof('not HTTP/2');
  }
}
