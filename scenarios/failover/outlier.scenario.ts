// Two of six instances answer UNAVAILABLE to every call while their health checks stay green: outlier detection leaves them out,
// for longer each time, and never more than half. Rules: FO-22, FO-24, FO-25.
import { check, load, scenario } from 'meshwright';

export default scenario('instances that fail are ejected', {
  shows:
    'Two of six answer UNAVAILABLE though their health is good: they are left out, longer each time, and come back.',
  mesh: {
    services: { greeter: { instances: 6 } },
    sidecar: {
      retry: { attempts: 3, budget: 0.5, budgetMinConcurrent: 20, backoffBaseMs: 5 },
      outlier: {
        intervalMs: 200,
        baseEjectionMs: 400,
        maxEjectionMs: 1_200,
        maxEjectionPercent: 50,
        cap: 'envoy',
        consecutiveErrors: 3,
      },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 6_000 }),
  faults: (at) => [
    at('1s').failStatus('greeter/1', { status: 14, for: '2.5s' }),
    at('1.2s').failStatus('greeter/4', { status: 14, for: '1s' }),
  ],
  checks: [check.ejection({ maxShare: 0.5 }), check.noLostRequests(), check.retryAmplification({ max: 1.2 })],
});
