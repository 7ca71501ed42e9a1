/** The registry of a virtual mesh: the leases as they are, for instances that hold them and sidecars that watch. */
import { Kind, REGISTRY_EVENTS } from '../journal/events.ts';
import { DEFAULT_REGISTRY, type RegistrySpec } from '../spec/registry.ts';
import { DEFAULT_CLUSTER } from '../spec/routing.ts';
import { LEASE_BOUNDS, Leases } from '../../proxy/registry/leases.ts';
import type { Announcer, Sets } from './discovery.ts';
import type { Instance } from './instance.ts';
import type { Kernel } from './kernel.ts';
import { RegistryMember } from './registry-member.ts';
import { RegistryWatch } from './registry-watch.ts';
import type { SidecarHost } from './sidecar-host.ts';

/** One way between the registry and whoever talks to it. */
export const ONE_WAY_NS = 5e6;
/** Changes of such a moment are told together. */
const GATHER_NS = 1e6;

export class RegistryPlane implements Announcer {
  readonly kernel: Kernel;
  readonly #service: string;
  readonly #lapseShareMax: number;
  readonly #settleNs: number;
  readonly #members: RegistryMember[];
  readonly #memberAt = new Map<string, RegistryMember>();
  readonly #names: readonly string[];
  readonly #watches = new Set<RegistryWatch>();
  /** Null while it is away. */
  #leases: Leases | null = null;
  #settled = true;
  #armedMs = Infinity;
  #pushDue = false;

  constructor(
    kernel: Kernel,
    spec: RegistrySpec,
    service: string,
    instances: readonly Instance[],
    names: readonly string[],
    weights: readonly number[],
  ) {
    const { ttlMs, settleMs, lapseShareMax } = { ...DEFAULT_REGISTRY, ...spec };
    this.#lapseShareMax = lapseShareMax;
    this.kernel = kernel;
    this.#service = service;
    this.#settleNs = Math.round(settleMs * 1e6);
    this.#names = names;
    this.#members = instances.map((instance) => {
      const given = { service, weight: weights[instance.index] ?? 1, ttlMs };
      const member = new RegistryMember(this, instance, given);
      this.#memberAt.set(member.address, member);
      return member;
    });
    this.#open();
  }

  /** Who is wanted registers and renews; who is not, or drains, leaves. */
  changed(sets: Sets): void {
    const wanted = new Set<string>();
    for (const { address, draining } of sets.get(DEFAULT_CLUSTER) ?? []) if (!draining) wanted.add(address);
    for (const member of this.#members) member.want(wanted.has(member.address));
  }

  /** A new life of an instance that was a member all the time. */
  ready({ index }: Instance): void {
    this.#members[index]?.ready();
  }

  attach(host: SidecarHost): void {
    new RegistryWatch(this, host).open();
  }

  /** A watch comes about, and is told the set; false: nobody is there. */
  admit(watch: RegistryWatch): boolean {
    if (this.#leases === null) return false;
    this.#watches.add(watch);
    this.#tell(watch);
    return true;
  }

  mute(instance: number, fault: number, muted: boolean): void {
    this.note(muted ? 'unheard' : 'heard', instance);
    this.#members[instance]?.mute(fault, muted);
  }

  act(act: 'crash' | 'start'): void {
    if (act === 'start') this.#restart();
    else if (this.#leases !== null) this.#crash();
  }

  /** Asks it; `done` has the answer, null where nobody is there. */
  ask<A>(entry: (leases: Leases) => A, done: (answer: A | null) => void): void {
    this.later(ONE_WAY_NS, () => {
      const leases = this.#leases;
      leases?.advance(this.kernel.nowNs / 1e6);
      const answer = leases === null ? null : entry(leases);
      if (leases !== null) this.#arm(leases);
      this.later(ONE_WAY_NS, () => done(answer));
    });
  }

  later(waitNs: number, task: () => void): void {
    this.kernel.later(this.kernel.nowNs + waitNs, task);
  }

  note(event: (typeof REGISTRY_EVENTS)[number], instance: number, sidecar = -1): void {
    const { journal, nowNs } = this.kernel;
    journal.write(Kind.registry, nowNs, -1, -1, instance, REGISTRY_EVENTS.indexOf(event), -1, sidecar);
  }

  #crash(): void {
    this.#leases = null;
    this.note('gone', -1);
    for (const watch of this.#watches) this.later(ONE_WAY_NS, () => watch.lost());
    this.#watches.clear();
  }

  #restart(): void {
    if (this.#leases !== null) return;
    this.#open();
    this.#settled = false;
    const leases = this.#leases;
    this.later(this.#settleNs, () => {
      if (this.#leases !== leases) return;
      this.#settled = true;
      this.#push();
    });
    this.note('serving', -1);
  }

  #open(): void {
    const leases = new Leases(1 + this.kernel.nowNs, LEASE_BOUNDS, this.#lapseShareMax);
    leases.onChange = () => this.#push();
    this.#leases = leases;
    this.#armedMs = Infinity;
  }

  #arm(leases: Leases): void {
    const dueMs = leases.nextTimeoutMs;
    if (dueMs >= this.#armedMs) return;
    this.#armedMs = dueMs;
    const { nowNs } = this.kernel;
    this.later(Math.max(GATHER_NS, Math.ceil(dueMs * 1e6) - nowNs), () => {
      if (this.#leases !== leases) return;
      if (this.#armedMs === dueMs) this.#armedMs = Infinity;
      leases.advance(this.kernel.nowNs / 1e6);
      this.#arm(leases);
    });
  }

  #push(): void {
    if (this.#pushDue) return;
    this.#pushDue = true;
    this.later(GATHER_NS, () => {
      this.#pushDue = false;
      for (const watch of this.#watches) this.#tell(watch);
    });
  }

  #tell(watch: RegistryWatch): void {
    const leases = this.#leases;
    if (leases === null || !this.#settled) return;
    if (!watch.alive) return void this.#watches.delete(watch);
    const endpoints = leases.set(this.#service).endpoints.map(({ address, weight }) => {
      const id = this.#names[this.#memberAt.get(address)?.instance.index ?? -1] ?? address;
      return { address, id, draining: false, weight };
    });
    this.later(ONE_WAY_NS, () => watch.told(endpoints));
  }
}
