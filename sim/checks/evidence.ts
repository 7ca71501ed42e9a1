/** What a check collects while it runs, and the verdict it makes of it. */
import type { Outcome, Verdict } from '../spec/check.ts';

const SEQS_MAX = 20;

/** Violations seen so far: how many, when the first was, and the events that show them. */
export class Evidence {
  count = 0;
  firstAtNs = -1;
  /** Says what the first violation was; set by the check with it. */
  first = '';
  readonly seqs: number[] = [];

  /** True for the first violation: only then is it worth making words. */
  add(atNs: number, ...seqs: readonly number[]): boolean {
    this.count += 1;
    for (const seq of seqs) if (seq >= 0 && this.seqs.length < SEQS_MAX) this.seqs.push(seq);
    if (this.count > 1) return false;
    this.firstAtNs = atNs;
    return true;
  }
}

/** A verdict; `evidence` null where nothing was broken. */
export function verdictOf(
  spec: { name: string; params: Readonly<Record<string, unknown>> },
  outcome: Outcome,
  exercised: number,
  explanation: string,
  evidence: Evidence | null = null,
): Verdict {
  return {
    check: spec.name,
    params: spec.params,
    outcome,
    exercised,
    explanation,
    firstAtMs: evidence === null || evidence.firstAtNs < 0 ? null : evidence.firstAtNs / 1e6,
    evidence: evidence === null ? [] : evidence.seqs,
  };
}

/** '1 call', '2 calls'. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Nanoseconds as people read them: '2.350 s', '12.5 ms'. */
export function atTime(ns: number): string {
  return ns >= 1e9 ? `${(ns / 1e9).toFixed(3)} s` : `${(ns / 1e6).toFixed(1)} ms`;
}
