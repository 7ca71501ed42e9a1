/**
 * Sidecars of which another machine took over, as in a restart or after a crash. It begins anew where the one before is in the midst of its turns,
 * tokens and attempts, and for a time both speak: whoever replays one machine cannot tell what holds for it from then on.
 */
import { type EventView, Kind, SIDECAR_STATES } from '../journal/events.ts';

const STARTING = SIDECAR_STATES.indexOf('starting');

export class Replaced {
  readonly #sidecars = new Set<number>();

  /** Takes every event of `Kind.sidecarState`; true when this one is not to be judged. */
  covers({ kind, code, sidecar }: EventView): boolean {
    if (kind !== Kind.sidecarState) return this.#sidecars.has(sidecar);
    if (code === STARTING) this.#sidecars.add(sidecar);
    return true;
  }
}
