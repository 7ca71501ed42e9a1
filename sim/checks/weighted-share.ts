/**
 * check.weightedShare (LB-05, LB-06). Per sidecar and group of endpoints (a priority, a locality, where the balancer goes by them), within an epoch (no change of the set it reports as pickable), over first
 * picks: after n picks each instance has had n × its weight ÷ all weights, give or take `errorMax` picks. The scheduler of
 * weighted_round_robin is exact to below one pick from a fresh start; what an instance was ahead or behind when the epoch
 * began goes with it, so the default is 3. Random balancers need more: their error grows with √n. A sidecar
 * that was replaced is not judged from then on.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { groupNumbers } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Replaced } from './replaced.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
/** As Kind.phase has it. */
const LOAD_ENDS = 1;

export function weightedShare(params: { errorMax?: number } = {}): CheckSpec {
  const errorMax = limit(params.errorMax ?? 3, 'errorMax', 'weightedShare', 0.01, 1_000_000);
  const spec: CheckSpec = {
    name: 'weightedShare',
    params: { errorMax },
    start: (context) => new WeightedShare(spec, errorMax, context),
  };
  return spec;
}

/** What one sidecar picked in the epoch that is on. */
class Epoch {
  readonly pickable: Uint8Array;
  readonly counts: Int32Array;
  size = 0;
  total = 0;
  picks = 0;
  /** The least weight of those that can be picked; 0: not looked for yet. */
  least = 0;

  constructor(instances: number) {
    this.pickable = new Uint8Array(instances);
    this.counts = new Int32Array(instances);
  }

  set(instance: number, pickable: 0 | 1, weight: number): void {
    if (this.pickable[instance] === pickable) return;
    this.pickable[instance] = pickable;
    this.size += pickable === 1 ? 1 : -1;
    this.total += pickable === 1 ? weight : -weight;
    this.picks = 0;
    this.least = 0;
    this.counts.fill(0);
  }
}

class WeightedShare implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.endpointChanged, Kind.sidecarState, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #errorMax: number;
  readonly #names: readonly string[];
  readonly #weights: readonly number[];
  readonly #groupOf: readonly number[];
  /** By sidecar, then by group. */
  readonly #sidecars: (Epoch | undefined)[][] = [];
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  #judged = 0;
  #worst = 0;

  constructor(spec: CheckSpec, errorMax: number, context: CheckContext) {
    this.#spec = spec;
    this.#errorMax = errorMax;
    this.#names = context.instanceNames;
    this.#weights = context.weights;
    this.#groupOf = groupNumbers(context);
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.phase) {
      if (event.code === LOAD_ENDS)
        this.#sidecars.forEach((groups, sidecar) =>
          groups.forEach((epoch) => epoch && this.#close(epoch, { ...event, sidecar })),
        );
      return;
    }
    if (this.#replaced.covers(event)) return;
    const groups = (this.#sidecars[event.sidecar] ??= []);
    const epoch = (groups[this.#groupOf[event.instance] ?? 0] ??= new Epoch(this.#names.length));
    if (event.kind === Kind.attemptSent) {
      if (event.detail === 1) this.#pick(epoch, event);
    } else if (event.code === PICKABLE || event.code === UNPICKABLE) {
      this.#close(epoch, event);
      epoch.set(event.instance, event.code === PICKABLE ? 1 : 0, this.#weight(event.instance));
    }
  }

  finish(): Verdict {
    const broken = this.#broken;
    if (this.#judged === 0) {
      const why = `No sidecar picked often enough among two or more instances to be ${this.#errorMax} picks from a share.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const worst = `${this.#worst.toFixed(2)} picks`;
    if (broken.count === 0) {
      const said = `${counted(this.#judged, 'pick')} by weight: no instance was ever more than ${worst} from its share.`;
      return verdictOf(this.#spec, 'holds', this.#judged, said);
    }
    const said = `${counted(broken.count, 'time')} an instance was more than ${this.#errorMax} picks from its share, ${worst} at worst. ${broken.first}`;
    return verdictOf(this.#spec, 'violated', this.#judged, said, broken);
  }

  /** An instance is the furthest behind right before its pick, and the furthest ahead right after. */
  #pick(epoch: Epoch, event: EventView): void {
    const { instance } = event;
    if (epoch.pickable[instance] !== 1) return;
    this.#judge(epoch, instance, event);
    epoch.picks += 1;
    if (this.#couldShow(epoch)) this.#judged += 1;
    epoch.counts[instance] = (epoch.counts[instance] as number) + 1;
    this.#judge(epoch, instance, event);
  }

  /** Had all picks gone to the lightest instance, it would be too far from its share by now. */
  #couldShow(epoch: Epoch): boolean {
    if (epoch.least === 0) {
      epoch.least = Infinity;
      for (let instance = 0; instance < this.#names.length; instance++)
        if (epoch.pickable[instance] === 1) epoch.least = Math.min(epoch.least, this.#weight(instance));
    }
    return epoch.picks * (1 - epoch.least / epoch.total) > this.#errorMax;
  }

  /** The epoch is over: those that were not picked lately are judged, too. */
  #close(epoch: Epoch, event: EventView): void {
    if (epoch.picks === 0) return;
    for (let instance = 0; instance < this.#names.length; instance++) {
      if (epoch.pickable[instance] === 1) this.#judge(epoch, instance, event);
    }
  }

  #judge(epoch: Epoch, instance: number, event: EventView): void {
    const share = (epoch.picks * this.#weight(instance)) / epoch.total;
    const count = epoch.counts[instance] as number;
    const error = Math.abs(count - share);
    if (error > this.#worst) this.#worst = error;
    if (error <= this.#errorMax || !this.#broken.add(event.tNs, event.seq)) return;
    const name = this.#names[instance] ?? String(instance);
    this.#broken.first =
      `The first: at ${atTime(event.tNs)} ${name} had ${count} of ${epoch.picks} picks of sidecar ${event.sidecar}, ` +
      `where weight ${this.#weight(instance)} of ${epoch.total} makes it ${share.toFixed(1)}.`;
  }

  #weight(instance: number): number {
    return this.#weights[instance] ?? 1;
  }
}
