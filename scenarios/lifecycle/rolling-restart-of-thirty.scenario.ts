// A deployment of a large service: each of thirty instances leaves politely and comes back as another process.
import { check, load, scenario } from 'meshwright';

export default scenario('rolling restart of thirty instances', {
  shows: 'Thirty instances are replaced one after the other under load, each drained first: no call is lost.',
  mesh: {
    services: { greeter: { instances: 30, latency: load.uniform({ minMs: 2, maxMs: 20 }) } },
    sidecar: { health: { intervalMs: 500, timeoutMs: 1_000 } },
  },
  load: load.open({ ratePerSecond: 150, forMs: 17_000 }),
  faults: (at) => [at(500).restart('greeter/*', { stagger: '500ms' })],
  checks: [check.noLostRequests(), check.failover({ withinMs: 500 })],
});
