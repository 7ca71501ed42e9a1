/**
 * check.mirrored: a route's copies arrive at their cluster, as many as the share says, and only copies do: no call that
 * somebody waits for goes there. Nothing is shown by so few calls that there might be no copy at all. What callers get is for other checks (`replies`, `noLostRequests`).
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { clustersOfInstance, sharedInstance } from '../spec/routing.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const SIGMAS = 5;

/** `missingMax`: share of the copies that may be missing, for those that were one too many at a time or under way at the end. */
export function mirrored(params: { cluster: string; share?: number; missingMax?: number }): CheckSpec {
  const share = limit(params.share ?? 1, 'share', 'mirrored', 0, 1);
  const missingMax = limit(params.missingMax ?? 0.02, 'missingMax', 'mirrored', 0, 1);
  const spec: CheckSpec = {
    name: 'mirrored',
    params: { ...params, share, missingMax },
    start: (context) => new Mirrored(spec, params.cluster, share, missingMax, context),
  };
  return spec;
}

class Mirrored implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.attemptArrived];
  readonly #spec: CheckSpec;
  readonly #share: number;
  readonly #missingMax: number;
  readonly #inCluster: boolean[];
  /** One of the cluster that is in others, too: whether it got a copy or a call there nobody tells. */
  readonly #shared: string | null;
  readonly #cluster: string;
  readonly #strays = new Evidence();
  #calls = 0;
  #copies = 0;

  constructor(spec: CheckSpec, cluster: string, share: number, missingMax: number, context: CheckContext) {
    this.#spec = spec;
    this.#cluster = cluster;
    this.#share = share;
    this.#missingMax = missingMax;
    const routing = context.sidecar ?? {};
    this.#inCluster = context.instanceNames.map((_name, instance) =>
      clustersOfInstance(routing, instance).includes(cluster),
    );
    this.#shared = sharedInstance(routing, context.instanceNames, cluster);
  }

  onEvent(event: EventView): void {
    const isThere = this.#inCluster[event.instance] === true;
    if (event.kind === Kind.attemptSent) {
      if (event.detail === 1) this.#calls++;
      if (isThere) this.#stray(event, `call ${event.call} was sent there`);
    } else if (event.call < 0) {
      if (isThere) this.#copies++;
      else this.#stray(event, 'a copy arrived elsewhere');
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
        `${this.#shared} is in several clusters: for which one it got something cannot be told.`,
      );
    const strays = this.#strays;
    if (strays.count > 0) {
      const said = `${counted(strays.count, 'time')} calls and copies were mixed up; the first: ${strays.first}.`;
      return verdictOf(this.#spec, 'violated', calls, said, strays);
    }
    const expected = calls * this.#share;
    const chance = SIGMAS * Math.sqrt(expected * (1 - this.#share));
    const copies = `${this.#cluster} got ${counted(this.#copies, 'copy').replace('copys', 'copies')} of ${counted(calls, 'call')}`;
    const least = expected * (1 - this.#missingMax) - chance;
    if (this.#copies > expected + chance || this.#copies < least) {
      const said = `${copies}, where the share makes it ${expected.toFixed(1)}.`;
      return verdictOf(this.#spec, 'violated', calls, said, new Evidence());
    }
    if (this.#share > 0 && least <= 0)
      return verdictOf(this.#spec, 'not exercised', 0, `${copies}: of so few there might be none.`);
    return verdictOf(this.#spec, 'holds', calls, `${copies}, and nothing else.`);
  }

  #stray(event: EventView, what: string): void {
    if (this.#strays.add(event.tNs, event.seq)) this.#strays.first = `${what}, at ${atTime(event.tNs)}`;
  }
}
