/** What the registry knows of members, and how the sidecars hear of it: whole sets, a moment later. */
import { Kind, MEMBER_STATES } from '../journal/events.ts';
import type { Endpoint } from '../../proxy/policy/config.ts';
import { clustersOfInstance, DEFAULT_CLUSTER, type RoutingSpec } from '../spec/routing.ts';
import type { GroupFacts } from '../spec/balancer.ts';
import type { Kernel } from './kernel.ts';
import type { SidecarHost } from './sidecar-host.ts';

/** From a change in the registry to the sidecars: a watch on a healthy registry. */
export const DISCOVERY_NS = 20e6;

/** The set of each cluster. */
export type Sets = ReadonlyMap<string, readonly Endpoint[]>;

/** How sidecars hear of the sets. */
export interface Announcer {
  changed(sets: Sets): void;
  /** A machine that begins: it is told the set as it stands, now or soon. */
  attach(host: SidecarHost, sets: Sets): void;
}

/** All sidecars are told at once, and nothing gets lost. */
export class Announcement implements Announcer {
  readonly #hosts: Iterable<SidecarHost>;

  constructor(hosts: Iterable<SidecarHost>) {
    this.#hosts = hosts;
  }

  changed(sets: Sets): void {
    for (const host of this.#hosts) if (host.alive) host.handleSets(sets);
  }

  attach(host: SidecarHost, sets: Sets): void {
    host.handleSets(sets);
  }
}

export type MemberState = (typeof MEMBER_STATES)[number];

export class Discovery {
  readonly #kernel: Kernel;
  readonly #names: readonly string[];
  readonly #announcer: Announcer;
  readonly #weights: readonly number[];
  readonly #groups: readonly GroupFacts[];
  readonly #routing: RoutingSpec;
  readonly #states: (MemberState | undefined)[] = [];
  /** By instance: clusters that it has left, while it stays in others. */
  readonly #unlisted: (Set<string> | undefined)[] = [];
  #pushNs = -1;

  constructor(
    kernel: Kernel,
    names: readonly string[],
    weights: readonly number[],
    announcer: Announcer,
    routing: RoutingSpec = {},
    groups: readonly GroupFacts[] = [],
  ) {
    this.#routing = routing;
    this.#kernel = kernel;
    this.#names = names;
    this.#weights = weights;
    this.#groups = groups;
    this.#announcer = announcer;
  }

  attach(host: SidecarHost): void {
    this.#announcer.attach(host, this.endpoints());
  }

  set(instance: number, state: MemberState): void {
    const { journal, nowNs } = this.#kernel;
    if (this.#states[instance] === state) return;
    this.#states[instance] = state;
    journal.write(Kind.memberState, nowNs, -1, -1, instance, MEMBER_STATES.indexOf(state), -1, -1);
    this.#pushSoon();
  }

  /** It leaves one of its clusters, or is back in it. */
  list(instance: number, cluster: string, listed: boolean): void {
    const { journal, nowNs } = this.#kernel;
    const unlisted = (this.#unlisted[instance] ??= new Set());
    if (unlisted.has(cluster) !== listed) return;
    if (listed) unlisted.delete(cluster);
    else unlisted.add(cluster);
    const index = Object.keys(this.#routing.clusters ?? {}).indexOf(cluster);
    journal.write(Kind.clusterMember, nowNs, -1, -1, instance, listed ? 1 : 0, index, -1);
    this.#pushSoon();
  }

  #pushSoon(): void {
    const { nowNs } = this.#kernel;
    if (this.#pushNs === nowNs + DISCOVERY_NS) return; // changes of one instant travel together
    this.#pushNs = nowNs + DISCOVERY_NS;
    this.#kernel.later(this.#pushNs, () => this.#push());
  }

  /** Tells every sidecar the set as it stands now: an older one is of no use to anyone. */
  #push(): void {
    this.#announcer.changed(this.endpoints());
  }

  /** The set of each cluster as it stands now. */
  endpoints(): Sets {
    const sets = new Map<string, Endpoint[]>([[DEFAULT_CLUSTER, []]]);
    for (const name of Object.keys(this.#routing.clusters ?? {})) sets.set(name, []);
    this.#states.forEach((state, instance) => {
      if (state === undefined || state === 'removed') return;
      const id = this.#names[instance] as string;
      const weight = this.#weights[instance] ?? 1;
      const draining = state === 'draining';
      const endpoint = { address: addressOf(instance), id, draining, weight, ...this.#groups[instance] };
      const unlisted = this.#unlisted[instance];
      for (const name of clustersOfInstance(this.#routing, instance))
        if (unlisted?.has(name) !== true) sets.get(name)?.push(endpoint);
    });
    return sets;
  }
}

/** The virtual address of an instance. */
export function addressOf(instance: number): string {
  return `10.${(instance >>> 16) & 255}.${(instance >>> 8) & 255}.${instance & 255}:50051`;
}
