/** check.noLostRequests: every call through the mesh gets an answer, and the answer is OK (or a status that is allowed). */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { CallTable } from './call-table.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

/**
 * `allowStatuses`: grpc-status numbers that do not count as lost, besides 0. `exceptCommitted`: a call that broke after its
 * response headers had reached the caller does not count either, for no proxy may send it again (gRFC A6); for scenarios
 * that kill processes, which may strike between an instance's headers and its trailers.
 */
export function noLostRequests(
  params: { allowStatuses?: readonly number[]; exceptCommitted?: boolean } = {},
): CheckSpec {
  const allowed = [0, ...(params.allowStatuses ?? [])];
  for (const status of allowed) limit(status, 'allowStatuses', 'noLostRequests', 0, 999);
  const except = params.exceptCommitted ?? false;
  const spec: CheckSpec = {
    name: 'noLostRequests',
    params,
    start: () => new NoLostRequests(spec, allowed, except),
  };
  return spec;
}

class NoLostRequests implements CheckRun {
  readonly kinds: readonly Kind[];
  readonly #spec: CheckSpec;
  readonly #allowed: readonly number[];
  readonly #open = new CallTable();
  readonly #failed = new Evidence();
  /** Calls that ended with each allowed status other than OK. */
  readonly #excused = new Map<number, number>();
  #calls = 0;
  /** Calls that broke after their response headers, where these are excepted. */
  #cut = 0;

  constructor(spec: CheckSpec, allowed: readonly number[], exceptCommitted: boolean) {
    this.#spec = spec;
    this.#allowed = allowed;
    this.kinds = exceptCommitted
      ? [Kind.callStart, Kind.callEnd, Kind.responseStarted]
      : [Kind.callStart, Kind.callEnd];
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
    if (event.kind === Kind.responseStarted) {
      this.#open.mark[slot] = 1;
      return;
    }
    const startSeq = this.#open.note[slot] as number;
    const isCommitted = this.#open.mark[slot] === 1;
    this.#open.close(slot);
    if (event.code === 0) return;
    if (this.#allowed.includes(event.code)) {
      this.#excused.set(event.code, (this.#excused.get(event.code) ?? 0) + 1);
      return;
    }
    if (isCommitted) {
      this.#cut += 1;
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
    let excused = 0;
    for (const count of this.#excused.values()) excused += count;
    const rest: string[] = [];
    if (excused > 0) {
      const statuses = [...this.#excused.keys()].sort((a, b) => a - b).join(', ');
      rest.push(`${excused} with an allowed status (${statuses})`);
    }
    if (this.#cut > 0)
      rest.push(`${this.#cut} cut after the response had begun, which no proxy may send again`);
    if (rest.length === 0) return `All ${counted(this.#calls, 'call')} were answered OK.`;
    const split = [`${this.#calls - excused - this.#cut} OK`, ...rest].join(', ');
    return `All ${counted(this.#calls, 'call')} were answered: ${split}.`;
  }
}
