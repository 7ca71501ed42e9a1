/**
 * Moments at which a measuring process of the real world stood still for long (a stopped process, a suspended machine).
 * The load was not what the scenario asks for, nor were faults on time: whatever else is found, such a run cannot tell.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { Verdict } from '../spec/check.ts';
import { verdictOf } from '../checks/evidence.ts';

/** Shorter ones only put timed checks in doubt, where they matter to them. */
const GAP_MS = 1_000;
const LOAD_BEGINS = 0;
const LOAD_ENDS = 1;

export class Gaps {
  readonly kinds = [Kind.stall, Kind.phase];
  readonly #gaps: { fromNs: number; toNs: number; seq: number }[] = [];
  #loadFromNs = Number.POSITIVE_INFINITY;
  #loadToNs = Number.POSITIVE_INFINITY;

  onEvent({ kind, tNs, code, detail, seq }: EventView): void {
    if (kind === Kind.phase) {
      if (code === LOAD_BEGINS) this.#loadFromNs = Math.min(this.#loadFromNs, tNs);
      else if (code === LOAD_ENDS) this.#loadToNs = tNs;
    } else if (detail >= GAP_MS && this.#gaps.length < 1_000) {
      this.#gaps.push({ fromNs: tNs - detail * 1e6, toNs: tNs, seq });
    }
  }

  /** Inconclusive with the longest gap named; null when there was none while there was load. */
  verdict(): Verdict | null {
    const inLoad = this.#gaps.filter(
      ({ fromNs, toNs }) => toNs > this.#loadFromNs && fromNs < this.#loadToNs,
    );
    const longest = inLoad.reduce(
      (a, b) => (b.toNs - b.fromNs > a.toNs - a.fromNs ? b : a),
      inLoad[0] ?? NONE,
    );
    if (inLoad.length === 0) return null;
    const ms = Math.round((longest.toNs - longest.fromNs) / 1e6);
    const said = `The measuring process itself stood still for ${ms} ms until ${(longest.toNs / 1e9).toFixed(3)} s, so neither the load nor the faults came as planned.`;
    const verdict = verdictOf({ name: 'clock', params: {} }, 'inconclusive', inLoad.length, said);
    return {
      ...verdict,
      firstAtMs: longest.fromNs / 1e6,
      evidence: inLoad.slice(0, 10).map(({ seq }) => seq),
    };
  }
}

const NONE = { fromNs: 0, toNs: 0, seq: -1 };
