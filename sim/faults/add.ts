/** add: new instances start and, when ready, register with discovery. Its target is a service. */
import { Kind } from '../journal/events.ts';
import { defineFault } from './definition.ts';
import { numberIn, onlyKnown } from './params.ts';

export const add = defineFault<{ count: number }>({
  kind: 'add',
  impact: 'membership',
  on: 'service',
  parse(params, place) {
    onlyKnown(params, ['count'], place);
    return { count: numberIn(params, 'count', place, { min: 1, max: 10_000, whole: true, fallback: 1 }) };
  },
  steps: (_params, { instance }) => [{ afterNs: 0, control: { op: 'start', instance }, heals: true }],
  observed: (event) => (event.kind === Kind.attemptArrived || event.kind === Kind.attemptSent ? 1 : 0),
  allSigns: 1,
});
