// All instances become thirty times slower: the learned limit of calls in flight shrinks, what is beyond it is refused at once,
// and when they are well again everybody is served as before. Rules: OV-01, OV-06, OV-07.
import { check, load, scenario } from 'meshwright';

export default scenario('a learned limit of calls in flight', {
  shows:
    'Instances become thirty times slower for a second: the limit shrinks, the surplus is refused at once, and all is well after.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.constant(10) } },
    sidecar: {
      concurrency: { initial: 30, min: 5, max: 60, windowMs: 100 },
      circuitBreaker: { maxRequests: 60 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 5_000 }),
  faults: (at) => [at('1s').latency('greeter/*', { add: '300ms', for: '1s' })],
  checks: [check.circuitBreaker(), check.noLostRequests({ allowStatuses: [14] })],
});
