/** partition: nothing passes between the sidecars and the instance, and no new connection comes up. */
import { defineFault } from './definition.ts';
import { networkSteps } from './network.ts';
import { onlyKnown, positiveNs } from './params.ts';
import { feltAway } from './signs.ts';

export const partition = defineFault<{ forNs: number }>({
  kind: 'partition',
  impact: 'unavailable',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['for'], place);
    return { forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY) };
  },
  steps: ({ forNs }, site) => networkSteps(site, { kind: 'partition' }, forNs),
  observed: (event) => (feltAway(event) ? 1 : 0),
  allSigns: 1,
});
