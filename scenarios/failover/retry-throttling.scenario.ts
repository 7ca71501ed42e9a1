// Every instance answers UNAVAILABLE for a second: after a few failures the bucket is half empty and retries stop, until
// successes have filled it again. Rules: FO-10.
import { check, load, scenario } from 'meshwright';

export default scenario('failures throttle retries', {
  shows:
    'All instances fail for a second: the throttle stops the retries within a few calls, and successes bring them back.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.constant(5) } },
    sidecar: {
      retry: { attempts: 3, budget: 1, budgetMinConcurrent: 100, backoffBaseMs: 5 },
      retryThrottling: { maxTokens: 20, tokenRatio: 0.5 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 4_000 }),
  faults: (at) => [
    at('1s').failStatus('greeter/*', { status: 14, for: '1s' }),
    at('2.5s').failStatus('greeter/0', { status: 14, share: 0.3, for: '1s' }),
  ],
  checks: [
    check.retryThrottling(),
    check.retryAmplification({ max: 1.25 }),
    check.noLostRequests({ allowStatuses: [14] }),
  ],
});
