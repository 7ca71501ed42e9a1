/** pause: the process stands still (SIGSTOP) for a while; connections stay up, nothing answers. */
import { defineFault } from './definition.ts';
import { onlyKnown, positiveNs } from './params.ts';
import { becameState, feltAway } from './signs.ts';

const PAUSED = 1;
const FELT = 2;

export const pause = defineFault<{ forNs: number }>({
  kind: 'pause',
  impact: 'unavailable',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['for'], place);
    return { forNs: positiveNs(params, 'for', place, null) };
  },
  steps: ({ forNs }, { instance }) => [
    { afterNs: 0, control: { op: 'pause', instance } },
    { afterNs: forNs, control: { op: 'resume', instance }, heals: true },
  ],
  observed(event, { params, attemptNs }) {
    const felt = feltAway(event) || attemptNs >= params.forNs / 4;
    return (becameState(event, 'paused') ? PAUSED : 0) | (felt ? FELT : 0);
  },
  allSigns: PAUSED | FELT,
});
