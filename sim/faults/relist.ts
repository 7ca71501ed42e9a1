/**
 * relist: leaves discovery and is listed again, under the same address; the process is untouched. `after` 0: both in one instant. With
 * `cluster`: leaves that one of its clusters only.
 */
import { type EventView, Kind, MEMBER_STATES } from '../journal/events.ts';
import { defineFault } from './definition.ts';
import type { Step } from './controls.ts';
import { durationNs, onlyKnown, positiveNs, scenarioError, show } from './params.ts';
import { sidecarSaw } from './signs.ts';

const AFTER_NS = 50e6;
const LEFT = 1;
const BACK = 2;

export const relist = defineFault<{ afterNs: number; cluster: string | null }>({
  kind: 'relist',
  impact: 'membership',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['after', 'cluster'], place);
    const { cluster } = params;
    if (cluster === undefined)
      return { afterNs: durationNs(params, 'after', place, AFTER_NS), cluster: null };
    if (typeof cluster !== 'string')
      throw scenarioError(`'cluster' is ${show(cluster)}`, place, 'give the name of one of its clusters');
    return { afterNs: positiveNs(params, 'after', place, AFTER_NS), cluster };
  },
  steps({ afterNs, cluster }, { instance }): Step[] {
    if (cluster !== null)
      return [
        { afterNs: 0, control: { op: 'list', instance, cluster, listed: false } },
        { afterNs, control: { op: 'list', instance, cluster, listed: true }, heals: true },
      ];
    return [
      { afterNs: 0, control: { op: 'member', instance, state: 'removed' } },
      { afterNs, control: { op: 'member', instance, state: 'active' }, heals: true },
    ];
  },
  observed(event, { params: { cluster } }) {
    const left = cluster === null ? became(event, 'removed') : sidecarSaw(event, ['removed']);
    const back = cluster === null ? became(event, 'active') : sidecarSaw(event, ['added']);
    return (left ? LEFT : 0) | (back ? BACK : 0);
  },
  allSigns: LEFT | BACK,
});

function became(event: EventView, state: (typeof MEMBER_STATES)[number]): boolean {
  return event.kind === Kind.memberState && MEMBER_STATES[event.code] === state;
}
