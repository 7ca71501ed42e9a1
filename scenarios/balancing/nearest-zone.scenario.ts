// Sidecars in two zones, each with its own first: when a zone is short of instances, what it cannot bear goes to the one that has
// more than its part, and comes back. Rules: LB-21.
import { check, load, scenario } from 'meshwright';

export default scenario('the nearest zone first', {
  shows:
    'No call leaves its zone while both are whole; two thirds of zone a die, and half of its calls go to zone b.',
  mesh: {
    services: {
      greeter: { instances: 6, localities: ['eu/a', 'eu/a', 'eu/a', 'eu/b', 'eu/b', 'eu/b'] },
    },
    sidecar: {
      replicas: 2,
      localities: ['eu/a', 'eu/b'],
      balancer: { name: 'round_robin', localities: 'nearest' },
      health: { intervalMs: 200 },
      retry: { budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 6_000 }),
  faults: (at) => [
    at('1s').kill('greeter/0'),
    at('1s').kill('greeter/1'),
    at('3s').restart('greeter/0'),
    at('3s').restart('greeter/1'),
  ],
  checks: [check.localityShare(), check.noLostRequests({ exceptCommitted: true })],
});
