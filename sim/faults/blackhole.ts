/** blackhole: requests reach the instance, its answers vanish; connections stay up until it is lifted. */
import { defineFault } from './definition.ts';
import { networkSteps } from './network.ts';
import { onlyKnown, positiveNs } from './params.ts';
import { feltAway } from './signs.ts';

export const blackhole = defineFault<{ forNs: number }>({
  kind: 'blackhole',
  impact: 'unavailable',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['for'], place);
    return { forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY) };
  },
  steps: ({ forNs }, site) => networkSteps(site, { kind: 'blackhole' }, forNs),
  observed: (event) => (feltAway(event) ? 1 : 0),
  allSigns: 1,
});
