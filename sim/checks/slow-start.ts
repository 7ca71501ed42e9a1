/**
 * check.slowStart (LB-15, LB-16, LB-17). Per sidecar and group of endpoints (a priority, a locality, where the balancer goes by them), over first picks: an instance that became pickable warms up from the sidecar's
 * next pick on. Then each instance counts by its weight × max(floor, age ÷ window), for least_request ÷ (its attempts under way + 1). In
 * each eighth of the window, and of as long a time after it, one has had the picks that this adds up to, give or take `errorMax` picks
 * and `tolerance` of what it would have had if it were warm. Those that are new together grow alike, so between them it makes no difference.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { groupNumbers } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
/** As the sidecar has it by default. */
const FLOOR = 0.125;
const SLICES = 8;

export function slowStart(params: { errorMax?: number; tolerance?: number } = {}): CheckSpec {
  const errorMax = limit(params.errorMax ?? 3, 'errorMax', 'slowStart', 0.01, 1_000_000);
  const tolerance = limit(params.tolerance ?? 0.1, 'tolerance', 'slowStart', 0, 1);
  const spec: CheckSpec = {
    name: 'slowStart',
    params: { errorMax, tolerance },
    start: (context) => new SlowStart(spec, errorMax, tolerance, context),
  };
  return spec;
}

/** One instance as one sidecar sees it. */
class Growing {
  pickable = false;
  /** Attempts of this sidecar under way. */
  active = 0;
  /** Since when it grows; -1: since the next pick. */
  sinceNs = -1;
  /** It is judged: its time is not over yet. */
  judged = false;
  /** The slice of its time that is on, and what it has had in it. */
  slice = 0;
  picks = 0;
  expected = 0;
  warm = 0;
}

class View {
  readonly instances: Growing[];
  /** How many are judged now. */
  judged = 0;

  constructor(instances: number) {
    this.instances = Array.from({ length: instances }, () => new Growing());
  }
}

