// Slow start: who is new, or back, gets calls by a ramp and not its whole share at once. When all are new together nobody waits.
// Rules: LB-15, LB-16, LB-17.
import { check, load, scenario } from 'meshwright';

export default scenario('slow start', {
  shows:
    'New instances and one that is back begin with an eighth of their share and have all of it two seconds later; after a whole cold start the calls go on.',
  mesh: {
    services: { greeter: { instances: 3, weights: [1, 2, 1] } },
    sidecar: {
      balancer: { name: 'weighted_round_robin', slowStartMs: 2_000 },
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 300, arrivals: 'poisson', forMs: 12_000 }),
  faults: (at) => [at('4s').add('greeter'), at('5s').kill('greeter/1'), at('6s').restart('greeter/1')],
  checks: [check.slowStart(), check.noLostRequests()],
});
