/**
 * check.hashAffinity (LB-11 to LB-13). Calls carry one of `keys` keys of the load; call c has key c mod keys. Per sidecar, over
 * first picks: a key stays with its instance. It may move only away from one that cannot be picked any more, or to one that
 * could not be when the key was picked last; or to another group of endpoints (a priority, a locality, where the balancer goes by them), whose shares
 * change with anyone's health, after any change. Any other move is a stray one. `strayShareMax` (default 0, as the ring has it) is the
 * share of picks that may be stray; maglev moves a few more keys than it must when the set changes.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { groupNumbers } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');

export function hashAffinity(params: { strayShareMax?: number } = {}): CheckSpec {
  const strayShareMax = limit(params.strayShareMax ?? 0, 'strayShareMax', 'hashAffinity', 0, 1);
  const spec: CheckSpec = {
    name: 'hashAffinity',
    params: { strayShareMax },
    start: (context) => new HashAffinity(spec, strayShareMax, context),
  };
  return spec;
}

/** One sidecar's view: who can be picked, since which pick, and where each key went last. */
class View {
  readonly pickable: Uint8Array;
  /** The sidecar's count of first picks when the instance became pickable. */
  readonly since: Int32Array;
  /** By key: instance and count of picks of its last pick; -1 before. */
  readonly home: Int32Array;
  readonly at: Int32Array;
  picks = 0;
  /** The count of first picks at the last change of any endpoint. */
  changed = 0;
  /** How many can be picked. */
  size = 0;

  constructor(instances: number, keys: number) {
    this.pickable = new Uint8Array(instances);
    this.since = new Int32Array(instances);
    this.home = new Int32Array(keys).fill(-1);
    this.at = new Int32Array(keys);
  }
}

class HashAffinity implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.endpointChanged];
  readonly #spec: CheckSpec;
  readonly #strayShareMax: number;
  readonly #names: readonly string[];
  readonly #groupOf: readonly number[];
  readonly #keys: number;
  readonly #views: (View | undefined)[] = [];
  readonly #stray = new Evidence();
  #judged = 0;
  #moved = 0;

  constructor(spec: CheckSpec, strayShareMax: number, context: CheckContext) {
    this.#spec = spec;
    this.#strayShareMax = strayShareMax;
    this.#names = context.instanceNames;
    this.#keys = context.keys;
    this.#groupOf = groupNumbers(context);
  }

  onEvent(event: EventView): void {
    if (this.#keys === 0) return;
    const view = (this.#views[event.sidecar] ??= new View(this.#names.length, this.#keys));
    if (event.kind === Kind.attemptSent) {
      if (event.detail === 1 && event.call >= 0) this.#pick(view, event);
      return;
    }
    view.changed = view.picks;
    if (event.code === PICKABLE || event.code === UNPICKABLE) {
      const pickable = event.code === PICKABLE ? 1 : 0;
      view.size += pickable - (view.pickable[event.instance] as number);
      view.pickable[event.instance] = pickable;
      view.since[event.instance] = view.picks;
    }
  }

  finish(): Verdict {
    const stray = this.#stray;
    if (this.#judged === 0) {
      const why =
        this.#keys === 0 ? 'The load has no keys.' : 'No key was picked twice where it could have strayed.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const all = `${counted(this.#judged, 'pick')} of ${counted(this.#keys, 'key')}`;
    if (stray.count <= this.#strayShareMax * this.#judged) {
      const strays = stray.count === 0 ? '' : `, ${stray.count} strayed`;
      const said = `${all}: each stayed with its instance, ${this.#moved} moved because theirs went or another came${strays}.`;
      return verdictOf(this.#spec, 'holds', this.#judged, said);
    }
    return verdictOf(
      this.#spec,
      'violated',
      this.#judged,
      `${stray.count} of ${all} strayed. ${stray.first}`,
      stray,
    );
  }

  #pick(view: View, event: EventView): void {
    const key = event.call % this.#keys;
    const { instance } = event;
    const home = view.home[key] as number;
    const last = view.at[key] as number;
    view.home[key] = instance;
    view.at[key] = view.picks++;
    if (home < 0) return;
    // With one instance there is no other to stray to.
    if (view.size > 1 || home !== instance) this.#judged += 1;
    if (home === instance) return;
    const left = view.pickable[home] !== 1 || (view.since[home] as number) > last;
    const isSpilt = this.#groupOf[home] !== this.#groupOf[instance] && view.changed > last;
    if (left || isSpilt || (view.since[instance] as number) > last) {
      this.#moved += 1;
      return;
    }
    if (!this.#stray.add(event.tNs, event.seq)) return;
    const [from, to] = [this.#names[home] ?? home, this.#names[instance] ?? instance];
    this.#stray.first =
      `The first: at ${atTime(event.tNs)} sidecar ${event.sidecar} took key ${key} from ${from} to ${to}, ` +
      'although the one could still be picked and the other could before.';
  }
}
