/** The registry of a virtual mesh: the leases as they are, instances that register and renew them, sidecars that are told. */
import { Kind, REGISTRY_EVENTS } from '../journal/events.ts';
import { DEFAULT_REGISTRY, type RegistrySpec } from '../spec/registry.ts';
import { DEFAULT_CLUSTER } from '../spec/routing.ts';
import { type Grant, LEASE_BOUNDS, Leases, type Refusal } from '../../proxy/registry/leases.ts';
import { addressOf, type Announcer, type Sets } from './discovery.ts';
import type { Instance } from './instance.ts';
import type { Kernel } from './kernel.ts';
import type { SidecarHost } from './sidecar-host.ts';

/** One way between the registry and whoever talks to it. */
const ONE_WAY_NS = 5e6;
/** Changes of such a moment are told together. */
const GATHER_NS = 1e6;
/** A lease is renewed this often in its time. */
const RENEWALS = 3;

interface Member {
  readonly instance: Instance;
  readonly muted: Set<number>;
  wanted: boolean;
  leaseId: string | null;
  /** The instance's life that registered. */
  generation: number;
  incarnation: number;
  sequence: number;
  /** Counts loops of heartbeats: one that was overtaken ends. */
  turn: number;
}

export class RegistryPlane implements Announcer {
  readonly #kernel: Kernel;
  readonly #service: string;
  readonly #ttlMs: number;
  readonly #lapseShareMax: number;
  readonly #settleNs: number;
  readonly #weights: readonly number[];
  readonly #members: Member[];
  readonly #memberAt = new Map<string, Member>();
  readonly #names: readonly string[];
  readonly #hosts = new Set<SidecarHost>();
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
    this.#kernel = kernel;
    this.#service = service;
    this.#ttlMs = ttlMs;
    this.#settleNs = Math.round(settleMs * 1e6);
    this.#weights = weights;
    this.#names = names;
    this.#members = instances.map((instance) => {
      const nothing = { leaseId: null, generation: -1, incarnation: 0, sequence: 0, turn: 0 };
      const member: Member = { instance, muted: new Set(), wanted: false, ...nothing };
      this.#memberAt.set(addressOf(instance.index), member);
      return member;
    });
    this.#open();
  }

  /** Who is wanted registers and renews; who is not, or drains, leaves. */
  changed(sets: Sets): void {
    const wanted = new Set<string>();
    for (const { address, draining } of sets.get(DEFAULT_CLUSTER) ?? []) if (!draining) wanted.add(address);
    for (const [address, member] of this.#memberAt) {
      if (member.wanted === wanted.has(address)) continue;
      member.wanted = !member.wanted;
      if (member.wanted) this.#beat(member, ++member.turn);
      else this.#leave(member);
    }
  }

  /** A new life of an instance that was a member all the time. */
  ready({ index }: Instance): void {
    const member = this.#members[index] as Member;
    if (member.wanted) this.#beat(member, ++member.turn);
  }

  attach(host: SidecarHost): void {
    this.#later(2 * ONE_WAY_NS, () => {
      this.#hosts.add(host);
      this.#tell(host);
    });
  }

  mute(instance: number, fault: number, muted: boolean): void {
    const member = this.#members[instance] as Member;
    if (muted) member.muted.add(fault);
    else member.muted.delete(fault);
    this.#note(muted ? 'unheard' : 'heard', instance);
    if (member.muted.size === 0 && member.wanted) this.#beat(member, ++member.turn);
  }

  act(act: 'crash' | 'start'): void {
    if (act === 'start') {
      if (this.#leases !== null) return;
      this.#open();
      this.#settled = false;
      const leases = this.#leases;
      this.#later(this.#settleNs, () => {
        if (this.#leases !== leases) return;
        this.#settled = true;
        this.#push();
      });
      return this.#note('serving', -1);
    }
    if (this.#leases === null) return;
    this.#leases = null;
    this.#note('gone', -1);
  }

  #open(): void {
    const leases = new Leases(1 + this.#kernel.nowNs, LEASE_BOUNDS, this.#lapseShareMax);
    leases.onChange = () => this.#push();
    this.#leases = leases;
    this.#armedMs = Infinity;
  }

  #beat(member: Member, turn: number): void {
    if (!member.wanted || member.turn !== turn) return;
    this.#speak(member);
    this.#later(Math.ceil((this.#ttlMs * 1e6) / RENEWALS), () => this.#beat(member, turn));
  }

  #speak(member: Member): void {
    const { instance } = member;
    if (!canSpeak(member)) return;
    const address = addressOf(instance.index);
    const owner = hostOf(address);
    if (member.generation !== instance.generation) member.leaseId = null;
    const id = member.leaseId;
    if (id !== null) {
      const sequence = ++member.sequence;
      return this.#ask(member, (leases) => leases.heartbeat(id, sequence, owner));
    }
    member.generation = instance.generation;
    const incarnation = ++member.incarnation;
    const weight = this.#weights[instance.index] ?? 1;
    const given = { service: this.#service, address, weight, ttlMs: this.#ttlMs, incarnation };
    this.#ask(member, (leases) => leases.register(given, owner, `${address} ${incarnation}`));
  }

  #leave(member: Member): void {
    const { leaseId, instance } = member;
    member.leaseId = null;
    if (leaseId === null || instance.paused || instance.life === 'dead' || member.muted.size > 0) return;
    this.#reach((leases) => leases.leave(leaseId, hostOf(addressOf(instance.index))));
  }

  #ask(member: Member, entry: (leases: Leases) => Grant | Refusal): void {
    const { generation } = member;
    this.#reach((leases) => {
      const answer = entry(leases);
      this.#later(ONE_WAY_NS, () => {
        if (member.generation !== generation || !member.wanted || !canSpeak(member)) return;
        if (!('status' in answer)) member.leaseId = answer.leaseId;
        else if (answer.status === 'NOT_FOUND') {
          member.leaseId = null;
          this.#speak(member);
        }
      });
    });
  }

  /** Nobody hears it while the registry is away. */
  #reach(entry: (leases: Leases) => void): void {
    this.#later(ONE_WAY_NS, () => {
      const leases = this.#leases;
      if (leases === null) return;
      leases.advance(this.#kernel.nowNs / 1e6);
      entry(leases);
      this.#arm(leases);
    });
  }

  #arm(leases: Leases): void {
    const dueMs = leases.nextTimeoutMs;
    if (dueMs >= this.#armedMs) return;
    this.#armedMs = dueMs;
    const { nowNs } = this.#kernel;
    this.#later(Math.max(GATHER_NS, Math.ceil(dueMs * 1e6) - nowNs), () => {
      if (this.#leases !== leases) return;
      if (this.#armedMs === dueMs) this.#armedMs = Infinity;
      leases.advance(this.#kernel.nowNs / 1e6);
      this.#arm(leases);
    });
  }

  #push(): void {
    if (this.#pushDue) return;
    this.#pushDue = true;
    this.#later(GATHER_NS, () => {
      this.#pushDue = false;
      for (const host of this.#hosts) this.#tell(host);
    });
  }

  #tell(host: SidecarHost): void {
    const leases = this.#leases;
    if (leases === null || !this.#settled) return;
    if (!host.alive) return void this.#hosts.delete(host);
    const endpoints = leases.set(this.#service).endpoints.map(({ address, weight }) => {
      const id = this.#names[this.#memberAt.get(address)?.instance.index ?? -1] ?? address;
      return { address, id, draining: false, weight };
    });
    this.#later(ONE_WAY_NS, () => {
      if (host.alive) host.handleSets(new Map([[DEFAULT_CLUSTER, endpoints]]));
    });
  }

  #later(waitNs: number, task: () => void): void {
    this.#kernel.later(this.#kernel.nowNs + waitNs, task);
  }

  #note(event: (typeof REGISTRY_EVENTS)[number], instance: number): void {
    const { journal, nowNs } = this.#kernel;
    journal.write(Kind.registry, nowNs, -1, -1, instance, REGISTRY_EVENTS.indexOf(event), -1, -1);
  }
}

function canSpeak({ instance, muted }: Member): boolean {
  return instance.life === 'ready' && !instance.paused && muted.size === 0;
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
