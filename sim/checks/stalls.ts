/**
 * Moments at which the judge's own clock stood still (real world). A deadline that was missed across one proves nothing
 * about the mesh: such a miss is put aside, and a check that has only those is inconclusive.
 */
import type { EventView } from '../journal/events.ts';

const STALLS_MAX = 1_000;

export class Stalls {
  readonly #gaps: { fromNs: number; toNs: number }[] = [];

  add(event: EventView): void {
    if (this.#gaps.length >= STALLS_MAX) return;
    this.#gaps.push({ fromNs: event.tNs - event.detail * 1e6, toNs: event.tNs });
  }

  /** The stall that overlaps [fromNs, toNs], in words; null when there is none. */
  within(fromNs: number, toNs: number): string | null {
    for (const gap of this.#gaps) {
      if (gap.fromNs > toNs || gap.toNs < fromNs) continue;
      const ms = Math.round((gap.toNs - gap.fromNs) / 1e6);
      return `the measuring process itself stood still for ${ms} ms until ${(gap.toNs / 1e9).toFixed(3)} s`;
    }
    return null;
  }
}
