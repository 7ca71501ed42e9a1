/** resetConnections: every connection to the instance is reset once (RST); the instance itself is well. */
import { defineFault } from './definition.ts';
import { onlyKnown } from './params.ts';
import { attemptCut, sidecarSaw } from './signs.ts';

export const resetConnections = defineFault<null>({
  kind: 'resetConnections',
  impact: 'degraded',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, [], place);
    return null;
  },
  steps: (_params, { instance }) => [
    { afterNs: 0, control: { op: 'resetConnections', instance }, heals: true },
  ],
  observed: (event) => (attemptCut(event) || sidecarSaw(event, ['disconnected']) ? 1 : 0),
  allSigns: 1,
});
