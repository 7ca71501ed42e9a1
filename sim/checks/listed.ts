/** Part of subset: whom discovery has, and when that changed; with leases also who falls silent, and when the registry is away. */
import { type EventView, INSTANCE_STATES, Kind, MEMBER_STATES, REGISTRY_EVENTS } from '../journal/events.ts';
import type { CheckContext } from '../spec/check.ts';
import { DEFAULT_REGISTRY } from '../spec/registry.ts';

interface Standing {
  isMember: boolean;
  isUp: boolean;
  muted: number;
}

export class Listed {
  /** By instance: discovery has it, and it is not draining. */
  readonly active = new Set<number>();
  /** There are leases. */
  readonly #isLeased: boolean;
  /** How long after a change sidecars may be taking it in. */
  readonly #withinNs: number;
  readonly #settleNs: number;
  readonly #standings: Standing[];
  /** When it changed, as far as that still matters. */
  #changesNs: number[] = [];
  #isThere = true;
  /** Before that moment the registry tells nobody anything. */
  #settledNs = 0;

  constructor({ instanceNames, sidecar }: CheckContext, withinNs: number) {
    const given = sidecar?.discovery;
    const { ttlMs, settleMs } = { ...DEFAULT_REGISTRY, ...(given?.kind === 'registry' ? given : {}) };
    this.#isLeased = given?.kind === 'registry';
    this.#withinNs = withinNs + (this.#isLeased ? ttlMs * 1e6 : 0);
    this.#settleNs = settleMs * 1e6;
    this.#standings = instanceNames.map(() => ({ isMember: false, isUp: true, muted: 0 }));
  }

  /** True: it changed. */
  onEvent({ kind, instance, code, tNs }: EventView): boolean {
    const word = kind === Kind.registry ? REGISTRY_EVENTS[code] : null;
    if (word === 'gone' || word === 'serving') this.#outage(word === 'gone', tNs);
    const standing = this.#standings[instance];
    if (standing === undefined) return false;
    if (kind === Kind.memberState) standing.isMember = MEMBER_STATES[code] === 'active';
    else if (!this.#isLeased) return false;
    else if (word === 'unheard' || word === 'heard') standing.muted += word === 'unheard' ? 1 : -1;
    else if (kind === Kind.instanceState) lives(standing, INSTANCE_STATES[code] ?? 'dead');
    const { isMember, isUp, muted } = standing;
    const isActive = isMember && (!this.#isLeased || (isUp && muted === 0));
    if (kind !== Kind.memberState && isActive === this.active.has(instance)) return false;
    if (isActive) this.active.add(instance);
    else this.active.delete(instance);
    this.#changesNs.push(Math.max(tNs, this.#settledNs));
    return true;
  }

  /** What changed so far is known to all. */
  forget(): void {
    this.#changesNs = [];
  }

  /** How many changes sidecars may be taking in. While the registry is away what it had not told yet waits. */
  changesAt(tNs: number): number {
    if (this.#isThere) this.#changesNs = this.#changesNs.filter((one) => one >= tNs - this.#withinNs);
    return this.#changesNs.length;
  }

  #outage(isGone: boolean, tNs: number): void {
    if (isGone) {
      this.changesAt(tNs);
      this.#isThere = false;
      return;
    }
    this.#isThere = true;
    this.#settledNs = tNs + this.#settleNs;
    this.#changesNs = this.#changesNs.map((one) => Math.max(one, this.#settledNs));
  }
}

function lives(standing: Standing, state: (typeof INSTANCE_STATES)[number]): void {
  if (state === 'dead' || state === 'paused') standing.isUp = false;
  if (state === 'ready' || state === 'resumed') standing.isUp = true;
}
