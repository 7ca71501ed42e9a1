// Health is a connection that comes about: a paused instance, which accepts none, is left alone after two checks.
// In the real world Toxiproxy stands before each instance and would accept what the instance does not. Rules: FO-31, FO-34.
import { check, load, scenario } from 'meshwright';

export default scenario('health by connecting', {
  shows:
    'An instance is cut off for a second: connections to it do not come about, so it is left out, and used again later.',
  mesh: {
    services: { greeter: { instances: 4, latency: load.constant(5) } },
    sidecar: {
      health: { mode: 'tcp', intervalMs: 200, timeoutMs: 90 },
      retry: { budget: 1, budgetMinConcurrent: 100, perTryTimeoutMs: 300 },
    },
  },
  worlds: ['virtual'],
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 4_000 }),
  faults: (at) => [at('1s').partition('greeter/1', { for: '1s' })],
  checks: [check.failover({ withinMs: 900 }), check.noLostRequests(), check.recovery({ withinMs: 1_500 })],
});
