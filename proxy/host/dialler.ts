/** Connects to endpoints for the machine. All these sockets read into one shared buffer, which is emptied in the callback. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { SidecarEnvironment, UpstreamPort } from '../core/machine.ts';
import { parseAddress } from '../policy/address.ts';
import { Carrier } from './carrier.ts';
import type { ConnectionLimits } from './limits.ts';
import type { Loop } from './loop.ts';

const READ_BYTES = 65_536;

export class Dialler implements SidecarEnvironment {
  readonly #loop: Loop;
  readonly #limits: ConnectionLimits;
  readonly #shared = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #sockets = new Map<UpstreamPort, Socket>();

  constructor(loop: Loop, limits: ConnectionLimits) {
    this.#loop = loop;
    this.#limits = limits;
  }

  dial(port: UpstreamPort): void {
    const address = parseAddress(port.endpoint.address);
    if (address === null) {
      setImmediate(() => {
        this.#loop.begin();
        port.handleDialFailed(`${port.endpoint.address} is no HOST:PORT`);
        this.#loop.turn();
      });
      return;
    }
    let carrier: Carrier | null = null;
    const loop = this.#loop;
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: this.#shared,
        callback: (count, buffer) => {
          if (carrier === null) return true;
          carrier.nowNs = loop.begin();
          carrier.receive((buffer as Buffer).subarray(0, count));
          loop.turn();
          return true;
        },
      },
    });
    this.#sockets.set(port, socket);
    let reason = 'closed by the endpoint';
    socket.on('connect', () => {
      carrier = new Carrier('client', port, socket, loop, this.#limits);
      loop.begin();
      port.attach(carrier);
      loop.add(carrier);
      loop.turn();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('end', () => this.#lost(port, carrier, reason));
    socket.on('close', () => {
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
