/** relist: leaves discovery and is listed again, under the same address; the process is untouched. `after` 0: both in one instant. */
import { type EventView, Kind, MEMBER_STATES } from '../journal/events.ts';
import { defineFault } from './definition.ts';
import { durationNs, onlyKnown } from './params.ts';

const AFTER_NS = 50e6;
const LEFT = 1;
const BACK = 2;

export const relist = defineFault<{ afterNs: number }>({
  kind: 'relist',
  impact: 'membership',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['after'], place);
    return { afterNs: durationNs(params, 'after', place, AFTER_NS) };
  },
  steps: ({ afterNs }, { instance }) => [
    { afterNs: 0, control: { op: 'member', instance, state: 'removed' } },
    { afterNs, control: { op: 'member', instance, state: 'active' }, heals: true },
  ],
  observed: (event) => (became(event, 'removed') ? LEFT : 0) | (became(event, 'active') ? BACK : 0),
  allSigns: LEFT | BACK,
});

function became(event: EventView, state: (typeof MEMBER_STATES)[number]): boolean {
  return event.kind === Kind.memberState && MEMBER_STATES[event.code] === state;
}
