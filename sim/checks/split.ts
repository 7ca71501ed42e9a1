/**
 * check.split: routes give each cluster its share of the calls. Over all first attempts of the load, the count of each named
 * cluster is within five standard deviations of its share (chance alone breaks that once in 1.7 million counts, and never
 * where a share is whole), and no first attempt goes to a cluster that has none. Nothing is shown where chance could leave a cluster without any.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { clustersOfInstance, sharedInstance } from '../spec/routing.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const SIGMAS = 5;

/** `shares`: weights by cluster, as the route has them; with several routes, those of all calls together. */
export function split(params: { shares: Readonly<Record<string, number>> }): CheckSpec {
  for (const [name, share] of Object.entries(params.shares)) limit(share, `shares.${name}`, 'split', 0, 1e9);
  const spec: CheckSpec = {
    name: 'split',
    params,
    start: (context) => new SplitShares(spec, params.shares, context),
  };
  return spec;
}

class SplitShares implements CheckRun {
  readonly kinds = [Kind.attemptSent];
  readonly #spec: CheckSpec;
  readonly #shares: Readonly<Record<string, number>>;
  readonly #context: CheckContext;
  readonly #clusters: readonly string[];
  /** One that is in several clusters: of which one it got a call nobody tells. */
  readonly #shared: string | null;
  readonly #counts = new Map<string, number>();
  readonly #strays = new Evidence();
  #calls = 0;

  constructor(spec: CheckSpec, shares: Readonly<Record<string, number>>, context: CheckContext) {
    this.#spec = spec;
    this.#shares = shares;
    this.#context = context;
    const routing = context.sidecar ?? {};
    this.#clusters = context.instanceNames.map(
      (_name, instance) => clustersOfInstance(routing, instance)[0] as string,
    );
    this.#shared = sharedInstance(routing, context.instanceNames);
  }

  onEvent(event: EventView): void {
    if (event.detail !== 1 || event.instance < 0) return;
    const cluster = this.#clusters[event.instance] as string;
    this.#calls++;
    this.#counts.set(cluster, (this.#counts.get(cluster) ?? 0) + 1);
    if ((this.#shares[cluster] ?? 0) > 0) return;
    if (this.#strays.add(event.tNs, event.seq)) {
      const name = this.#context.instanceNames[event.instance];
      this.#strays.first = `call ${event.call} went to ${name} of ${cluster} at ${atTime(event.tNs)}`;
    }
  }

  finish(): Verdict {
    const calls = this.#calls;
    if (calls === 0) return verdictOf(this.#spec, 'not exercised', 0, 'No call was sent on.');
    if (this.#shared !== null)
      return verdictOf(
        this.#spec,
        'inconclusive',
        calls,
        `${this.#shared} is in several clusters: of which one it got a call cannot be told.`,
      );
    if (this.#strays.count > 0) {
      const said = `${counted(this.#strays.count, 'call')} went to a cluster without a share; the first: ${this.#strays.first}.`;
      return verdictOf(this.#spec, 'violated', calls, said, this.#strays);
    }
    const total = Object.values(this.#shares).reduce((sum, share) => sum + share, 0);
    const told: string[] = [];
    const few: string[] = [];
    for (const [cluster, weight] of Object.entries(this.#shares)) {
      const share = weight / total;
      const count = this.#counts.get(cluster) ?? 0;
      const expected = calls * share;
      const most = SIGMAS * Math.sqrt(calls * share * (1 - share));
      told.push(`${cluster} ${count} of ${expected.toFixed(1)}`);
      if (weight > 0 && expected <= most) few.push(cluster);
      if (Math.abs(count - expected) <= most) continue;
      const off = `${cluster} got ${count} of ${counted(calls, 'call')}, where its share makes it ${expected.toFixed(1)}`;
      const said = `${off} give or take ${most.toFixed(1)}.`;
      return verdictOf(this.#spec, 'violated', calls, said, new Evidence());
    }
    if (few.length > 0) {
      const why = `With ${counted(calls, 'call')} chance could leave ${few.join(' and ')} without any.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    return verdictOf(this.#spec, 'holds', calls, `Of ${counted(calls, 'call')}: ${told.join(', ')}.`);
  }
}
