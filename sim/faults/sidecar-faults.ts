/**
 * What is done to sidecars: drain, reload of the configuration, hot restart (a new process takes the port over), crash.
 * The journal shows each by what the sidecar became.
 */
import { type EventView, Kind, SIDECAR_STATES } from '../journal/events.ts';
import type { SidecarAct, Step } from './controls.ts';
import { defineFault, type FaultDefinition, type FaultSite } from './definition.ts';
import { durationNs, onlyKnown } from './params.ts';

const STAGGER_NS = 500e6;
const DOWN_NS = 300e6;
const FIRST = 1;
const SECOND = 2;

/** Not ready any more, told to callers by GOAWAY; it finishes its calls and is gone for the rest of the run. */
export const drainSidecar = plain('drain', ['draining', 'gone']);
/** Reads its configuration again: new callers get a new machine, the one before finishes its calls. */
export const reloadSidecar = plain('reload', ['serving', 'gone']);

/** A new process takes the port over; the one before finishes its calls and ends. Several take turns. */
export const hotRestartSidecar = defineFault<{ staggerNs: number }>({
  kind: 'sidecar.hotRestart',
  impact: 'membership',
  on: 'sidecar',
  parse(params, place) {
    onlyKnown(params, ['stagger'], place);
    return { staggerNs: durationNs(params, 'stagger', place, STAGGER_NS) };
  },
  steps: ({ staggerNs }, site) => [step(site, 'hotRestart', site.turn * staggerNs, true)],
  observed: (event) => signs(event, ['serving', 'gone']),
  allSigns: FIRST | SECOND,
});

/** The process dies at once (SIGKILL), and comes back on the same port after `down`. */
export const crashSidecar = defineFault<{ downNs: number }>({
  kind: 'sidecar.crash',
  impact: 'unavailable',
  on: 'sidecar',
  parse(params, place) {
    onlyKnown(params, ['down'], place);
    return { downNs: durationNs(params, 'down', place, DOWN_NS) };
  },
  steps: ({ downNs }, site) => [step(site, 'crash', 0, false), step(site, 'start', downNs, true)],
  observed: (event) => signs(event, ['crashed', 'serving']),
  allSigns: FIRST | SECOND,
});

type State = (typeof SIDECAR_STATES)[number];

function plain(act: SidecarAct, states: readonly [State, State]): FaultDefinition {
  return defineFault<null>({
    kind: `sidecar.${act}`,
    impact: 'membership',
    on: 'sidecar',
    parse(params, place) {
      onlyKnown(params, [], place);
      return null;
    },
    steps: (_params, site) => [step(site, act, 0, true)],
    observed: (event) => signs(event, states),
    allSigns: FIRST | SECOND,
  });
}

function step({ sidecar }: FaultSite, act: SidecarAct, afterNs: number, heals: boolean): Step {
  return { afterNs, control: { op: 'sidecar', instance: -1, sidecar, act }, heals };
}

function signs(event: EventView, [first, second]: readonly [State, State]): number {
  if (event.kind !== Kind.sidecarState) return 0;
  const state = SIDECAR_STATES[event.code];
  return (state === first ? FIRST : 0) | (state === second ? SECOND : 0);
}
