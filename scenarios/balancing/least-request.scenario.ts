// A slow instance under least request: the power of two choices sees that it is busy and leaves it alone.
import { check, load, scenario } from 'meshwright';

export default scenario('least request beside a slow instance', {
  shows:
    'One of four answers 400 ms late: least request gives it a few calls where round robin would give it a quarter.',
  mesh: {
    services: { greeter: { instances: 4, latency: load.lognormal({ medianMs: 10, p99Ms: 40 }) } },
    sidecar: { balancer: 'least_request' },
  },
  load: load.open({ ratePerSecond: 250, arrivals: 'poisson', forMs: 4_000 }),
  faults: (at) => [at('1s').latency('greeter/2', { add: '400ms', for: '2s' })],
  checks: [check.leastRequest({ slowShareMax: 0.1 }), check.noLostRequests()],
});
