// Subsets of instances that hold leases: one that is not heard leaves and is back, the registry dies and forgets all of them, one dies. Rules: LB-22, LB-23, DC-14.
import { check, load, scenario } from 'meshwright';

export default scenario('subsets over leases', {
  shows:
    'Four sidecars use four of nine instances each. A lease that runs out costs a subset one place at most, and after the registry returned, with all leases made anew, each has the subset it had.',
  mesh: {
    services: { greeter: { instances: 9 } },
    sidecar: {
      replicas: 4,
      balancer: { name: 'round_robin', subsetSize: 4 },
      health: { intervalMs: 300 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'registry', ttlMs: 900, settleMs: 1_500 },
    },
  },
  load: load.open({ ratePerSecond: 120, arrivals: 'poisson', forMs: 11_000 }),
  faults: (at) => [
    at('500ms').remove('greeter/2'),
    at('1500ms').registry.mute('greeter/4', { for: '2s' }),
    at('5s').registry.crash({ down: '1s' }),
    at('8500ms').kill('greeter/7'),
  ],
  checks: [check.subset(), check.noLostRequests()],
});
