// Where retries make things worse: the budget must keep the storm small.
import { check, load, scenario } from 'meshwright';

export default scenario('a retry storm held by the budget', {
  shows: 'Every instance answers UNAVAILABLE for a second: the retry budget keeps the extra load small.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.constant(20) } },
    sidecar: {
      retry: { attempts: 4, budget: 0.2, budgetMinConcurrent: 1, backoffBaseMs: 20, backoffMaxMs: 80 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 4_000 }),
  faults: (at) => [at('1s').failStatus('greeter/*', { status: 14, for: '1s' })],
  checks: [
    check.retryAmplification({ max: 1.5, windowMs: 500 }),
    check.noLostRequests({ allowStatuses: [14] }),
    check.roundRobin({ spreadMax: 1 }),
  ],
});
