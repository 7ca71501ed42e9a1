/** A sidecar's try to connect to an instance. */
import type { UpstreamPort } from '../../proxy/core/machine.ts';
import type { Instance } from './instance.ts';
import { HOP_NS } from './network.ts';
import type { SidecarHost } from './sidecar-host.ts';
import { StreamLink } from './stream-link.ts';

export class Dial {
  readonly #host: SidecarHost;
  readonly #instance: Instance | undefined;
  readonly #upstream: UpstreamPort;
  #over = false;

  constructor(host: SidecarHost, instance: Instance | undefined, upstream: UpstreamPort) {
    this.#host = host;
    this.#instance = instance;
    this.#upstream = upstream;
    const { kernel } = host;
    kernel.later(kernel.nowNs + 2 * HOP_NS + (instance?.network.addedNs ?? 0), () => this.tryAgain());
  }

  /** The answer comes now, unless nothing can come through. */
  tryAgain(): void {
    const instance = this.#instance;
    if (this.#over) return;
    if (instance === undefined) return this.fail('no such host');
    if (instance.network.muted || (instance.paused && instance.listening)) {
      instance.silentDials.add(this);
      return;
    }
    if (!instance.listening) return this.fail('connection refused');
    this.#end();
    const link = new StreamLink(this.#host, instance, this.#upstream);
    instance.links.add(link);
    this.#host.enter();
    this.#upstream.handleConnected(link);
    this.#host.leave();
  }

  fail(reason: string): void {
    if (this.#over) return;
    this.#end();
    this.#host.enter();
    this.#upstream.handleDialFailed(reason);
    this.#host.leave();
  }

  /** The sidecar no longer wants it. */
  abandon(): void {
    if (!this.#over) this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#instance?.silentDials.delete(this);
    this.#host.dialEnded(this.#upstream);
  }
}
