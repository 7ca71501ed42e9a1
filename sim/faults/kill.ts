/** kill: the process dies at once (SIGKILL) and its connections break; a restart brings it back. */
import { defineFault } from './definition.ts';
import { onlyKnown } from './params.ts';
import { becameState, feltAway } from './signs.ts';

const DEAD = 1;
const FELT = 2;

export const kill = defineFault<null>({
  kind: 'kill',
  impact: 'unavailable',
  on: 'instance',
  healedByStart: true,
  parse(params, place) {
    onlyKnown(params, [], place);
    return null;
  },
  steps: (_params, { instance }) => [{ afterNs: 0, control: { op: 'kill', instance } }],
  observed: (event) => (becameState(event, 'dead') ? DEAD : 0) | (feltAway(event) ? FELT : 0),
  allSigns: DEAD | FELT,
});
