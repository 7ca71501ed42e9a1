/** Checks with deadlines, for a run whose own process is stopped in the middle. */
import { check, load, scenario } from 'meshwright';

scenario('timed', {
  mesh: {
    services: { greeter: { instances: 3 } },
    sidecar: { health: { intervalMs: 100 }, retry: { attempts: 3, budget: 1 } },
  },
  load: load.open({ ratePerSecond: 100, forMs: 2_500 }),
  faults: (at) => [at(600).kill('greeter/1'), at(1_400).restart('greeter/1')],
  checks: [check.failover({ withinMs: 500 }), check.noLostRequests(), check.recovery({ withinMs: 500 })],
});
