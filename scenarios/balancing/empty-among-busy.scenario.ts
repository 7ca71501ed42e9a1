// Who comes back has nothing to do, so least request likes it best: without slow start it would take the next calls all alone.
// Rules: FO-33, LB-15.
import { check, load, scenario } from 'meshwright';

export default scenario('an empty instance among busy ones', {
  shows:
    'Each of four has some twenty calls under way when one dies and is back with none: of the next eighty calls it gets no more than its quarter.',
  mesh: {
    services: { greeter: { instances: 4, latency: load.lognormal({ medianMs: 150, p99Ms: 300 }) } },
    sidecar: {
      balancer: { name: 'least_request', slowStartMs: 2_000 },
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 400, arrivals: 'poisson', forMs: 7_000 }),
  faults: (at) => [at('1s').kill('greeter/1'), at('2s').restart('greeter/1')],
  checks: [
    check.noThunderingHerd({ burstMax: 4, rushMax: 1.2 }),
    check.slowStart({ tolerance: 0.25 }),
    check.noLostRequests({ exceptCommitted: true }),
  ],
});
