/** The control plane of a virtual mesh: the protocol's own core, told of every change; and what faults make of what it says to whom. */
import type { XdsEffect } from '../faults/controls.ts';
import { DEFAULT_CLUSTER } from '../spec/routing.ts';
import type { XdsSpec } from '../spec/scenario.ts';
import type { Endpoint } from '../../proxy/policy/config.ts';
import { buildMessages, type MeshPlan } from '../../proxy/xds/build.ts';
import { type Codec, ENDPOINTS, PLAIN_CODEC } from '../../proxy/xds/messages.ts';
import { XdsServer } from '../../proxy/xds/server.ts';
import { type Messages, Snapshot } from '../../proxy/xds/snapshot.ts';
import type { Announcer, Sets } from './discovery.ts';
import type { Kernel } from './kernel.ts';
import type { SidecarHost } from './sidecar-host.ts';
import { XdsLine } from './xds-line.ts';

/** The listener that sidecars follow. */
export const LISTENER_NAME = 'front';

/** An assignment that is no message. */
const UNPARSABLE: Codec = {
  ...PLAIN_CODEC,
  pack: (type, message) => ({ type_url: type, value: type === ENDPOINTS ? null : message }),
};

export class XdsPlane implements Announcer {
  readonly kernel: Kernel;
  readonly spec: XdsSpec;
  readonly server: XdsServer;
  readonly #service: string;
  readonly #lines: XdsLine[] = [];
  /** By sidecar, then by fault. */
  readonly #effects = new Map<number, Map<number, XdsEffect>>();
  #messages: Messages;
  #responses = 0;

  constructor(kernel: Kernel, spec: XdsSpec, service: string) {
    this.kernel = kernel;
    this.spec = spec;
    this.#service = service;
    this.#messages = this.#messagesOf([]);
    this.server = new XdsServer(PLAIN_CODEC, 1, this.#messages);
  }

  changed(sets: Sets): void {
    this.#messages = this.#messagesOf(sets.get(DEFAULT_CLUSTER) ?? []);
    const snapshot = this.server.revise(this.#messages);
    if (snapshot !== null) for (const line of this.#lines) line.revise(snapshot);
  }

  attach(host: SidecarHost): void {
    const line = new XdsLine(host, this);
    this.#lines.push(line);
    line.start();
  }

  /** Begins or, with null, ends what a fault does to a sidecar. */
  set(sidecar: number, fault: number, effect: XdsEffect | null): void {
    const effects = this.#effects.get(sidecar) ?? new Map<number, XdsEffect>();
    this.#effects.set(sidecar, effects);
    const before = effects.get(fault);
    if (effect === null) effects.delete(fault);
    else effects.set(fault, effect);
    for (const line of this.#lines) {
      if (line.host.index !== sidecar) continue;
      if (effect !== null) line.effectBegan(effect);
      else if (before !== undefined) line.effectEnded(before);
    }
  }

  effect<K extends XdsEffect['kind']>(sidecar: number, kind: K): Extract<XdsEffect, { kind: K }> | null {
    for (const effect of this.#effects.get(sidecar)?.values() ?? [])
      if (effect.kind === kind) return effect as Extract<XdsEffect, { kind: K }>;
    return null;
  }

  /** A number for each response of the run. */
  nextResponse(): number {
    return this.#responses++;
  }

  /** The truth of now, spoilt: whoever took it would have one endpoint that cannot be. */
  spoilt(unparsable: boolean): Snapshot {
    const { serial } = this.server.snapshot;
    const bad = this.#messagesOf([{ address: '0.0.0.0:0', id: 'nobody', draining: false }]);
    return new Snapshot(
      serial,
      { ...this.#messages, [ENDPOINTS]: bad[ENDPOINTS] ?? [] },
      unparsable ? UNPARSABLE : PLAIN_CODEC,
    );
  }

  #messagesOf(endpoints: readonly Endpoint[]): Messages {
    const plan: MeshPlan = {
      services: {
        [this.#service]: {
          endpoints: endpoints.map(({ address, id, draining, weight }) => ({
            address,
            id,
            ...(draining ? { health: 'draining' as const } : {}),
            ...(weight === undefined || weight === 1 ? {} : { weight }),
          })),
        },
      },
      listeners: { [LISTENER_NAME]: { routes: [{ service: this.#service }] } },
    };
    return buildMessages(plan, PLAIN_CODEC);
  }
}
