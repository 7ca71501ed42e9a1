// The way from all instances to the registry breaks, while that from the sidecars to them is well: all leases run out together, which is
// taken for what it is, and the set stays. Rules: DC-15.
import { check, load, scenario } from 'meshwright';

export default scenario('all leases lapse together', {
  shows:
    'For four seconds the registry hears no instance: as that is more than half of them it keeps the rest, and no call is lost; later one that dies leaves as ever.',
  mesh: {
    services: { greeter: { instances: 6 } },
    sidecar: {
      replicas: 2,
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'registry', ttlMs: 1_000, lapseShareMax: 0.5 },
    },
  },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 9_000 }),
  faults: (at) => [at('1s').registry.mute('greeter/*', { for: '4s' }), at('7s').kill('greeter/1')],
  checks: [
    check.noLostRequests({ exceptCommitted: true }),
    check.failover({ withinMs: 500 }),
    check.roundRobin(),
  ],
});
