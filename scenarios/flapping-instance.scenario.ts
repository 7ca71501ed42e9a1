// Failover and recovery, twice in a row, on the same instance.
import { check, load, scenario } from 'meshwright';

export default scenario('a flapping instance', {
  shows: 'One of four dies and comes back again and again: it is left alone while away and used when back.',
  mesh: {
    services: { greeter: { instances: 4 } },
    sidecar: { health: { intervalMs: 100, timeoutMs: 500 }, retry: { attempts: 3, budgetMinConcurrent: 50 } },
  },
  load: load.open({ ratePerSecond: 150, forMs: 7_000 }),
  faults: (at) => [
    at(500).kill('greeter/2'),
    at(1_000).restart('greeter/2'),
    at(3_500).kill('greeter/2'),
    at(4_000).restart('greeter/2'),
  ],
  checks: [
    check.roundRobin({ spreadMax: 1 }),
    check.failover({ withinMs: 500 }),
    check.noLostRequests({ exceptCommitted: true }),
    check.recovery({ withinMs: 1_200 }),
  ],
});
