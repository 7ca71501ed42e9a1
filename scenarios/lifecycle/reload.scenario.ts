// The configuration is read again under load: what is under way ends in the machine that was there. Rules: LC-07.
import { check, load, scenario } from 'meshwright';

export default scenario('reload under load', {
  shows: 'The sidecar reads its configuration again, four times under load: no call notices.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.uniform({ minMs: 2, maxMs: 900 }) } },
    sidecar: { drainMs: 3_000 },
  },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 5_000, deadlineMs: 5_000 }),
  faults: (at) => [
    at(500).sidecar.reload(),
    at(1_500).sidecar.reload(),
    at(1_600).sidecar.reload(),
    at(3_000).sidecar.reload(),
  ],
  checks: [check.cutOver({ goneWithinMs: 2_000 }), check.noLostRequests()],
});
