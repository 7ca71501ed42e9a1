/**
 * check.leastRequest (LB-07). Per sidecar and group of endpoints (a priority, a locality, where the balancer goes by them), over first picks among two or more pickable instances: never the one that had more
 * attempts of this sidecar under way than any other (two different ones are drawn, so the busiest of all always loses; where weights differ,
 * or grow by slow start, they count beside that, and it is not judged). With `slowShareMax`, an instance that a fault made slow got at most
 * this share of the first picks while it was. A sidecar that was replaced is not judged.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { groupNumbers } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Replaced } from './replaced.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
/** Fewer picks show no share. */
const PICKS_MIN = 100;

export function leastRequest(params: { slowShareMax?: number } = {}): CheckSpec {
  const { slowShareMax } = params;
  if (slowShareMax !== undefined) limit(slowShareMax, 'slowShareMax', 'leastRequest', 0, 1);
  const spec: CheckSpec = {
    name: 'leastRequest',
    params: slowShareMax === undefined ? {} : { slowShareMax },
    start: (context) => new LeastRequest(spec, slowShareMax ?? null, context),
  };
  return spec;
}

class View {
  readonly pickable: Uint8Array;
  readonly active: Int32Array;

  constructor(instances: number) {
    this.pickable = new Uint8Array(instances);
    this.active = new Int32Array(instances);
  }

  /** The pickable one that is busier than every other, of which there is one at least; -1: there is none. */
  busiest(): number {
    let [busiest, most, others] = [-1, -1, 0];
    for (let instance = 0; instance < this.active.length; instance++) {
      if (this.pickable[instance] !== 1) continue;
      const active = this.active[instance] as number;
      if (active === most) busiest = -1;
      else if (active > most) [busiest, most] = [instance, active];
      others++;
    }
    return others > 1 ? busiest : -1;
  }
}

class LeastRequest implements CheckRun {
  readonly kinds = [
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.endpointChanged,
    Kind.sidecarState,
    Kind.faultApplied,
    Kind.faultHealed,
  ];
  readonly #spec: CheckSpec;
  readonly #slowShareMax: number | null;
  readonly #context: CheckContext;
  readonly #groupOf: readonly number[];
  /** By sidecar, then by group. */
  readonly #views: (View | undefined)[][] = [];
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  /** Instances that are slow now; picks while any is, and those that went there. */
  readonly #slow = new Set<number>();
  #picksBeside = 0;
  #picksSlow = 0;
  /** Weights are all the same, so that only how busy one is counts. */
  readonly #isEven: boolean;
  /** Picks that found one busier than all others, and these or made while one was slow. */
  #compared = 0;
  #judged = 0;

  constructor(spec: CheckSpec, slowShareMax: number | null, context: CheckContext) {
    this.#spec = spec;
    this.#slowShareMax = slowShareMax;
    this.#context = context;
    this.#groupOf = groupNumbers(context);
    const balancer = context.sidecar?.balancer;
    const grows = typeof balancer === 'object' && (balancer.slowStartMs ?? 0) > 0;
    this.#isEven = !grows && context.instanceNames.every((_, at) => (context.weights[at] ?? 1) === 1);
  }

  onEvent(event: EventView): void {
    const { kind, instance } = event;
    if (kind === Kind.faultApplied || kind === Kind.faultHealed) {
      if (this.#context.faults[event.call]?.kind !== 'latency') return;
      if (kind === Kind.faultApplied) this.#slow.add(instance);
      else this.#slow.delete(instance);
      return;
    }
    if (this.#replaced.covers(event)) return;
    const groups = (this.#views[event.sidecar] ??= []);
    const view = (groups[this.#groupOf[instance] ?? 0] ??= new View(this.#context.instanceNames.length));
    if (kind === Kind.endpointChanged) {
      if (event.code === PICKABLE) view.pickable[instance] = 1;
      else if (event.code === UNPICKABLE) view.pickable[instance] = 0;
    } else if (kind === Kind.attemptEnded) {
      view.active[instance] = (view.active[instance] as number) - 1;
    } else {
      if (event.detail === 1) this.#pick(view, event);
      view.active[instance] = (view.active[instance] as number) + 1;
    }
  }

  finish(): Verdict {
    const broken = this.#broken;
    if (this.#judged === 0) {
      return verdictOf(
        this.#spec,
        'not exercised',
        0,
        this.#isEven
          ? 'No pick found an instance that had more to do than every other.'
          : 'Weights differ or grow, and count beside how busy an instance is.',
      );
    }
    if (broken.count > 0) {
      const said = `${counted(broken.count, 'pick')} of ${this.#compared} went to the busiest instance. ${broken.first}`;
      return verdictOf(this.#spec, 'violated', this.#judged, said, broken);
    }
    const held = `${counted(this.#compared, 'pick')} beside a busiest instance, none of them of it`;
    const most = this.#slowShareMax;
    if (most === null) return verdictOf(this.#spec, 'holds', this.#judged, `${held}.`);
    if (this.#picksBeside < PICKS_MIN) {
      const why = `Only ${counted(this.#picksBeside, 'pick')} while an instance was slow.`;
      return verdictOf(this.#spec, 'not exercised', this.#judged, why);
    }
    const share = this.#picksSlow / this.#picksBeside;
    const said = `${(100 * share).toFixed(1)} % of ${this.#picksBeside} picks went to slow instances, where ${(100 * most).toFixed(1)} % are allowed`;
    if (share <= most) return verdictOf(this.#spec, 'holds', this.#judged, `${held}; ${said}.`);
    return verdictOf(this.#spec, 'violated', this.#judged, `${said}.`, broken);
  }

  #pick(view: View, event: EventView): void {
    const { instance } = event;
    const isBeside = this.#slowShareMax !== null && this.#slow.size > 0;
    if (isBeside) {
      this.#picksBeside += 1;
      if (this.#slow.has(instance)) this.#picksSlow += 1;
    }
    const busiest = this.#isEven ? view.busiest() : -1;
    if (busiest >= 0) this.#compared += 1;
    if (busiest >= 0 || isBeside) this.#judged += 1;
    if (busiest !== instance || !this.#broken.add(event.tNs, event.seq)) return;
    const name = this.#context.instanceNames[instance] ?? String(instance);
    this.#broken.first =
      `The first: at ${atTime(event.tNs)} sidecar ${event.sidecar} picked ${name} with ${counted(view.active[instance] as number, 'attempt')} ` +
      'under way, while every other had fewer.';
  }
}
