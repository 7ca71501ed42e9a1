// Instances become slow, and calls pile up: the circuit breaker keeps at most 30 in flight and refuses the rest at once.
// Rules: OV-01, OV-04, OV-06.
import { check, load, scenario } from 'meshwright';

export default scenario('a circuit breaker bounds what is in flight', {
  shows:
    'Three instances become slow: 30 calls are in flight and no more, the others are refused at once and not retried.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.constant(10) } },
    sidecar: { circuitBreaker: { maxRequests: 30, maxPending: 0 } },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 3_000 }),
  faults: (at) => [at('1s').latency('greeter/*', { add: '400ms', for: '1s' })],
  checks: [check.circuitBreaker(), check.noLostRequests({ allowStatuses: [14] })],
});
