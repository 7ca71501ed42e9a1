// Three instances of the first priority, two of the second: calls spill over only as far as the first cannot bear them, all of them
// while it is away, and come back as it heals. Rules: LB-20.
import { check, load, scenario } from 'meshwright';

export default scenario('priorities fail over by share of health, and back', {
  shows:
    'One of three dies: a small part goes to the next priority. All three are dead: everything does, and comes back.',
  mesh: {
    services: { greeter: { instances: 5, priorities: [0, 0, 0, 1, 1] } },
    sidecar: {
      balancer: { name: 'round_robin', priorities: 'envoy' },
      health: { intervalMs: 200 },
      retry: { budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 10_000 }),
  faults: (at) => [
    at('1s').kill('greeter/0'),
    at('2s').kill('greeter/1'),
    at('3s').kill('greeter/2'),
    at('4s').restart('greeter/0'),
    at('5s').restart('greeter/1'),
    at('6s').restart('greeter/2'),
  ],
  checks: [check.priorityFailover(), check.noLostRequests({ exceptCommitted: true })],
});
