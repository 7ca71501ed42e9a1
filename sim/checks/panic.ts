/**
 * check.panic (LB-18, LB-19): the panic threshold of each sidecar's balancer, replayed from what it says of its endpoints. While at
 * least that share of those that were checked (without removed and draining ones) is healthy, or all priorities together can bear all calls (by
 * their share of healthy ones × `overprovisioning`, as in Envoy), every first pick is of a healthy one. While fewer are, picks are of any that
 * were checked, and in each time of 50 picks for each and more, in which nothing changes, everyone that is connected has had at least half
 * of its share, by weight within its priority and locality; with a balancer that goes by keys only the first half is of use.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { type GroupSettings, groupSettings, ownFacts } from '../spec/balancer.ts';
import { EndpointView, type Group } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { canBearAll, expectedShares } from './group-shares.ts';

/** Fewer for each show no share. */
const PICKS_MIN = 50;
/** As Kind.phase has it. */
const LOAD_ENDS = 1;

export function panic(): CheckSpec {
  const spec: CheckSpec = { name: 'panic', params: {}, start: (context) => new Panic(spec, context) };
  return spec;
}

/** One endpoint as one sidecar has it. */
class Seen {
  member = false;
  draining = false;
  connected = false;
  ejected = false;
  /** Null until its first check has ended. */
  healthy: boolean | null = null;
  /** The part of all picks that it should have in the time that is on, 0 where it cannot be picked; first picks since that began. */
  share = 0;
  picks = 0;

  get checked(): boolean {
    return this.member && !this.draining && this.healthy !== null;
  }

  get usable(): boolean {
    return this.checked && this.connected && !this.ejected;
  }
}

interface View {
  readonly seen: readonly Seen[];
  /** Null: it cannot be told, for whoever stops to drain says so only when it can be picked. */
  panics: boolean | null;
  /** First picks in the time of panic that is on. */
  picks: number;
}

