/**
 * check.leaseExpiry (DC-10, DC-14): with a registry of leases, an instance that falls silent (dead, paused, not heard) leaves each
 * sidecar's set once its lease has run out; one that renews in time never does, one that is heard again is back; and while the registry is away nothing leaves.
 */
import {
  ENDPOINT_CHANGES,
  type EventView,
  INSTANCE_STATES,
  Kind,
  MEMBER_STATES,
  REGISTRY_EVENTS,
} from '../journal/events.ts';
import { groupSettings } from '../spec/balancer.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { DEFAULT_REGISTRY } from '../spec/registry.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Stalls } from './stalls.ts';

/** `withinMs`: what may pass besides the lease's time until all sidecars know. */
export function leaseExpiry(params: { withinMs: number }): CheckSpec {
  const withinMs = limit(params?.withinMs, 'withinMs', 'leaseExpiry', 0, 3_600_000);
  const spec: CheckSpec = {
    name: 'leaseExpiry',
    params: { withinMs },
    start: (context) => new LeaseExpiry(spec, withinMs * 1e6, context),
  };
  return spec;
}

interface Standing {
  dead: boolean;
  paused: boolean;
  muted: number;
  member: boolean;
  /** `left`: it said so; `silent`: it says nothing. */
  is: 'well' | 'silent' | 'left';
  sinceNs: number;
  /** Sidecars that list it. */
  listedBy: Set<number>;
}

class LeaseExpiry implements CheckRun {
  readonly kinds = [
    Kind.endpointChanged,
    Kind.instanceState,
    Kind.memberState,
    Kind.sidecarState,
    Kind.registry,
    Kind.phase,
    Kind.stall,
  ];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  /** There is a registry, which keeps nobody, and sidecars use all that it has. */
  readonly #leased: boolean;
  readonly #ttlNs: number;
  readonly #settleNs: number;
  readonly #names: readonly string[];
  readonly #standings: Standing[];
  readonly #stalls = new Stalls();
  readonly #faults: { fromNs: number; atNs: number; seq: number; said: string }[] = [];
  #goneNs = -1;
  #backNs = -Infinity;
  #outages = 0;
  #expired = 0;
  #atNs = 0;

