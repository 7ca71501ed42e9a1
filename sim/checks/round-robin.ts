/**
 * check.roundRobin (LB-01 to LB-04). Per sidecar and group of endpoints (a priority, a locality, where the balancer goes by them), within an epoch (no change of the set it reports as pickable, size N),
 * over first picks only (retries have a cursor of their own): S(i+1) = (S(i) + 1) mod N.
 * spreadMax 1 is exact: any N consecutive picks are N different instances, so the picks repeat with period N.
 * spreadMax s > 1: counted from the start of the epoch, picks per instance differ by at most s at every moment.
 * In both no pick falls outside of the set. The first pick of an epoch may be any instance. A sidecar that was replaced is not judged.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { groupNumbers } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Replaced } from './replaced.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');

export function roundRobin(params: { spreadMax?: number } = {}): CheckSpec {
  const spreadMax = limit(params.spreadMax ?? 1, 'spreadMax', 'roundRobin', 1, 10_000);
  const spec: CheckSpec = {
    name: 'roundRobin',
    params: { spreadMax },
    start: (context) => new RoundRobin(spec, spreadMax, context),
  };
  return spec;
}

/** What one sidecar picked. */
class Picks {
  readonly pickable: Uint8Array;
  /** Last pick of each instance by the sidecar's own count of picks; before the epoch's first: not yet in this epoch. */
  readonly last: Int32Array;
  readonly levels: Levels | null;
  size = 0;
  picks = 0;
  epochFirst = 0;

  constructor(instances: number, spreadMax: number) {
    this.pickable = new Uint8Array(instances);
    this.last = new Int32Array(instances).fill(-1);
    this.levels = spreadMax > 1 ? new Levels(instances, spreadMax) : null;
  }

  /** A change of the set begins a new epoch; what is no change does not. */
  set(instance: number, pickable: 0 | 1): void {
    if (this.pickable[instance] === pickable) return;
    this.pickable[instance] = pickable;
    this.size += pickable === 1 ? 1 : -1;
    this.epochFirst = this.picks;
    this.levels?.reset(this.size);
  }
}

/** Counts per instance and how many instances stand at each count, so that the least count is known in O(1). */
class Levels {
  readonly #counts: Int32Array;
  /** How many instances have the count c, at c mod length; counts span at most spreadMax + 1 values. */
  readonly #at: Int32Array;
  readonly #spreadMax: number;
  #least = 0;

  constructor(instances: number, spreadMax: number) {
    this.#counts = new Int32Array(instances);
    this.#at = new Int32Array(spreadMax + 2);
    this.#spreadMax = spreadMax;
  }

  reset(size: number): void {
    this.#counts.fill(0);
    this.#at.fill(0);
    this.#at[0] = size;
    this.#least = 0;
  }

  /** Counts a pick; false when it would stand more than spreadMax above the least (it is then not counted). */
  pick(instance: number): boolean {
    const count = this.#counts[instance] as number;
    if (count + 1 - this.#least > this.#spreadMax) return false;
    const at = this.#at;
    const from = count % at.length;
    const to = (count + 1) % at.length;
    at[from] = (at[from] as number) - 1;
    at[to] = (at[to] as number) + 1;
    this.#counts[instance] = count + 1;
    if (at[this.#least % at.length] === 0) this.#least += 1;
    return true;
  }
}

class RoundRobin implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.endpointChanged, Kind.sidecarState];
  readonly #spec: CheckSpec;
  readonly #spreadMax: number;
  readonly #names: readonly string[];
  readonly #groupOf: readonly number[];
  /** By sidecar, then by group. */
  readonly #sidecars: (Picks | undefined)[][] = [];
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  #judged = 0;

  constructor(spec: CheckSpec, spreadMax: number, context: CheckContext) {
    this.#spec = spec;
    this.#spreadMax = spreadMax;
    this.#names = context.instanceNames;
    this.#groupOf = groupNumbers(context);
  }

  onEvent(event: EventView): void {
    if (this.#replaced.covers(event)) return;
    const groups = (this.#sidecars[event.sidecar] ??= []);
    const group = this.#groupOf[event.instance] ?? 0;
    const sidecar = (groups[group] ??= new Picks(this.#names.length, this.#spreadMax));
    if (event.kind === Kind.endpointChanged) {
      if (event.code === PICKABLE) sidecar.set(event.instance, 1);
      else if (event.code === UNPICKABLE) sidecar.set(event.instance, 0);
      return;
    }
    if (event.detail === 1) this.#pick(sidecar, event);
  }

  finish(): Verdict {
    const broken = this.#broken;
    if (broken.count > 0) {
      const said = `${counted(broken.count, 'pick')} of ${this.#judged} broke round robin. ${broken.first}`;
      return verdictOf(this.#spec, 'violated', this.#judged, said, broken);
    }
    if (this.#judged === 0) {
      const why = 'No sidecar picked often enough among two or more instances to show an order.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const held =
      this.#spreadMax === 1
        ? 'each took every pickable instance once per round'
        : `counts within an epoch never differed by more than ${this.#spreadMax}`;
    return verdictOf(this.#spec, 'holds', this.#judged, `${counted(this.#judged, 'pick')} in turn: ${held}.`);
  }

  #pick(sidecar: Picks, event: EventView): void {
    const { instance } = event;
    const at = sidecar.picks++;
    const last = sidecar.last[instance] as number;
    sidecar.last[instance] = at;
    if (sidecar.pickable[instance] !== 1) {
      this.#judged += 1;
      this.#violate(event, () => 'which the sidecar had reported as not pickable');
      return;
    }
    const { size, levels } = sidecar;
    const place = at - sidecar.epochFirst;
    if (size < 2 || place === 0) {
      levels?.pick(instance);
      return;
    }
    this.#judged += 1;
    if (levels !== null) {
      const most = this.#spreadMax;
      if (!levels.pick(instance))
        this.#violate(event, () => `more than ${most} times more often than another`);
      return;
    }
    const seen = last >= sidecar.epochFirst;
    if (seen ? at - last === size : place < size) return;
    this.#violate(event, () =>
      seen
        ? `${at - last} picks after the last time, where ${size} pickable instances make it ${size}`
        : `for the first time after ${place} picks among ${size} pickable instances`,
    );
  }

  #violate(event: EventView, how: () => string): void {
    if (!this.#broken.add(event.tNs, event.seq)) return;
    const name = this.#names[event.instance] ?? String(event.instance);
    this.#broken.first = `The first: at ${atTime(event.tNs)} sidecar ${event.sidecar} picked ${name} ${how()}.`;
  }
}
