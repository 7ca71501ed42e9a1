/** Connects to endpoints for the machine. All these sockets read into one shared buffer, which is emptied in the callback. */
import { connect } from 'node:net';
import type { Socket, TcpSocketConnectOpts } from 'node:net';
import type { SidecarEnvironment, UpstreamPort } from '../core/machine.ts';
import { parseAddress } from '../policy/address.ts';
import { Carrier } from './carrier.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Loop } from './loop.ts';
import { READ_BYTES, ReadBuffer } from './read-buffer.ts';
import type { UpstreamTls } from './tls.ts';

export class Dialler implements SidecarEnvironment {
  readonly #loop: Loop;
  readonly #limits: ConnectionLimits;
  readonly #tls: UpstreamTls | null;
  readonly #shared = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #sockets = new Map<UpstreamPort, Socket>();

  /** `tls`: null speaks to endpoints in the clear. */
  constructor(loop: Loop, limits: ConnectionLimits, tls: UpstreamTls | null) {
    this.#tls = tls;
    this.#loop = loop;
    this.#limits = limits;
  }

  dial(port: UpstreamPort): void {
    const { address: name, dialAddress = name } = port.endpoint;
    const [named, address] = [parseAddress(name), parseAddress(dialAddress)];
    if (named === null || address === null) {
      setImmediate(() => {
        this.#loop.begin();
        port.handleDialFailed(`${dialAddress} is no HOST:PORT`);
        this.#loop.turn();
      });
      return;
    }
    let carrier: Carrier | null = null;
    const loop = this.#loop;
    const tls = this.#tls;
    const reads = new ReadBuffer(loop, this.#shared);
    const options: TcpSocketConnectOpts = {
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: () => reads.next(),
        callback: (count, buffer) => {
          if (carrier === null) return true;
          carrier.nowNs = loop.begin();
          reads.pass(carrier, (buffer as Buffer).subarray(0, count));
          loop.turn();
          return true;
        },
      },
    };
    const socket = tls === null ? connect(options) : tls.connect(named, options);
    this.#sockets.set(port, socket);
    let reason = 'closed by the endpoint';
    socket.on(tls === null ? 'connect' : 'secureConnect', () => {
      const trouble = tls?.trouble(socket) ?? null;
      if (trouble !== null) {
        reason = trouble;
        socket.destroy();
        return;
      }
      carrier = new Carrier('client', port, socket, loop, this.#limits);
      loop.begin();
      port.attach(carrier);
      loop.add(carrier);
      loop.turn();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = tls?.describe(error) ?? error.code ?? error.message;
    });
    // Who closes in the middle of a handshake has not been a connection yet: `close` tells.
    socket.on('end', () => {
      if (carrier !== null) this.#lost(port, carrier, reason);
    });
    socket.on('close', () => {
      reads.free();
      this.#sockets.delete(port);
      this.#lost(port, carrier, reason);
      if (carrier !== null) loop.remove(carrier);
    });
  }

  abandon(port: UpstreamPort): void {
    this.#sockets.get(port)?.destroy();
  }

  #lost(port: UpstreamPort, carrier: Carrier | null, reason: string): void {
    const nowNs = this.#loop.begin();
    if (carrier === null) port.handleDialFailed(reason);
    else if (!carrier.closing) {
      carrier.nowNs = nowNs;
      port.handleLosing();
      carrier.handleEof(reason);
    }
    this.#loop.turn();
  }
}
