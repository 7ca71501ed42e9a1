/** check.noLostRequests: every call through the mesh gets an answer, and the answer is OK (or a status that is allowed). */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { CallTable } from './call-table.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

/** `allowStatuses`: grpc-status numbers that do not count as lost, besides 0. */
export function noLostRequests(params: { allowStatuses?: readonly number[] } = {}): CheckSpec {
  const allowed = [0, ...(params.allowStatuses ?? [])];
  for (const status of allowed) limit(status, 'allowStatuses', 'noLostRequests', 0, 999);
  const spec: CheckSpec = { name: 'noLostRequests', params, start: () => new NoLostRequests(spec, allowed) };
  return spec;
}

class NoLostRequests implements CheckRun {
  readonly kinds = [Kind.callStart, Kind.callEnd];
  readonly #spec: CheckSpec;
  readonly #allowed: readonly number[];
  readonly #open = new CallTable();
  readonly #failed = new Evidence();
  /** Calls that ended with each allowed status other than OK. */
  readonly #excused = new Map<number, number>();
  #calls = 0;

  constructor(spec: CheckSpec, allowed: readonly number[]) {
    this.#spec = spec;
    this.#allowed = allowed;
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.callStart) {
      if (event.code === 1) return; // past the mesh
      this.#calls += 1;
      const slot = this.#open.open(event.call, event.tNs);
      if (slot >= 0) this.#open.note[slot] = event.seq;
      return;
    }
    const slot = this.#open.find(event.call);
    if (slot < 0) return;
    const startSeq = this.#open.note[slot] as number;
    this.#open.close(slot);
    if (event.code === 0) return;
    if (this.#allowed.includes(event.code)) {
      this.#excused.set(event.code, (this.#excused.get(event.code) ?? 0) + 1);
      return;
    }
    if (this.#failed.add(event.tNs, startSeq, event.seq)) {
      this.#failed.first = `call ${event.call} at ${atTime(event.tNs)} with status ${event.code}`;
    }
  }

  finish(): Verdict {
    const failed = this.#failed;
    const unanswered = this.#open.size;
    if (this.#calls === 0) return verdictOf(this.#spec, 'not exercised', 0, 'No call went through the mesh.');
    if (failed.count + unanswered === 0) {
      return verdictOf(this.#spec, 'holds', this.#calls, this.#allAnswered());
    }
    const said: string[] = [];
    if (failed.count > 0) {
      said.push(`${failed.count} of ${counted(this.#calls, 'call')} failed; the first was ${failed.first}.`);
    }
    if (unanswered > 0) {
      let firstNs = Number.POSITIVE_INFINITY;
      this.#open.each((_call, slot) => {
        firstNs = Math.min(firstNs, this.#open.startNs[slot] as number);
        failed.add(firstNs, this.#open.note[slot] as number);
      });
      if (said.length === 0) failed.firstAtNs = firstNs;
      const began = `the first of them began at ${atTime(firstNs)}`;
      said.push(`${unanswered} of ${counted(this.#calls, 'call')} never got an answer; ${began}.`);
    }
    return verdictOf(this.#spec, 'violated', this.#calls, said.join(' '), failed);
  }

  /** '784 calls: 603 OK, 181 with an allowed status (14).' */
  #allAnswered(): string {
    if (this.#excused.size === 0) return `All ${counted(this.#calls, 'call')} were answered OK.`;
    let excused = 0;
    for (const count of this.#excused.values()) excused += count;
    const statuses = [...this.#excused.keys()].sort((a, b) => a - b).join(', ');
    const split = `${this.#calls - excused} OK, ${excused} with an allowed status (${statuses})`;
    return `All ${counted(this.#calls, 'call')} were answered: ${split}.`;
  }
}