  constructor(spec: CheckSpec, withinNs: number, context: CheckContext) {
    const given = context.sidecar?.discovery;
    const { ttlMs, settleMs } = { ...DEFAULT_REGISTRY, ...(given?.kind === 'registry' ? given : {}) };
    const { subsetSize } = groupSettings(context.sidecar?.balancer);
    this.#leased = given?.kind === 'registry' && (given.lapseShareMax ?? 1) === 1 && subsetSize === 0;
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#ttlNs = ttlMs * 1e6;
    this.#settleNs = settleMs * 1e6;
    this.#names = context.instanceNames;
    this.#standings = context.instanceNames.map(() => ({
      ...{ dead: true, paused: false, muted: 0, member: false, is: 'left', sinceNs: 0 },
      listedBy: new Set(),
    }));
  }

  onEvent(event: EventView): void {
    this.#atNs = event.tNs;
    const { kind, instance, code, tNs, sidecar } = event;
    if (kind === Kind.stall) return this.#stalls.add(event);
    if (kind === Kind.sidecarState) {
      // Another machine: what it lists it says itself.
      if (code === 0) for (const one of this.#standings) one.listedBy.delete(sidecar);
      return;
    }
    if (kind === Kind.registry) return this.#registry(event);
    const standing = this.#standings[instance];
    if (standing === undefined) return;
    if (kind === Kind.endpointChanged) return this.#listed(standing, event);
    if (kind === Kind.memberState) standing.member = MEMBER_STATES[code] === 'active';
    else if (kind === Kind.instanceState) lives(standing, INSTANCE_STATES[code] ?? 'dead');
    else return;
    this.#judge(standing, tNs, event.seq);
  }

  finish(): Verdict {
    if (!this.#leased)
      return verdictOf(
        this.#spec,
        'not exercised',
        0,
        'The sidecars follow no registry, or one that may keep who is silent, or they use subsets.',
      );
    for (const standing of this.#standings) {
      this.#overdue(standing, this.#atNs, -1);
      this.#missed(standing);
    }
    const broken = new Evidence();
    let excused: string | null = null;
    for (const { fromNs, atNs, seq, said } of this.#faults) {
      const stall = this.#stalls.within(fromNs, atNs);
      if (stall !== null) excused ??= stall;
      else if (broken.add(atNs, seq)) broken.first = said;
    }
    const exercised = this.#expired + this.#outages;
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` ${broken.count} such faults in all.` : '';
      return verdictOf(this.#spec, 'violated', exercised, `${broken.first}.${more}`, broken);
    }
    if (excused !== null)
      return verdictOf(this.#spec, 'inconclusive', exercised, `A lease was not kept, but ${excused}.`);
    if (exercised === 0)
      return verdictOf(this.#spec, 'not exercised', 0, 'No lease ran out, and the registry was there.');
    const outages = this.#outages === 0 ? '' : ` The registry was away ${this.#outages} times.`;
    const said = `${counted(this.#expired, 'view')} lost an instance whose lease had run out, none another.${outages}`;
    return verdictOf(this.#spec, 'holds', exercised, said);
  }

  /** What becomes of the registry, and of what an instance says to it; who asks it means nothing here. */
  #registry({ instance, code, tNs, seq }: EventView): void {
    const word = REGISTRY_EVENTS[code];
    if (word === 'serving' || word === 'gone') return this.#outage(word === 'serving', tNs);
    const standing = this.#standings[instance];
    if (standing === undefined || (word !== 'unheard' && word !== 'heard')) return;
    standing.muted += word === 'unheard' ? 1 : -1;
    this.#judge(standing, tNs, seq);
  }

  #outage(serving: boolean, tNs: number): void {
    if (serving) {
      this.#goneNs = -1;
      this.#backNs = tNs;
      return;
    }
    // What was due before it went was due.
    for (const standing of this.#standings) this.#overdue(standing, tNs, -1);
    this.#goneNs = tNs;
    this.#outages++;
  }

  #listed(standing: Standing, { code, sidecar, tNs, seq }: EventView): void {
    const change = ENDPOINT_CHANGES[code];
    if (change === 'added') standing.listedBy.add(sidecar);
    if (change !== 'removed' || !standing.listedBy.delete(sidecar)) return;
    const name = this.#nameOf(standing);
    const { is, sinceNs } = standing;
    if (this.#goneNs >= 0 && tNs - this.#goneNs > this.#withinNs)
      this.#blame(this.#goneNs, tNs, seq, `Sidecar ${sidecar} dropped ${name} while the registry was away`);
    else if (is === 'well' && tNs - sinceNs > this.#withinNs)
      this.#blame(sinceNs, tNs, seq, `Sidecar ${sidecar} dropped ${name}, which renewed its lease in time`);
    else if (is === 'silent') {
      this.#expired++;
      const dueNs = this.#dueNs(standing);
      if (tNs > dueNs) this.#late(standing, sidecar, tNs, dueNs, seq);
    }
  }

  #judge(standing: Standing, tNs: number, seq: number): void {
    const { dead, paused, muted, member } = standing;
    let is: Standing['is'] = dead || paused || muted > 0 ? 'silent' : 'well';
    // It leaves before it ends; one that is silent already cannot say that it leaves.
    if (!member) is = 'left';
    if (is === standing.is) return;
    this.#overdue(standing, tNs, seq);
    standing.is = is;
    standing.sinceNs = tNs;
  }

  /** Sidecars that list it although they must not any more. */
  #overdue(standing: Standing, tNs: number, seq: number): void {
    if (standing.is !== 'silent' || this.#goneNs >= 0) return;
    const dueNs = this.#dueNs(standing);
    if (tNs <= dueNs) return;
    for (const sidecar of standing.listedBy) this.#late(standing, sidecar, tNs, dueNs, seq);
  }

  #missed(standing: Standing): void {
    const dueNs = this.#dueNs(standing);
    if (standing.is !== 'well' || this.#goneNs >= 0 || this.#atNs <= dueNs) return;
    for (const sidecar of this.#sidecars()) {
      if (standing.listedBy.has(sidecar)) continue;
      const said = `Sidecar ${sidecar} does not list ${this.#nameOf(standing)} again, which is well since ${atTime(standing.sinceNs)}`;
      this.#blame(standing.sinceNs, this.#atNs, -1, said);
    }
  }

  #sidecars(): Set<number> {
    return new Set(this.#standings.flatMap(({ listedBy }) => [...listedBy]));
  }

  /** By then all know what has been so since `sinceNs`. */
  #dueNs({ sinceNs }: Standing): number {
    const fromNs = Math.max(sinceNs, this.#backNs + this.#settleNs);
    return fromNs + this.#ttlNs + this.#withinNs;
  }

  #late(standing: Standing, sidecar: number, atNs: number, dueNs: number, seq: number): void {
    const { sinceNs } = standing;
    const said = `Sidecar ${sidecar} listed ${this.#nameOf(standing)} still at ${atTime(atNs)}, which was silent since ${atTime(sinceNs)}; its lease was over and known to be by ${atTime(dueNs)}`;
    this.#blame(sinceNs, atNs, seq, said);
  }

  #nameOf(standing: Standing): string {
    return this.#names[this.#standings.indexOf(standing)] ?? '';
  }

  #blame(fromNs: number, atNs: number, seq: number, said: string): void {
    if (this.#faults.length < 10_000) this.#faults.push({ fromNs, atNs, seq, said });
  }
}

function lives(standing: Standing, state: (typeof INSTANCE_STATES)[number]): void {
  if (state === 'paused' || state === 'resumed') standing.paused = state === 'paused';
  else standing.dead = state !== 'ready';
  if (state === 'dead') standing.paused = false;
}
