// Health is watched on a stream that stays open: a killed instance is noticed with its connection, a drained one says goodbye.
// Rules: FO-29, FO-35.
import { check, load, scenario } from 'meshwright';

export default scenario('health by watch', {
  shows:
    'Health comes over one open stream per instance: one is killed and restarted, one drains, and no caller notices.',
  mesh: {
    services: { greeter: { instances: 4, latency: load.constant(5) } },
    sidecar: { health: { mode: 'watch', intervalMs: 200 }, retry: { budget: 0.5, budgetMinConcurrent: 20 } },
  },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 3_000 }),
  faults: (at) => [
    at('0.5s').kill('greeter/1'),
    at('1s').restart('greeter/1'),
    at('1.5s').drain('greeter/2'),
  ],
  checks: [check.failover({ withinMs: 500 }), check.noLostRequests(), check.recovery({ withinMs: 1_500 })],
});
