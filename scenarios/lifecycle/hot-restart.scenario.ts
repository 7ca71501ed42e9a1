// A new version takes the sidecar's port over, again and again, with calls in flight that outlast the change. Rules: LC-04.
import { check, load, scenario } from 'meshwright';

export default scenario('hot restart under load', {
  shows:
    'Three times in a row a new sidecar process takes the port over: calls in flight end in the old one, none is lost.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.uniform({ minMs: 2, maxMs: 900 }) } },
    sidecar: { drainMs: 3_000 },
  },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 6_000, deadlineMs: 5_000 }),
  faults: (at) => [
    at(500).sidecar.hotRestart(),
    at(2_000).sidecar.hotRestart(),
    at(3_500).sidecar.hotRestart(),
  ],
  checks: [check.cutOver({ goneWithinMs: 2_000 }), check.noLostRequests()],
});
