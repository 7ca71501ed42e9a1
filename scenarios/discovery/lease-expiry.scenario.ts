// Leases that run out, one that is not heard in time, a registry that dies and comes back. Rules: DC-01, DC-10, DC-11, DC-14.
import { check, load, scenario } from 'meshwright';

export default scenario('leases that run out', {
  shows:
    'A killed instance is gone with its lease, one that is not heard leaves and is back, and a registry that dies and returns is no empty moment.',
  mesh: {
    services: { greeter: { instances: 5 } },
    sidecar: {
      replicas: 2,
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'registry', ttlMs: 1_500, settleMs: 2_500 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 16_000 }),
  faults: (at) => [
    at('500ms').kill('greeter/0'),
    at('1s').registry.mute('greeter/1', { for: '3s' }),
    at('1500ms').remove('greeter/2'),
    at('6s').registry.crash({ down: '1s' }),
    at('6500ms').kill('greeter/3'),
    at('11s').restart('greeter/0'),
  ],
  checks: [
    check.noLostRequests(),
    check.noCallsToDeparted({ withinMs: 400 }),
    check.leaseExpiry({ withinMs: 1_500 }),
  ],
});
