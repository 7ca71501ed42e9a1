// Instances that bear 400, 200 and 100 calls a second say so in their trailers: after the blackout each gets calls by what it bears. One of
// them fails half of its calls, which is quick and costs it little load: its errors count against it. Rules: LB-10, LB-26.
import { check, load, scenario } from 'meshwright';

export default scenario('weights learned from load reports', {
  shows:
    'Equal shares for two seconds, then 4 : 2 : 1; an instance that fails every other call gets less, and its part again.',
  mesh: {
    services: { greeter: { instances: 3, loadReports: { capacity: [400, 200, 100] } } },
    sidecar: {
      balancer: { name: 'weighted_round_robin', loadReports: true, blackoutMs: 2_000, weightUpdateMs: 200 },
      retry: { attempts: 3, budget: 1, backoffBaseMs: 5 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 10_000 }),
  faults: (at) => [at('5s').failStatus('greeter/0', { status: 14, share: 0.5, for: '2500ms' })],
  checks: [check.learnedWeights(), check.noLostRequests({ exceptCommitted: true })],
});