class Panic implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.endpointChanged, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #context: CheckContext;
  readonly #threshold: number;
  readonly #settings: GroupSettings;
  /** Groups of endpoints, by priority and locality, and by instance which it is in. */
  readonly #groups: readonly Group[];
  readonly #groupOf: readonly number[];
  readonly #views: (View | undefined)[] = [];
  readonly #broken = new Evidence();
  #inPanic = 0;
  #outside = 0;
  #spread = 0;

  constructor(spec: CheckSpec, context: CheckContext) {
    this.#spec = spec;
    this.#context = context;
    const balancer = context.sidecar?.balancer;
    this.#threshold = typeof balancer === 'object' ? (balancer.panicThreshold ?? 0) : 0;
    this.#settings = groupSettings(balancer);
    const { instanceNames, groups = [] } = context;
    ({ groups: this.#groups, groupOf: this.#groupOf } = new EndpointView(
      instanceNames.length,
      groups,
      this.#settings,
    ));
  }

  onEvent(event: EventView): void {
    if (this.#threshold === 0) return;
    if (event.kind === Kind.phase) {
      if (event.code !== LOAD_ENDS) return;
      for (const [sidecar, view] of this.#views.entries())
        if (view !== undefined) this.#close(view, sidecar, event);
      return;
    }
    const view = (this.#views[event.sidecar] ??= {
      seen: this.#context.instanceNames.map(() => new Seen()),
      panics: false,
      picks: 0,
    });
    const one = view.seen[event.instance];
    if (one === undefined) return;
    if (event.kind === Kind.endpointChanged) this.#changed(view, one, event);
    else if (event.detail === 1) this.#pick(view, one, event);
  }

  finish(): Verdict {
    const broken = this.#broken;
    const judged = this.#inPanic + this.#outside;
    if (this.#threshold === 0)
      return verdictOf(this.#spec, 'not exercised', 0, "The sidecar's balancer has no 'panicThreshold'.");
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` ${broken.count} times it was so.` : '';
      return verdictOf(this.#spec, 'violated', judged, broken.first + more, broken);
    }
    if (this.#spread === 0) {
      const why = `${counted(this.#inPanic, 'pick')} with fewer than ${this.#share} healthy: too few to show a share.`;
      return verdictOf(this.#spec, 'not exercised', judged, why);
    }
    const said = `${counted(this.#inPanic, 'pick')} with fewer than ${this.#share} healthy went to all of them, ${this.#outside} beside unhealthy ones to healthy ones only.`;
    return verdictOf(this.#spec, 'holds', judged, said);
  }

  #changed(view: View, one: Seen, event: EventView): void {
    const { usable, healthy } = one;
    const before = view.panics;
    switch (ENDPOINT_CHANGES[event.code]) {
      case 'added':
        Object.assign(one, new Seen());
        one.member = true;
        break;
      case 'removed':
        one.member = false;
        break;
      case 'draining':
        one.draining = true;
        break;
      case 'pickable':
        one.draining = false;
        break;
      case 'healthy':
      case 'unhealthy':
        one.healthy = ENDPOINT_CHANGES[event.code] === 'healthy';
        break;
      case 'connected':
      case 'disconnected':
        one.connected = ENDPOINT_CHANGES[event.code] === 'connected';
        break;
      case 'ejected':
      case 'unejected':
        one.ejected = ENDPOINT_CHANGES[event.code] === 'ejected';
        break;
    }
    view.panics = this.#panics(view);
    if (view.panics !== before || one.usable !== usable || one.healthy !== healthy)
      this.#close(view, event.sidecar, event);
  }

  /** So few are healthy, with those that may or may not drain and without them. */
  #panics(view: View): boolean | null {
    let [checked, healthy, moreChecked, moreHealthy] = [0, 0, 0, 0];
    for (const one of view.seen) {
      if (!one.member || one.healthy === null) continue;
      moreChecked += 1;
      if (one.healthy) moreHealthy += 1;
      if (one.draining) continue;
      checked += 1;
      if (one.healthy) healthy += 1;
    }
    const without = healthy < this.#threshold * checked;
    if (without !== moreHealthy < this.#threshold * moreChecked) return null;
    return without && !this.#canBearAll(view);
  }

  /** There are groups, and so priorities that may help each other. */
  #canBearAll(view: View): boolean {
    const { priorities, localities } = this.#settings;
    if (priorities === 'ignore' && localities === 'ignore') return false;
    return canBearAll(this.#count(view), this.#settings);
  }

  /** Its groups, with everyone that can be picked in panic. */
  #count({ seen }: View): Group[] {
    const groups = this.#groups.map((group) => ({ ...group, total: 0, pickable: 0, well: 0 }));
    for (const [at, one] of seen.entries()) {
      const group = groups[this.#groupOf[at] as number] as Group;
      if (one.member) group.total += 1;
      if (!one.usable) continue;
      group.pickable += 1;
      if (one.healthy === true) group.well += 1;
    }
    return groups;
  }

  #pick(view: View, one: Seen, event: EventView): void {
    if (view.panics === null) return;
    const name = this.#context.instanceNames[event.instance] ?? String(event.instance);
    const at = `at ${atTime(event.tNs)} sidecar ${event.sidecar} picked ${name}`;
    if (view.panics) {
      this.#inPanic += 1;
      view.picks += 1;
      one.picks += 1;
      if (!one.checked && this.#broken.add(event.tNs, event.seq))
        this.#broken.first = `Too few were healthy, and ${at}, which is none of those that were checked or drains.`;
      return;
    }
    if (view.seen.some((other) => other.checked && other.healthy === false)) this.#outside += 1;
    if (one.healthy !== false || !this.#broken.add(event.tNs, event.seq)) return;
    this.#broken.first = `Of those checked at least ${this.#share} were healthy, but ${at}, which was not.`;
  }

  /** A time in which nothing changed is over. */
  #close(view: View, sidecar: number, event: EventView): void {
    this.#judge(view, sidecar, event);
    view.picks = 0;
    const { ownLocality } = ownFacts(this.#context.sidecar?.localities, sidecar);
    const shares = expectedShares(this.#count(view), this.#settings, ownLocality);
    const weights = this.#groups.map(() => 0);
    for (const [at, one] of view.seen.entries()) {
      const group = this.#groupOf[at] as number;
      if (one.usable) weights[group] = (weights[group] as number) + this.#weight(at);
    }
    for (const [at, one] of view.seen.entries()) {
      const group = this.#groupOf[at] as number;
      const part = this.#weight(at) / (weights[group] as number);
      one.share = one.usable ? (shares[group] as number) * part : 0;
      one.picks = 0;
    }
  }

  #judge({ seen, picks }: View, sidecar: number, event: EventView): void {
    const size = seen.filter(({ share }) => share > 0).length;
    if (size < 2 || picks < PICKS_MIN * size) return;
    this.#spread += 1;
    for (const [at, one] of seen.entries()) {
      const share = picks * one.share;
      if (one.picks >= share / 2 || !this.#broken.add(event.tNs, event.seq)) continue;
      const name = this.#context.instanceNames[at] ?? String(at);
      this.#broken.first =
        `Fewer than ${this.#share} were healthy, and up to ${atTime(event.tNs)} sidecar ${sidecar} gave ${name} ${one.picks} of ` +
        `${picks} picks, where its share of all is ${share.toFixed(0)}: the others bore it.`;
    }
  }

  get #share(): string {
    return `${Math.round(100 * this.#threshold)} %`;
  }

  #weight(instance: number): number {
    return this.#context.weights[instance] ?? 1;
  }
}
