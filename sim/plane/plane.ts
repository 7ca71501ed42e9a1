/**
 * The control plane of a run, in either world: the protocol's own core, told of every change of the mesh, and what faults make of
 * what it says to whom. Time, timers and the way to sidecars are the world's.
 */
import type { XdsEffect } from '../faults/controls.ts';
import type { CONFIG_EVENTS } from '../journal/events.ts';
import { DEFAULT_CLUSTER } from '../spec/routing.ts';
import type { SidecarSpec } from '../spec/scenario.ts';
import { buildMessages } from '../../proxy/xds/build.ts';
import { type Codec, ENDPOINTS, type Variant } from '../../proxy/xds/messages.ts';
import { XdsServer } from '../../proxy/xds/server.ts';
import { type Messages, Snapshot } from '../../proxy/xds/snapshot.ts';
import { meshPlan, type Sets } from './mesh-plan.ts';
import { PlaneSession, type SessionOut } from './session.ts';

export type ConfigEvent = (typeof CONFIG_EVENTS)[number];

export interface PlaneOptions {
  service: string;
  /** With its clusters and routes. */
  sidecar: SidecarSpec;
  codec: Codec;
  /** What may stand in a message's place and is none. */
  garbage: unknown;
  nowNs: () => number;
  later: (waitNs: number, task: () => void) => void;
  /** Into the journal. `type`: the response's type URL, or null. */
  note: (sidecar: number, event: ConfigEvent, response: number, type: string | null) => void;
}

export class Plane {
  readonly options: PlaneOptions;
  readonly server: XdsServer;
  readonly #sessions = new Set<PlaneSession>();
  /** By sidecar, then by fault. */
  readonly #effects = new Map<number, Map<number, XdsEffect>>();
  readonly #unparsable: Codec;
  /** By sidecar: what it is told whatever changes. */
  readonly #pinned = new Map<number, Snapshot>();
  #routes: SidecarSpec['routes'];
  #sets: Sets = new Map([[DEFAULT_CLUSTER, []]]);
  #messages: Messages;
  #responses = 0;

  constructor(options: PlaneOptions) {
    const { codec, garbage } = options;
    this.options = options;
    this.#routes = options.sidecar.routes;
    this.#messages = this.#messagesOf(this.#sets);
    this.server = new XdsServer(codec, 1, this.#messages);
    this.#unparsable = {
      ...codec,
      pack: (type, message) =>
        type === ENDPOINTS ? { type_url: type, value: garbage } : codec.pack(type, message),
    };
  }

  /** Members changed. */
  changed(sets: Sets): void {
    this.#sets = sets;
    this.#revise();
  }

  /** Calls go other ways from now on. */
  reroute(routes: NonNullable<SidecarSpec['routes']>): void {
    this.#routes = routes;
    this.#revise();
  }

  #revise(): void {
    this.#messages = this.#messagesOf(this.#sets);
    const snapshot = this.server.revise(this.#messages);
    if (snapshot !== null) for (const session of this.#sessions) session.revise(snapshot);
  }

  /** A stream begins; null: it is refused. */
  open(sidecar: number, variant: Variant, out: SessionOut): PlaneSession | null {
    this.options.note(sidecar, 'opening', -1, null);
    if (this.effect(sidecar, 'silence')?.cut === true) return null;
    this.options.note(sidecar, 'opened', -1, null);
    const session = new PlaneSession(this, sidecar, variant, out);
    this.#sessions.add(session);
    session.catchUp();
    return session;
  }

  close(session: PlaneSession): void {
    this.#sessions.delete(session);
  }

  /** Begins or, with null, ends what a fault does to a sidecar. */
  set(sidecar: number, fault: number, effect: XdsEffect | null): void {
    const effects = this.#effects.get(sidecar) ?? new Map<number, XdsEffect>();
    this.#effects.set(sidecar, effects);
    const before = effects.get(fault);
    if (effect === null) effects.delete(fault);
    else effects.set(fault, effect);
    const pinned = this.effect(sidecar, 'pin');
    if (pinned === null) this.#pinned.delete(sidecar);
    else if (!this.#pinned.has(sidecar)) this.#pinned.set(sidecar, this.server.snapshot);
    for (const session of [...this.#sessions]) {
      if (session.sidecar !== sidecar) continue;
      if (effect !== null) session.effectBegan(effect);
      else if (before !== undefined) session.effectEnded(before);
    }
  }

  effect<K extends XdsEffect['kind']>(sidecar: number, kind: K): Extract<XdsEffect, { kind: K }> | null {
    for (const effect of this.#effects.get(sidecar)?.values() ?? [])
      if (effect.kind === kind) return effect as Extract<XdsEffect, { kind: K }>;
    return null;
  }

  /** Null: it is told of what changes. */
  pinned(sidecar: number): Snapshot | null {
    return this.#pinned.get(sidecar) ?? null;
  }

  /** A number for each response of the run. */
  nextResponse(): number {
    return this.#responses++;
  }

  /** The truth of now, spoilt: whoever took it would have one endpoint that cannot be. */
  spoilt(unparsable: boolean): Snapshot {
    const nobody = [{ address: '0.0.0.0:0', id: 'nobody', draining: false }];
    const bad = this.#messagesOf(new Map([...this.#sets.keys()].map((name) => [name, nobody])));
    const messages = { ...this.#messages, [ENDPOINTS]: bad[ENDPOINTS] ?? [] };
    return new Snapshot(
      this.server.snapshot.serial,
      messages,
      unparsable ? this.#unparsable : this.options.codec,
    );
  }

  #messagesOf(sets: Sets): Messages {
    const { service, sidecar, codec } = this.options;
    return buildMessages(meshPlan(service, sidecar, this.#routes, sets), codec);
  }
}