class SlowStart implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.attemptEnded, Kind.endpointChanged];
  readonly #spec: CheckSpec;
  readonly #errorMax: number;
  readonly #tolerance: number;
  readonly #context: CheckContext;
  readonly #windowNs: number;
  readonly #floor: number;
  readonly #byActive: boolean;
  readonly #groupOf: readonly number[];
  /** By sidecar, then by group. */
  readonly #views: (View | undefined)[][] = [];
  readonly #broken = new Evidence();
  #slices = 0;
  #starts = 0;
  #together = 0;

  constructor(spec: CheckSpec, errorMax: number, tolerance: number, context: CheckContext) {
    this.#spec = spec;
    this.#errorMax = errorMax;
    this.#tolerance = tolerance;
    this.#context = context;
    this.#groupOf = groupNumbers(context);
    const balancer = context.sidecar?.balancer;
    const given = typeof balancer === 'object' ? balancer : null;
    this.#windowNs = (given?.slowStartMs ?? 0) * 1e6;
    this.#floor = given?.slowStartFloor ?? FLOOR;
    this.#byActive = given?.name === 'least_request';
  }

  onEvent(event: EventView): void {
    if (this.#windowNs === 0) return;
    const groups = (this.#views[event.sidecar] ??= []);
    const group = this.#groupOf[event.instance] ?? 0;
    const view = (groups[group] ??= new View(this.#context.instanceNames.length));
    const one = view.instances[event.instance];
    if (one === undefined) return;
    if (event.kind === Kind.attemptEnded) one.active -= 1;
    else if (event.kind === Kind.attemptSent) {
      if (event.detail === 1 && view.judged > 0) this.#pick(view, event);
      one.active += 1;
    } else if (event.code === PICKABLE) this.#begin(view, one);
    else if (event.code === UNPICKABLE) this.#end(view, one);
  }

  finish(): Verdict {
    const broken = this.#broken;
    if (this.#windowNs === 0)
      return verdictOf(this.#spec, 'not exercised', 0, "The sidecar's balancer has no 'slowStartMs'.");
    if (this.#slices === 0) {
      const why = `${counted(this.#starts, 'instance')} became pickable, but none had picks enough beside others.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    if (broken.count > 0) {
      const said = `In ${counted(broken.count, 'part')} of ${this.#slices} an instance was off its ramp. ${broken.first}`;
      return verdictOf(this.#spec, 'violated', this.#slices, said, broken);
    }
    const together = this.#together === 0 ? '' : ` ${this.#together} picks were among new ones only.`;
    const said = `${counted(this.#starts, 'start')}: in each of ${counted(this.#slices, 'part')} of their time instances had the picks of their ramp.${together}`;
    return verdictOf(this.#spec, 'holds', this.#slices, said);
  }

  #begin(view: View, one: Growing): void {
    this.#end(view, one);
    one.pickable = true;
    one.judged = true;
    one.sinceNs = -1;
    view.judged += 1;
    this.#starts += 1;
  }

  /** The slice that was on is not judged. */
  #end(view: View, one: Growing): void {
    one.pickable = false;
    if (one.judged) view.judged -= 1;
    one.judged = false;
    this.#clear(one, 0);
  }

  #clear(one: Growing, slice: number): void {
    one.slice = slice;
    one.picks = 0;
    one.expected = 0;
    one.warm = 0;
  }

  #pick(view: View, event: EventView): void {
    const { tNs } = event;
    let total = 0;
    let old = 0;
    let size = 0;
    for (let index = 0; index < view.instances.length; index++) {
      const one = view.instances[index] as Growing;
      if (!one.pickable) continue;
      if (one.sinceNs < 0) one.sinceNs = tNs;
      if (one.judged) this.#moveOn(view, one, index, event);
      if (tNs - one.sinceNs >= this.#windowNs) old += 1;
      size += 1;
      total += this.#load(one, index) * this.#ramp(one, tNs);
    }
    if (size < 2) return;
    if (old === 0) this.#together += 1;
    for (let index = 0; index < view.instances.length; index++) {
      const one = view.instances[index] as Growing;
      if (!one.judged) continue;
      const whole = this.#load(one, index);
      const own = whole * this.#ramp(one, tNs);
      one.expected += own / total;
      one.warm += whole / (total - own + whole);
      if (index === event.instance) one.picks += 1;
    }
  }

  /** Judges the slices that are over, and lets go of an instance whose time is. */
  #moveOn(view: View, one: Growing, index: number, event: EventView): void {
    const slice = Math.floor((SLICES * (event.tNs - one.sinceNs)) / this.#windowNs);
    if (slice === one.slice) return;
    if (one.warm >= 2 * this.#errorMax) this.#judge(one, index, event);
    this.#clear(one, slice);
    if (slice < 2 * SLICES) return;
    one.judged = false;
    view.judged -= 1;
  }

  #judge(one: Growing, index: number, { tNs, seq, sidecar }: EventView): void {
    this.#slices += 1;
    const allowed = this.#errorMax + this.#tolerance * one.warm;
    if (Math.abs(one.picks - one.expected) <= allowed || !this.#broken.add(tNs, seq)) return;
    const name = this.#context.instanceNames[index] ?? String(index);
    const age = `${Math.round((100 * one.slice) / SLICES)} to ${Math.round((100 * (one.slice + 1)) / SLICES)} % of the window`;
    this.#broken.first =
      `The first: up to ${atTime(tNs)} ${name} had ${counted(one.picks, 'pick')} of sidecar ${sidecar} at an age of ${age}, ` +
      `where its ramp makes it ${one.expected.toFixed(1)}, give or take ${allowed.toFixed(1)} (warm it would have had ${one.warm.toFixed(1)}).`;
  }

  #load(one: Growing, index: number): number {
    const weight = this.#context.weights[index] ?? 1;
    return this.#byActive ? weight / (Math.max(0, one.active) + 1) : weight;
  }

  #ramp(one: Growing, tNs: number): number {
    return Math.min(1, Math.max(this.#floor, (tNs - one.sinceNs) / this.#windowNs));
  }
}
