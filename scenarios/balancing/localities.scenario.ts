// Two zones whose weights are 3 and 1: a zone that loses half of its instances bears less, one that loses all of them nothing.
// Rules: LB-21.
import { check, load, scenario } from 'meshwright';

export default scenario('localities by weight', {
  shows:
    'Zone a has three quarters of the calls; less while two of its four are away, and all while zone b is.',
  mesh: {
    services: {
      greeter: {
        instances: 6,
        localities: ['eu/a', 'eu/a', 'eu/a', 'eu/a', 'eu/b', 'eu/b'],
        localityWeights: { 'eu/a': 3 },
      },
    },
    sidecar: {
      balancer: { name: 'round_robin', localities: 'weighted' },
      health: { intervalMs: 200 },
      retry: { budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 6_000 }),
  faults: (at) => [
    at('1s').kill('greeter/0'),
    at('1s').kill('greeter/1'),
    at('2500ms').restart('greeter/0'),
    at('2500ms').restart('greeter/1'),
    at('4s').kill('greeter/4'),
    at('4s').kill('greeter/5'),
  ],
  checks: [check.localityShare(), check.noLostRequests({ exceptCommitted: true })],
});
