// Instances of different size: each gets calls by its weight, exactly, also after one of them was away.
import { check, load, scenario } from 'meshwright';

export default scenario('weights of one to six', {
  shows:
    'Weighted round robin: at every moment each instance has had its share to within three picks, through a restart.',
  mesh: {
    services: { greeter: { instances: 4, weights: [1, 2, 3, 6] } },
    sidecar: { balancer: 'weighted_round_robin', health: { intervalMs: 200 } },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 4_000 }),
  faults: (at) => [at('1s').restart('greeter/3')],
  checks: [check.weightedShare(), check.noLostRequests()],
});
