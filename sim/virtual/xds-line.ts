/** One virtual sidecar that follows the control plane: its client core, and the time between the two. */
import { LISTENER_NAME } from '../plane/mesh-plan.ts';
import type { PlaneSession, Request } from '../plane/session.ts';
import { DEFAULT_XDS } from '../../proxy/xds/client-config.ts';
import { XdsClient } from '../../proxy/xds/client.ts';
import { PLAIN_CODEC } from '../../proxy/xds/messages.ts';
import type { SidecarHost } from './sidecar-host.ts';
import type { XdsPlane } from './xds-plane.ts';

/** One way between a sidecar and its control plane. */
const ONE_WAY_NS = 5e6;
/** What was due and is still so is looked at again after this. */
const AGAIN_NS = 1e6;

export class XdsLine {
  readonly #host: SidecarHost;
  readonly #world: XdsPlane;
  readonly #client: XdsClient;
  #session: PlaneSession | null = null;
  /** Counts streams: what belongs to an earlier one does not arrive. */
  #stream = 0;
  #armedNs = Infinity;

  constructor(host: SidecarHost, world: XdsPlane) {
    this.#host = host;
    this.#world = world;
    const { kind: _kind, ...given } = world.spec;
    const config = {
      ...DEFAULT_XDS,
      ...given,
      node: { id: `sidecar/${host.index}`, cluster: 'mesh' },
      follow: { listener: LISTENER_NAME },
      policies: host.policies,
    };
    const random = world.kernel.random.fork('xds').fork(host.slot);
    this.#client = new XdsClient(
      config,
      PLAIN_CODEC,
      { open: () => this.#open(), send: (request) => this.#ask(request as Request) },
      {
        onRouting: (routing) => host.handleRouting(routing),
        onEndpoints: (endpoints, cluster) => host.handleSets(new Map([[cluster, endpoints]])),
        onTrouble: () => undefined,
      },
      () => random.nextUnit(),
    );
  }

  start(): void {
    this.#enter(() => this.#client.start());
  }

  #open(): void {
    const stream = ++this.#stream;
    this.#later(2 * ONE_WAY_NS, stream, () => {
      const { plane, spec } = this.#world;
      const { index } = this.#host;
      this.#session = plane.open(index, spec.variant ?? 'sotw', {
        say: (response, event, number) =>
          this.#later(ONE_WAY_NS, this.#stream, () => {
            this.#world.note(index, event, number, response.type_url);
            this.#enter(() => this.#client.handleResponse(response));
          }),
        cut: (reason) => this.#lost(reason),
      });
      if (this.#session !== null) return this.#enter(() => this.#client.handleConnected());
      this.#world.note(index, 'cut', -1, null);
      this.#lost('it refuses');
    });
  }

  #lost(reason: string): void {
    this.#session = null;
    this.#stream++;
    this.#enter(() => this.#client.handleClosed(reason));
  }

  /** The client asks, or answers: the answer is noted where it is given. */
  #ask(request: Request): void {
    this.#session?.noteAnswer(request);
    this.#later(ONE_WAY_NS, this.#stream, () => this.#session?.handleRequest(request));
  }

  #enter(entry: () => void): void {
    this.#client.advance(this.#world.kernel.nowNs);
    entry();
    this.#arm();
  }

  /** Later, if the stream and the sidecar are still there. */
  #later(waitNs: number, stream: number, task: () => void): void {
    const { kernel } = this.#world;
    kernel.later(kernel.nowNs + waitNs, () => {
      if (!this.#host.alive) this.#end();
      else if (stream === this.#stream) task();
    });
  }

  #end(): void {
    this.#session?.close();
    this.#session = null;
    this.#stream++;
  }

  #arm(leastNs = 0): void {
    const { kernel } = this.#world;
    const dueNs = Math.max(kernel.nowNs + leastNs, Math.ceil(this.#client.nextTimeoutNs));
    if (dueNs >= this.#armedNs) return;
    this.#armedNs = dueNs;
    kernel.later(dueNs, () => {
      if (this.#armedNs === dueNs) this.#armedNs = Infinity;
      if (!this.#host.alive) return this.#end();
      this.#client.advance(kernel.nowNs);
      if (this.#client.nextTimeoutNs <= kernel.nowNs) this.#client.handleTimeout();
      this.#arm(AGAIN_NS);
    });
  }
}
