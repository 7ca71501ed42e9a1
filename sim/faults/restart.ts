/** restart: drain, stop and start (a rolling update's step); with `graceful: false` kill and start. A dead one is started. */
import type { Step } from './controls.ts';
import { defineFault } from './definition.ts';
import { durationNs, flag, onlyKnown } from './params.ts';
import { becameState } from './signs.ts';

/** Between the word to discovery and the stop: time for every sidecar to see it. */
const DRAIN_NS = 300e6;
const DOWN_NS = 200e6;
/** Running instances take turns, so that a restart of all of them is a rolling one. */
const STAGGER_NS = 1_000e6;

export const restart = defineFault<{ graceful: boolean; downNs: number; staggerNs: number }>({
  kind: 'restart',
  impact: 'membership',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['graceful', 'down', 'stagger'], place);
    return {
      graceful: flag(params, 'graceful', place, true),
      downNs: durationNs(params, 'down', place, DOWN_NS),
      staggerNs: durationNs(params, 'stagger', place, STAGGER_NS),
    };
  },
  steps({ graceful, downNs, staggerNs }, { instance, dead, turn }) {
    if (dead) return [{ afterNs: 0, control: { op: 'start', instance }, heals: true }];
    const beginNs = turn * staggerNs;
    const stopNs = beginNs + (graceful ? DRAIN_NS : 0);
    const steps: Step[] = [];
    if (graceful) steps.push({ afterNs: beginNs, control: { op: 'member', instance, state: 'draining' } });
    steps.push({ afterNs: stopNs, control: { op: graceful ? 'stop' : 'kill', instance } });
    steps.push({ afterNs: stopNs + downNs, control: { op: 'start', instance }, heals: true });
    return steps;
  },
  observed: (event) => (becameState(event, 'ready') ? 1 : 0),
  allSigns: 1,
});
