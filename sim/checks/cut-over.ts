/**
 * check.cutOver: a sidecar that is replaced, reloaded or drained loses no call. From the moment that its successor starts (or
 * that it begins to leave) until the one that leaves is gone, every call at that sidecar ends well; and it is gone in time.
 */
import { type EventView, Kind, SIDECAR_STATES } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { CallTable } from './call-table.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

/** `goneWithinMs`: from the first GOAWAY to the end of the one that leaves. `allowStatuses`: besides 0. */
export function cutOver(params: { goneWithinMs: number; allowStatuses?: readonly number[] }): CheckSpec {
  const withinNs = limit(params.goneWithinMs, 'goneWithinMs', 'cutOver', 1, 3_600_000) * 1e6;
  const allowed = [0, ...(params.allowStatuses ?? [])];
  for (const status of allowed) limit(status, 'allowStatuses', 'cutOver', 0, 999);
  const spec: CheckSpec = { name: 'cutOver', params, start: () => new CutOver(spec, withinNs, allowed) };
  return spec;
}

const [STARTING, SERVING, DRAINING, GONE, CRASHED] = SIDECAR_STATES.map((_state, code) => code);

/** One sidecar that is changing. */
interface Change {
  sidecar: number;
  /** When its machine began to leave, by machine. */
  leaving: Map<number, number>;
  /** Successors that are not serving yet. */
  coming: number;
}

class CutOver implements CheckRun {
  readonly kinds = [Kind.callStart, Kind.callEnd, Kind.sidecarState, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  readonly #allowed: readonly number[];
  readonly #open = new CallTable();
  readonly #changes = new Map<number, Change>();
  readonly #lost = new Evidence();
  readonly #late = new Evidence();
  #count = 0;
  /** Calls that were in flight when a machine began to leave. */
  #crossed = 0;
  #atNs = 0;

  constructor(spec: CheckSpec, withinNs: number, allowed: readonly number[]) {
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#allowed = allowed;
  }

  onEvent(event: EventView): void {
    this.#atNs = event.tNs;
    if (event.kind === Kind.callStart) {
      if (event.code === 1) return;
      const slot = this.#open.open(event.call, event.tNs);
      if (slot < 0) return;
      this.#open.note[slot] = event.sidecar;
      this.#open.mark[slot] = this.#changes.has(event.sidecar) ? 1 : 0;
    } else if (event.kind === Kind.callEnd) this.#end(event);
    else if (event.kind === Kind.sidecarState) this.#changed(event);
  }

  finish(): Verdict {
    for (const { sidecar, leaving } of this.#changes.values()) {
      for (const sinceNs of leaving.values()) this.#judgeEnd(sidecar, sinceNs, this.#atNs, -1);
    }
    const lost = this.#lost;
    const late = this.#late;
    const calls = `${counted(this.#crossed, 'call')} in flight`;
    if (lost.count > 0) {
      const said = `${counted(lost.count, 'call')} failed while a sidecar changed over; the first was ${lost.first}.`;
      return verdictOf(this.#spec, 'violated', this.#crossed, said, lost);
    }
    if (late.count > 0) return verdictOf(this.#spec, 'violated', this.#crossed, late.first, late);
    if (this.#crossed === 0) {
      const why =
        this.#count === 0
          ? 'No sidecar left.'
          : `No call was in flight at ${counted(this.#count, 'change')}.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const said = `${counted(this.#count, 'change')} with ${calls}: all of them, and those that came meanwhile, ended well.`;
    return verdictOf(this.#spec, 'holds', this.#crossed, said);
  }

  #end(event: EventView): void {
    const slot = this.#open.find(event.call);
    if (slot < 0) return;
    const inChange = this.#open.mark[slot] === 1;
    this.#open.close(slot);
    if (!inChange || this.#allowed.includes(event.code)) return;
    if (this.#lost.add(event.tNs, event.seq)) {
      this.#lost.first = `call ${event.call} at sidecar ${event.sidecar}, at ${atTime(event.tNs)} with status ${event.code}`;
    }
  }

  #changed(event: EventView): void {
    const { sidecar, code, detail: machine, tNs } = event;
    if (code === CRASHED) {
      // What a crash costs is another check's matter.
      this.#changes.delete(sidecar);
      this.#marks(sidecar, 0);
      return;
    }
    const change = this.#changes.get(sidecar) ?? { sidecar, leaving: new Map<number, number>(), coming: 0 };
    if (code === STARTING) change.coming++;
    else if (code === SERVING) change.coming = Math.max(0, change.coming - 1);
    else if (code === DRAINING) {
      change.leaving.set(machine, tNs);
      this.#count++;
    } else if (code === GONE) {
      const sinceNs = change.leaving.get(machine);
      if (sinceNs !== undefined) this.#judgeEnd(sidecar, sinceNs, tNs, event.seq);
      change.leaving.delete(machine);
    }
    const marked = this.#marks(sidecar, 1);
    if (code === DRAINING) this.#crossed += marked;
    // Serving comes before draining, in the same moment: only the end of one that leaves closes a change.
    if (code === GONE && change.coming === 0 && change.leaving.size === 0) this.#changes.delete(sidecar);
    else this.#changes.set(sidecar, change);
  }

  /** Marks all calls at the sidecar; how many there are. */
  #marks(sidecar: number, mark: number): number {
    let marked = 0;
    this.#open.each((_call, slot) => {
      if (this.#open.note[slot] !== sidecar) return;
      this.#open.mark[slot] = mark;
      marked++;
    });
    return marked;
  }

  #judgeEnd(sidecar: number, sinceNs: number, goneNs: number, seq: number): void {
    if (goneNs - sinceNs <= this.#withinNs) return;
    if (!this.#late.add(goneNs, seq)) return;
    const took = atTime(goneNs - sinceNs);
    const how = seq < 0 ? `was still there after ${took}` : `took ${took} to be gone`;
    this.#late.first = `Sidecar ${sidecar}, which began to leave at ${atTime(sinceNs)}, ${how}.`;
  }
}
