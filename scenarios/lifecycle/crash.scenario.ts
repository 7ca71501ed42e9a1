// A sidecar's process dies: its callers must know at once, and be served again soon after it is back. Rules: LC-08.
import { check, load, scenario } from 'meshwright';

export default scenario('a sidecar crashes', {
  shows:
    'The sidecar is killed under load: every call at it ends as UNAVAILABLE at once, none hangs, and it serves again when it is back.',
  mesh: { services: { greeter: { instances: 3, latency: load.uniform({ minMs: 50, maxMs: 400 }) } } },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 5_000, deadlineMs: 4_000 }),
  faults: (at) => [at('1s').sidecar.crash('sidecar/0', { down: '500ms' })],
  checks: [
    check.crashSeen({ withinMs: 250, backWithinMs: 1_500 }),
    check.noLostRequests({ allowStatuses: [14] }),
  ],
});
