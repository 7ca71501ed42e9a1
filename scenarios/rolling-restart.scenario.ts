// A deployment: each instance leaves politely, is replaced, and comes back.
import { check, load, scenario } from 'meshwright';

export default scenario('rolling restart under load', {
  shows: 'Three instances are replaced one after the other, each drained first: no call is lost.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.uniform({ minMs: 2, maxMs: 8 }) } },
    sidecar: { health: { intervalMs: 200, timeoutMs: 500 } },
  },
  load: load.open({ ratePerSecond: 150, forMs: 5_000 }),
  faults: (at) => [at(500).restart('greeter/*', { stagger: '1.2s' })],
  checks: [check.roundRobin({ spreadMax: 1 }), check.noLostRequests(), check.failover({ withinMs: 500 })],
});
