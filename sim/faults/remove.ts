/** remove: leaves discovery, then stops once the sidecars had time to see it (scale-in). */
import { defineFault } from './definition.ts';
import { onlyKnown } from './params.ts';
import { sidecarSaw } from './signs.ts';

const STOP_AFTER_NS = 300e6;

export const remove = defineFault<null>({
  kind: 'remove',
  impact: 'membership',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, [], place);
    return null;
  },
  steps: (_params, { instance }) => [
    { afterNs: 0, control: { op: 'member', instance, state: 'removed' } },
    { afterNs: STOP_AFTER_NS, control: { op: 'stop', instance }, heals: true },
  ],
  observed: (event) => (sidecarSaw(event, ['removed']) ? 1 : 0),
  allSigns: 1,
});
