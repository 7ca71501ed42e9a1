/**
 * check.subset (LB-22, LB-23). The sidecar's `subsetSize` is K. Each sidecar uses at most K endpoints of each priority (draining ones
 * aside), and as many as there are up to K when the load ends; attempts go to these only. Whatever it changes at one moment is no more than
 * discovery has changed in `withinMs` before: one instance more or less brings one at most and takes one at most; so does a machine that
 * replaces another. And the subsets of many sidecars are spread: over the instances of a priority, the variance of how many sidecars use each is
 * at most 1 + 8 √(2 ÷ (N − 1)) times that of independent draws (judged where it would be more if all drew the same). With leases one that falls
 * silent, or is heard again, is a change, too, which has the time of a lease besides; and what changes while the registry is away is known once it
 * has settled. That all leases are forgotten and made anew is none.
 */
import { ENDPOINT_CHANGES, type EventView, Kind, SIDECAR_STATES } from '../journal/events.ts';
import { groupSettings } from '../spec/balancer.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { Listed } from './listed.ts';
import { limit } from './params.ts';

/** As Kind.phase has it. */
const LOAD_BEGINS = 0;
const LOAD_ENDS = 1;

/** `withinMs`: so long after a change of discovery a sidecar may still be taking it in. */
export function subset(params: { withinMs?: number } = {}): CheckSpec {
  const withinMs = limit(params.withinMs ?? 1_000, 'withinMs', 'subset', 1, 3_600_000);
  const spec: CheckSpec = {
    name: 'subset',
    params: { withinMs },
    start: (context) => new SubsetCheck(spec, withinMs * 1e6, context),
  };
  return spec;
}

/** What one sidecar uses. */
class Used {
  readonly members = new Set<number>();
  readonly leaving = new Set<number>();
  /** What changes at the moment that is on: it is judged when that is over. */
  readonly pending: { what: 'added' | 'removed' | 'draining'; instance: number }[] = [];
  atNs = -1;
  seq = -1;
  /** Another machine begins: its first set comes whole, while the one before is still told of changes. */
  isFollowed = false;

  has(instance: number): boolean {
    const { members, leaving, pending } = this;
    return members.has(instance) || leaving.has(instance) || pending.some((one) => one.instance === instance);
  }

  take(): void {
    const { members, leaving, pending } = this;
    if (this.isFollowed && pending.some(({ what, instance }) => what === 'added' && members.has(instance))) {
      members.clear();
      leaving.clear();
      this.isFollowed = false;
    }
    for (const { what, instance } of pending.splice(0)) {
      if (what === 'added') members.add(instance);
      else members.delete(instance);
      if (what === 'draining') leaving.add(instance);
      else leaving.delete(instance);
    }
    this.atNs = -1;
  }
}

class SubsetCheck implements CheckRun {
  readonly kinds = [
    Kind.attemptSent,
    Kind.endpointChanged,
    Kind.memberState,
    Kind.instanceState,
    Kind.registry,
    Kind.sidecarState,
    Kind.phase,
  ];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  readonly #context: CheckContext;
  readonly #size: number;
  readonly #used: (Used | undefined)[] = [];
  readonly #listed: Listed;
  readonly #broken = new Evidence();
  #isOn = false;
  #attempts = 0;
  #changes = 0;
  #moved = 0;

  constructor(spec: CheckSpec, withinNs: number, context: CheckContext) {
    this.#spec = spec;
    this.#listed = new Listed(context, withinNs);
    this.#withinNs = withinNs;
    this.#context = context;
    this.#size = groupSettings(context.sidecar?.balancer).subsetSize;
  }

