// One of two sidecars leaves politely: not ready first, then GOAWAY, then the end of what it has. Rules: LC-01, LC-02, LC-03.
import { check, load, scenario } from 'meshwright';

export default scenario('a sidecar drains', {
  shows: 'One of two sidecars is drained under load: callers go to the other one, and no call is lost.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.uniform({ minMs: 2, maxMs: 900 }) } },
    sidecar: { replicas: 2, drainDelayMs: 300, drainMs: 3_000 },
  },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 4_000, deadlineMs: 5_000 }),
  faults: (at) => [at('1s').sidecar.drain('sidecar/0')],
  checks: [check.cutOver({ goneWithinMs: 2_000 }), check.noLostRequests()],
});
