/**
 * check.crashSeen: a sidecar that dies is seen at once, and comes back. Calls in flight at it, and calls made while it is
 * away, end within a bound in UNAVAILABLE (or well, where the answer was on its way) and never hang; from a bound after its
 * return on, calls end well again.
 */
import { type EventView, Kind, SIDECAR_STATES } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { CallTable } from './call-table.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

/** `withinMs`: from the crash, or from the call's begin, to its end. `backWithinMs`: from the sidecar's return to calls that end well. */
export function crashSeen(params: { withinMs: number; backWithinMs: number }): CheckSpec {
  const withinNs = limit(params.withinMs, 'withinMs', 'crashSeen', 0, 3_600_000) * 1e6;
  const backNs = limit(params.backWithinMs, 'backWithinMs', 'crashSeen', 0, 3_600_000) * 1e6;
  const spec: CheckSpec = { name: 'crashSeen', params, start: () => new CrashSeen(spec, withinNs, backNs) };
  return spec;
}

const SERVING = SIDECAR_STATES.indexOf('serving');
const CRASHED = SIDECAR_STATES.indexOf('crashed');
const UNAVAILABLE = 14;
/** Marks of a call: at its sidecar's crash, made while that was away, made when it should have been back for long. */
const CUT = 1;
const AWAY = 2;
const BACK = 3;

class CrashSeen implements CheckRun {
  readonly kinds = [Kind.callStart, Kind.callEnd, Kind.sidecarState, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  readonly #backNs: number;
  readonly #open = new CallTable();
  readonly #broken = new Evidence();
  /** By sidecar: when it crashed, while it is away; and since when it serves again. */
  readonly #awayNs = new Map<number, number>();
  readonly #returnedNs = new Map<number, number>();
  #crashes = 0;
  #cut = 0;
  #away = 0;
  #slowestNs = 0;
  #atNs = 0;

  constructor(spec: CheckSpec, withinNs: number, backNs: number) {
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#backNs = backNs;
  }

  onEvent(event: EventView): void {
    this.#atNs = event.tNs;
    if (event.kind === Kind.callStart) this.#begin(event);
    else if (event.kind === Kind.callEnd) this.#end(event);
    else if (event.kind === Kind.sidecarState) this.#changed(event);
  }

  finish(): Verdict {
    this.#open.each((call, slot) => {
      const sinceNs = this.#open.startNs[slot] as number;
      const mark = this.#open.mark[slot];
      if ((mark !== CUT && mark !== AWAY) || this.#atNs - sinceNs <= this.#withinNs) return;
      this.#blame(this.#atNs, -1, `call ${call} hung: it never ended`);
    });
    for (const [sidecar, sinceNs] of this.#awayNs) {
      this.#blame(sinceNs, -1, `sidecar ${sidecar}, which crashed at ${atTime(sinceNs)}, never came back`);
    }
    const struck = this.#cut + this.#away;
    if (this.#broken.count > 0) {
      const said = `${counted(this.#broken.count, 'violation')}; the first: ${this.#broken.first}.`;
      return verdictOf(this.#spec, 'violated', struck, said, this.#broken);
    }
    if (struck === 0) {
      const why =
        this.#crashes === 0
          ? 'No sidecar crashed.'
          : 'No call was in flight at a sidecar that crashed, or made meanwhile.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const calls = `${counted(this.#cut, 'call')} in flight and ${this.#away} made meanwhile`;
    const crashes = this.#crashes === 1 ? '1 crash' : `${this.#crashes} crashes`;
    const said = `${crashes} with ${calls}: each ended within ${atTime(this.#slowestNs)}.`;
    return verdictOf(this.#spec, 'holds', struck, said);
  }

  #begin({ call, tNs, sidecar, code }: EventView): void {
    if (code === 1) return;
    const slot = this.#open.open(call, tNs);
    if (slot < 0) return;
    this.#open.note[slot] = sidecar;
    const returnedNs = this.#returnedNs.get(sidecar);
    if (this.#awayNs.has(sidecar)) {
      this.#open.mark[slot] = AWAY;
      this.#away++;
    } else if (returnedNs !== undefined && tNs > returnedNs + this.#backNs) this.#open.mark[slot] = BACK;
  }

  #end({ call, tNs, code, seq, sidecar }: EventView): void {
    const slot = this.#open.find(call);
    if (slot < 0) return;
    const mark = this.#open.mark[slot] as number;
    const tookNs = tNs - (this.#open.startNs[slot] as number);
    this.#open.close(slot);
    if (mark === 0) return;
    if (mark === BACK) {
      if (code === 0) return;
      return this.#blame(
        tNs,
        seq,
        `call ${call} failed with status ${code} although sidecar ${sidecar} was back for long`,
      );
    }
    this.#slowestNs = Math.max(this.#slowestNs, tookNs);
    const since = mark === CUT ? 'the crash' : 'its begin, while the sidecar was away';
    if (tookNs > this.#withinNs) this.#blame(tNs, seq, `call ${call} ended ${atTime(tookNs)} after ${since}`);
    else if (code !== 0 && code !== UNAVAILABLE) {
      this.#blame(tNs, seq, `call ${call} ended with status ${code} and not UNAVAILABLE after ${since}`);
    }
  }

  #changed({ sidecar, code, tNs }: EventView): void {
    if (code === SERVING && this.#awayNs.delete(sidecar)) this.#returnedNs.set(sidecar, tNs);
    if (code !== CRASHED) return;
    this.#crashes++;
    this.#awayNs.set(sidecar, tNs);
    this.#returnedNs.delete(sidecar);
    this.#open.each((_call, slot) => {
      if (this.#open.note[slot] !== sidecar) return;
      this.#open.mark[slot] = CUT;
      // From now on its time counts.
      this.#open.startNs[slot] = tNs;
      this.#cut++;
    });
  }

  #blame(atNs: number, seq: number, what: string): void {
    if (this.#broken.add(atNs, seq)) this.#broken.first = `${what}, at ${atTime(atNs)}`;
  }
}
