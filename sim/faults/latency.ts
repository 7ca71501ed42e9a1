/** latency: the network adds a delay to everything the instance answers. */
import { ATTEMPT_ENDS, Kind } from '../journal/events.ts';
import { defineFault } from './definition.ts';
import { networkSteps } from './network.ts';
import { onlyKnown, positiveNs } from './params.ts';

const CANCELLED = ATTEMPT_ENDS.indexOf('cancelled');
const TIMED_OUT = [ATTEMPT_ENDS.indexOf('per_try_timeout'), ATTEMPT_ENDS.indexOf('deadline')];

export const latency = defineFault<{ addNs: number; forNs: number }>({
  kind: 'latency',
  impact: 'degraded',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['add', 'for'], place);
    const addNs = positiveNs(params, 'add', place, null);
    return { addNs, forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY) };
  },
  steps: ({ addNs, forNs }, site) => networkSteps(site, { kind: 'latency', latencyMs: addNs / 1e6 }, forNs),
  observed(event, { params, attemptNs }) {
    const timedOut = event.kind === Kind.attemptEnded && TIMED_OUT.includes(event.detail);
    // A hedge was quicker: the attempt was given up while it was waited for.
    const givenUp = event.kind === Kind.attemptEnded && event.detail === CANCELLED;
    return timedOut || attemptNs >= (givenUp ? 0.1 : 0.8) * params.addNs ? 1 : 0;
  },
  allSigns: 1,
});
