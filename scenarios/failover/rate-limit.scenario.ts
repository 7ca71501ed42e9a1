// Twice as many calls come as the sidecar may pass on: the rest is refused at once with RESOURCE_EXHAUSTED.
// Rules: OV-06, OV-08.
import { check, load, scenario } from 'meshwright';

export default scenario('a rate limit', {
  shows:
    'At 200 calls a second with a limit of 100 half of them pass, after a burst of 20; the others are refused at once.',
  mesh: {
    services: { greeter: { instances: 3 } },
    sidecar: { rateLimit: { perSecond: 100, burst: 20 } },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 3_000 }),
  checks: [check.rateLimit(), check.noLostRequests({ allowStatuses: [8] })],
});
