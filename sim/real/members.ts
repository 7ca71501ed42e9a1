/** Discovery's truth: which instances are members, under which address; written to the endpoints file at each change. */
import type { MEMBER_STATES } from '../journal/events.ts';
import { clustersOfInstance, DEFAULT_CLUSTER, type RoutingSpec } from '../spec/routing.ts';
import type { GroupFacts } from '../spec/balancer.ts';
import { type EndpointEntry, EndpointsFile } from './sidecar/endpoints-file.ts';

export type MemberState = (typeof MEMBER_STATES)[number];

export class Members {
  /** By cluster. */
  readonly #files = new Map<string, EndpointsFile>();
  readonly #routing: RoutingSpec;
  readonly #names: readonly string[];
  readonly #weights: readonly number[];
  readonly #groups: readonly GroupFacts[];
  readonly #onChange: (instance: number, state: MemberState) => void;
  readonly #states = new Map<number, MemberState>();
  readonly #addresses = new Map<number, string>();
  /** By instance: clusters that it has left, while it stays in others. */
  readonly #unlisted = new Map<number, Set<string>>();
  /** Told the set of each cluster with each write. */
  onSets: (sets: ReadonlyMap<string, readonly EndpointEntry[]>) => void = () => undefined;

  constructor(
    folder: string,
    names: readonly string[],
    onChange: (instance: number, state: MemberState) => void,
    weights: readonly number[] = [],
    routing: RoutingSpec = {},
    groups: readonly GroupFacts[] = [],
  ) {
    this.#routing = routing;
    for (const cluster of [DEFAULT_CLUSTER, ...Object.keys(routing.clusters ?? {})]) {
      this.#files.set(cluster, new EndpointsFile(folder, cluster));
    }
    this.#names = names;
    this.#weights = weights;
    this.#groups = groups;
    this.#onChange = onChange;
  }

  /** The endpoints file of the default cluster. */
  get path(): string {
    return (this.#files.get(DEFAULT_CLUSTER) as EndpointsFile).path;
  }

  setAddress(instance: number, address: string): void {
    this.#addresses.set(instance, address);
  }

  /** All these are active: one write of the file. */
  setAll(instances: readonly number[]): void {
    for (const instance of instances) this.#states.set(instance, 'active');
    for (const instance of instances) this.#onChange(instance, 'active');
    this.#write();
  }

  set(instance: number, state: MemberState): void {
    const before = this.#states.get(instance) ?? 'removed';
    if (before === state) return;
    this.#states.set(instance, state);
    // Told before it is written: a sidecar must not know it earlier than the journal does.
    this.#onChange(instance, state);
    this.#write();
  }

  /** It leaves one of its clusters, or is back in it. `told`: before it is written. */
  list(instance: number, cluster: string, listed: boolean, told: () => void): void {
    const unlisted = this.#unlisted.get(instance) ?? new Set();
    this.#unlisted.set(instance, unlisted);
    if (unlisted.has(cluster) !== listed) return;
    if (listed) unlisted.delete(cluster);
    else unlisted.add(cluster);
    told();
    this.#write();
  }

  #write(): void {
    const present = [...this.#states].filter(([, state]) => state !== 'removed').sort(([a], [b]) => a - b);
    const sets = new Map<string, readonly EndpointEntry[]>();
    for (const [cluster, file] of this.#files) {
      const own = present.filter(
        ([instance]) =>
          clustersOfInstance(this.#routing, instance).includes(cluster) &&
          this.#unlisted.get(instance)?.has(cluster) !== true,
      );
      const entries = own.map(([instance, state]) => this.#entry(instance, state));
      file.write(entries);
      sets.set(cluster, entries);
    }
    this.onSets(sets);
  }

  #entry(instance: number, state: MemberState): EndpointEntry {
    const entry = {
      address: this.#addresses.get(instance) ?? '',
      id: this.#names[instance] ?? String(instance),
      ...this.#groups[instance],
    };
    const weight = this.#weights[instance];
    const told = weight === undefined ? entry : { ...entry, weight };
    return state === 'draining' ? { ...told, draining: true } : told;
  }
}
