// The same as gRPC has it (A56): one instance of the first priority that is ready is enough for all calls. Rules: LB-20.
import { check, load, scenario } from 'meshwright';

export default scenario('priorities fail over as a whole, and back', {
  shows:
    'Two of three die and nothing goes to the next priority; the third dies and everything does, until one is back.',
  mesh: {
    services: { greeter: { instances: 5, priorities: [0, 0, 0, 1, 1] } },
    sidecar: {
      balancer: { name: 'round_robin', priorities: 'a56' },
      health: { intervalMs: 200 },
      retry: { budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 8_000 }),
  faults: (at) => [
    at('1s').kill('greeter/0'),
    at('1s').kill('greeter/1'),
    at('2s').kill('greeter/2'),
    at('4s').restart('greeter/2'),
  ],
  checks: [check.priorityFailover(), check.noLostRequests({ exceptCommitted: true })],
});