  onEvent(event: EventView): void {
    if (this.#size === 0) return;
    const { kind, instance, code, tNs } = event;
    if (kind === Kind.memberState || kind === Kind.instanceState || kind === Kind.registry) {
      if (this.#listed.onEvent(event) && this.#isOn) this.#changes += 1;
      return;
    }
    if (kind === Kind.phase) return this.#phase(code, event);
    const used = (this.#used[event.sidecar] ??= new Used());
    if (used.atNs >= 0 && used.atNs !== tNs) this.#settle(used, event.sidecar);
    if (kind === Kind.sidecarState) {
      if (SIDECAR_STATES[code] === 'starting') used.isFollowed = true;
    } else if (kind === Kind.endpointChanged) {
      const what = ENDPOINT_CHANGES[code];
      if (what !== 'added' && what !== 'removed' && what !== 'draining') return;
      used.pending.push({ what, instance });
      used.atNs = tNs;
      used.seq = event.seq;
    } else this.#attempt(used, event);
  }

  finish(): Verdict {
    const broken = this.#broken;
    if (this.#size === 0) return verdictOf(this.#spec, 'not exercised', 0, 'The sidecar has no subsetSize.');
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` ${broken.count} such faults in all.` : '';
      return verdictOf(this.#spec, 'violated', this.#attempts, `${broken.first}.${more}`, broken);
    }
    if (this.#attempts === 0) {
      const said = `There were never more than ${this.#size} instances to choose from.`;
      return verdictOf(this.#spec, 'not exercised', 0, said);
    }
    const said =
      `${counted(this.#attempts, 'attempt')} within subsets of ${this.#size}; discovery changed ` +
      `${counted(this.#changes, 'time')}, and ${counted(this.#moved, 'subset')} with it, by one at most for each change.`;
    return verdictOf(this.#spec, 'holds', this.#attempts, said);
  }

  #phase(code: number, event: EventView): void {
    this.#used.forEach((used, sidecar) => used !== undefined && this.#settle(used, sidecar));
    if (code !== LOAD_BEGINS && code !== LOAD_ENDS) return;
    this.#isOn = code === LOAD_BEGINS;
    // All have been told by now, or load would not begin.
    if (this.#isOn) this.#listed.forget();
    for (const priority of new Set([...this.#listed.active].map((instance) => this.#priorityOf(instance))))
      this.#judgeSpread(priority, event);
    if (code === LOAD_ENDS && this.#listed.changesAt(event.tNs) === 0) this.#judgeFill(event);
  }

  #attempt(used: Used, event: EventView): void {
    const { instance, sidecar } = event;
    if (this.#listed.active.size > this.#size) this.#attempts += 1;
    if (used.has(instance)) return;
    this.#blame(
      event,
      `sidecar ${sidecar} sent an attempt to ${this.#name(instance)}, which is not in its subset`,
    );
  }

  /** Judges what changed at the moment that is over. */
  #settle(used: Used, sidecar: number): void {
    const { members, atNs: tNs, seq } = used;
    if (tNs < 0) return;
    const before = new Set(members);
    used.take();
    const gained = [...members].filter((one) => !before.has(one));
    const lost = [...before].filter((one) => !members.has(one));
    if (!this.#isOn) return;
    if (gained.length + lost.length > 0) this.#moved += 1;
    const allowed = this.#listed.changesAt(tNs);
    if (gained.length > allowed || lost.length > allowed) {
      const names = (list: number[]): string => list.map((one) => this.#name(one)).join(', ') || 'nobody';
      const said = `sidecar ${sidecar} changed its subset: ${names(gained)} for ${names(lost)}`;
      const within = `${this.#withinNs / 1e6} ms before`;
      this.#blame(
        { tNs, seq },
        `${said}, although discovery had changed ${counted(allowed, 'time')} in the ${within}`,
      );
    }
    for (const [priority, count] of this.#byPriority(members)) {
      if (count <= this.#size) continue;
      const said = `sidecar ${sidecar} used ${count} endpoints of priority ${priority}; its subset has ${this.#size}`;
      this.#blame({ tNs, seq }, said);
    }
  }

  /** All that there are up to the size are used. */
  #judgeFill(event: EventView): void {
    const there = this.#byPriority(this.#listed.active);
    this.#used.forEach((used, sidecar) => {
      if (used === undefined) return;
      const own = this.#byPriority(used.members);
      for (const [priority, count] of there) {
        const [has, wanted] = [own.get(priority) ?? 0, Math.min(count, this.#size)];
        if (has >= wanted) continue;
        this.#blame(
          event,
          `sidecar ${sidecar} used ${has} endpoints of priority ${priority}, where there are ${count}`,
        );
      }
    });
  }

  #judgeSpread(priority: number, event: EventView): void {
    const there = [...this.#listed.active].filter((instance) => this.#priorityOf(instance) === priority);
    const users = this.#used.filter((used) => used !== undefined && used.members.size > 0);
    const part = this.#size / there.length;
    const most = 1 + 8 * Math.sqrt(2 / (there.length - 1));
    // All the same would come to as many as there are sidecars.
    if (part >= 1 || users.length <= most) return;
    const mean = users.length * part;
    let sum = 0;
    for (const instance of there) {
      const count = users.filter((used) => used?.members.has(instance)).length;
      sum += (count - mean) * (count - mean);
    }
    const spread = sum / (there.length * mean * (1 - part));
    if (spread <= most) return;
    const said = `of ${users.length} sidecars those that use an instance of priority ${priority} vary ${spread.toFixed(1)} times as much`;
    this.#blame(event, `${said} as with independent draws; at most ${most.toFixed(1)} times is chance`);
  }

  #byPriority(instances: ReadonlySet<number>): Map<number, number> {
    const counts = new Map<number, number>();
    for (const instance of instances) {
      const priority = this.#priorityOf(instance);
      counts.set(priority, (counts.get(priority) ?? 0) + 1);
    }
    return counts;
  }

  #priorityOf(instance: number): number {
    return this.#context.groups?.[instance]?.priority ?? 0;
  }

  #name(instance: number): string {
    return this.#context.instanceNames[instance] ?? String(instance);
  }

  #blame({ tNs, seq }: { tNs: number; seq: number }, said: string): void {
    if (this.#broken.add(tNs, seq)) this.#broken.first = `At ${atTime(tNs)} ${said}`;
  }
}
