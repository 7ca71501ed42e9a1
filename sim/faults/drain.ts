/** drain: marked draining in discovery, finishes its calls, stops, and leaves discovery. */
import { defineFault } from './definition.ts';
import { onlyKnown } from './params.ts';
import { sidecarSaw } from './signs.ts';

const STOP_AFTER_NS = 500e6;
const GONE_AFTER_NS = 600e6;

export const drain = defineFault<null>({
  kind: 'drain',
  impact: 'membership',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, [], place);
    return null;
  },
  steps: (_params, { instance }) => [
    { afterNs: 0, control: { op: 'member', instance, state: 'draining' } },
    { afterNs: STOP_AFTER_NS, control: { op: 'stop', instance } },
    { afterNs: GONE_AFTER_NS, control: { op: 'member', instance, state: 'removed' }, heals: true },
  ],
  observed: (event) => (sidecarSaw(event, ['draining', 'removed']) ? 1 : 0),
  allSigns: 1,
});
