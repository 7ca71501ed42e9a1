/** Part of noThunderingHerd: what an instance that became pickable under load gets of the next picks, beside its share by weight. */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext } from '../spec/check.ts';
import { atTime } from './evidence.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
/** So many picks for each instance are looked at. */
const PICKS_EACH = 20;
const FOUND_MAX = 10_000;

/** What was too much, and when. */
export interface Found {
  fromNs: number;
  toNs: number;
  said: string;
  seqs: readonly number[];
}

interface Return {
  instance: number;
  fromNs: number;
  left: number;
  picks: number;
  share: number;
}

interface View {
  readonly pickable: Uint8Array;
  returns: Return[];
}

export class Rush {
  judged = 0;
  readonly found: Found[] = [];
  readonly #most: number;
  readonly #context: CheckContext;
  readonly #views: (View | undefined)[] = [];
  #loaded = false;

  constructor(most: number, context: CheckContext) {
    this.#most = most;
    this.#context = context;
  }

  onEvent(event: EventView): void {
    const { kind, instance, code } = event;
    if (kind === Kind.phase) {
      this.#loaded = code === 0;
      return;
    }
    const view = (this.#views[event.sidecar] ??= {
      pickable: new Uint8Array(this.#context.instanceNames.length),
      returns: [],
    });
    if (kind === Kind.attemptSent) {
      if (event.detail === 1 && view.returns.length > 0) this.#pick(view, event);
    } else if (code === UNPICKABLE) {
      view.pickable[instance] = 0;
      view.returns = view.returns.filter((one) => one.instance !== instance);
    } else if (code === PICKABLE && view.pickable[instance] !== 1) {
      view.pickable[instance] = 1;
      const left = PICKS_EACH * view.pickable.reduce((sum, one) => sum + one, 0);
      if (this.#loaded) view.returns.push({ instance, fromNs: event.tNs, left, picks: 0, share: 0 });
    }
  }

  #pick(view: View, event: EventView): void {
    let total = 0;
    for (const [index, pickable] of view.pickable.entries()) if (pickable === 1) total += this.#weight(index);
    for (const one of view.returns) {
      one.left -= 1;
      one.share += this.#weight(one.instance) / total;
      if (one.instance === event.instance) one.picks += 1;
      if (one.left === 0) this.#judge(one, event);
    }
    view.returns = view.returns.filter((one) => one.left > 0);
  }

  #judge({ instance, picks, share, fromNs }: Return, { sidecar, tNs, seq }: EventView): void {
    this.judged += 1;
    if (picks <= this.#most * share || this.found.length >= FOUND_MAX) return;
    const name = this.#context.instanceNames[instance] ?? String(instance);
    const said =
      `${name}, which sidecar ${sidecar} could pick again from ${atTime(fromNs)} on, had ${picks} of its picks up to ${atTime(tNs)}, ` +
      `${(picks / share).toFixed(2)} times its share of ${share.toFixed(1)}; ${this.#most} times are allowed.`;
    this.found.push({ fromNs, toNs: tNs, said, seqs: [seq] });
  }

  #weight(instance: number): number {
    return this.#context.weights[instance] ?? 1;
  }
}
