// The headline: processes die under load and no caller notices.
import { check, load, scenario } from 'meshwright';

export default scenario('two of five instances die, nobody notices', {
  shows: 'Two of five processes are killed under load: retries and health checks keep every caller served.',
  mesh: {
    services: { greeter: { instances: 5, latency: load.lognormal({ medianMs: 60, p99Ms: 150 }) } },
    sidecar: {
      health: { intervalMs: 200, timeoutMs: 500 },
      retry: { attempts: 3, budget: 0.8, budgetMinConcurrent: 50 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 5_000 }),
  faults: (at) => [
    at('1s').kill('greeter/1'),
    at('1.3s').kill('greeter/3'),
    at('2s').restart('greeter/1'),
    at('2s').restart('greeter/3'),
  ],
  checks: [
    check.roundRobin({ spreadMax: 1 }),
    check.failover({ withinMs: 500 }),
    check.noLostRequests({ exceptCommitted: true }),
    check.retryAmplification({ max: 1.2 }),
    check.recovery({ withinMs: 1_500 }),
  ],
});
