/**
 * check.noCallsToDeparted (DC-01, DC-04): once `withinMs` have passed since discovery listed an instance as removed or draining,
 * no sidecar sends it an attempt, first or later, until discovery lists it as active again.
 */
import { type EventView, Kind, MEMBER_STATES } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Stalls } from './stalls.ts';

const ACTIVE = MEMBER_STATES.indexOf('active');
const LATE_MAX = 10_000;

export function noCallsToDeparted(params: { withinMs: number }): CheckSpec {
  const withinMs = limit(params?.withinMs, 'withinMs', 'noCallsToDeparted', 0, 3_600_000);
  const spec: CheckSpec = {
    name: 'noCallsToDeparted',
    params: { withinMs },
    start: (context) => new NoCallsToDeparted(spec, withinMs * 1e6, context),
  };
  return spec;
}

class NoCallsToDeparted implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.memberState, Kind.stall];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  readonly #context: CheckContext;
  /** By instance: since when it is gone; -1: it is not. And how the journal says so. */
  readonly #goneNs: Float64Array;
  readonly #goneSeq: Float64Array;
  readonly #stalls = new Stalls();
  readonly #late: {
    instance: number;
    sidecar: number;
    goneNs: number;
    atNs: number;
    goneSeq: number;
    seq: number;
  }[] = [];
  /** Departures, and when the last of them had its time. */
  #departures = 0;
  readonly #due: number[] = [];
  #judged = 0;

  constructor(spec: CheckSpec, withinNs: number, context: CheckContext) {
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#context = context;
    this.#goneNs = new Float64Array(context.instanceNames.length).fill(-1);
    this.#goneSeq = new Float64Array(context.instanceNames.length);
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.stall) this.#stalls.add(event);
    else if (event.kind === Kind.memberState) this.#changed(event);
    else this.#sent(event);
  }

  finish(): Verdict {
    const within = `${this.#withinNs / 1e6} ms`;
    const broken = new Evidence();
    let excused: string | null = null;
    for (const { instance, sidecar, goneNs, atNs, goneSeq, seq } of this.#late) {
      const stall = this.#stalls.within(goneNs, atNs);
      if (stall !== null) excused ??= stall;
      else if (broken.add(atNs, goneSeq, seq)) {
        const name = this.#context.instanceNames[instance] ?? String(instance);
        broken.first = `Sidecar ${sidecar} sent an attempt to ${name} at ${atTime(atNs)}, ${Math.round((atNs - goneNs) / 1e6)} ms after it had left discovery; ${within} were allowed.`;
      }
    }
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` ${broken.count} attempts went so.` : '';
      return verdictOf(this.#spec, 'violated', this.#judged, broken.first + more, broken);
    }
    if (excused !== null)
      return verdictOf(
        this.#spec,
        'inconclusive',
        this.#judged,
        `An attempt went to an instance that had left, but ${excused}, so the run cannot tell.`,
      );
    if (this.#judged === 0) {
      const why =
        this.#departures === 0
          ? 'No instance left discovery.'
          : `${counted(this.#departures, 'instance')} left discovery, but no call came ${within} later.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const said = `${counted(this.#judged, 'departure')}: no attempt went to an instance that had left ${within} before.`;
    return verdictOf(this.#spec, 'holds', this.#judged, said);
  }

  #changed({ instance, code, tNs, seq }: EventView): void {
    if (code === ACTIVE) {
      this.#goneNs[instance] = -1;
      return;
    }
    // Removed after draining: it left when it began to drain.
    if ((this.#goneNs[instance] as number) >= 0) return;
    this.#goneNs[instance] = tNs;
    this.#goneSeq[instance] = seq;
    this.#departures += 1;
    this.#due.push(tNs + this.#withinNs);
  }

  #sent({ instance, sidecar, tNs, seq }: EventView): void {
    // A call after the time given: from now on that departure is judged.
    while (this.#due.length > 0 && tNs > (this.#due[0] as number)) {
      this.#due.shift();
      this.#judged += 1;
    }
    const goneNs = this.#goneNs[instance] ?? -1;
    if (goneNs < 0 || tNs <= goneNs + this.#withinNs || this.#late.length >= LATE_MAX) return;
    this.#late.push({
      instance,
      sidecar,
      goneNs,
      atNs: tNs,
      goneSeq: this.#goneSeq[instance] as number,
      seq,
    });
  }
}
