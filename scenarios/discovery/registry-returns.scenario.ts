// The registry dies, forgets all leases and is back: sixteen instances and four sidecars find it again one after the other. Rules: DC-10, FO-33.
import { check, load, scenario } from 'meshwright';

export default scenario('a registry that returns', {
  shows:
    'While the registry is away instances and sidecars try again at moments of their own, and so they come back to it: no herd of watches and registrations runs it over.',
  mesh: {
    services: { greeter: { instances: 16 } },
    sidecar: { replicas: 4, discovery: { kind: 'registry', ttlMs: 3_000, settleMs: 3_000 } },
  },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 10_000 }),
  faults: (at) => [at('2s').registry.crash({ down: '2s' })],
  checks: [
    check.noThunderingHerd({ burstMax: 8, returnShareMax: 0.5, returnWindowMs: 20 }),
    check.leaseExpiry({ withinMs: 1_500 }),
    check.noLostRequests(),
  ],
});
