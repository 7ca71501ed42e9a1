/** A virtual sidecar that watches the registry, and while it is away tries again, later each time. */
import type { Endpoint } from '../../proxy/policy/config.ts';
import { reconnectNs } from '../../proxy/policy/reconnect.ts';
import type { Random } from '../base/random.ts';
import { DEFAULT_CLUSTER } from '../spec/routing.ts';
import { ONE_WAY_NS, type RegistryPlane } from './registry-plane.ts';
import type { SidecarHost } from './sidecar-host.ts';

export class RegistryWatch {
  readonly #plane: RegistryPlane;
  readonly #host: SidecarHost;
  readonly #random: Random;
  #failures = 0;

  constructor(plane: RegistryPlane, host: SidecarHost) {
    this.#plane = plane;
    this.#host = host;
    this.#random = plane.kernel.random.fork('watch').fork(host.slot);
  }

  get alive(): boolean {
    return this.#host.alive;
  }

  open(): void {
    if (!this.alive) return;
    this.#plane.note('watching', -1, this.#host.index);
    this.#plane.later(2 * ONE_WAY_NS, () => {
      if (this.alive && !this.#plane.admit(this)) this.lost();
    });
  }

  lost(): void {
    this.#plane.later(reconnectNs(++this.#failures, this.#random.nextUnit()), () => this.open());
  }

  told(endpoints: readonly Endpoint[]): void {
    this.#failures = 0;
    if (this.alive) this.#host.handleSets(new Map([[DEFAULT_CLUSTER, endpoints]]));
  }
}
