/** bandwidth: the network passes only so many octets per second to and from the instance. */
import { defineFault } from './definition.ts';
import { networkSteps } from './network.ts';
import { numberIn, onlyKnown, positiveNs } from './params.ts';
import { attemptCut } from './signs.ts';

/** No gRPC call is smaller: what it must at least cost on a line that slow. */
const CALL_OCTETS_MIN = 20;

export const bandwidth = defineFault<{ bytesPerSecond: number; forNs: number }>({
  kind: 'bandwidth',
  impact: 'degraded',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['bytesPerSecond', 'for'], place);
    const range = { min: 1, max: 1e12, whole: true, fallback: null };
    return {
      bytesPerSecond: numberIn(params, 'bytesPerSecond', place, range),
      forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY),
    };
  },
  steps: ({ bytesPerSecond, forNs }, site) =>
    networkSteps(site, { kind: 'bandwidth', bytesPerSecond }, forNs),
  observed(event, { params, attemptNs }) {
    const floorNs = (0.8 * CALL_OCTETS_MIN * 1e9) / params.bytesPerSecond;
    return attemptNs >= floorNs || attemptCut(event) ? 1 : 0;
  },
  allSigns: 1,
});
