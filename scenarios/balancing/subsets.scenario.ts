// Six sidecars, each with five of eight instances: nobody connects to everyone, and instances that come, drain and leave change each
// subset by one at most. A sidecar that was restarted has the subset it had. Rules: LB-22, LB-23.
import { check, load, scenario } from 'meshwright';

export default scenario('subsets of instances', {
  shows:
    'Each sidecar uses five instances of eight; one that leaves is replaced by one, in the subsets that had it only.',
  mesh: {
    services: { greeter: { instances: 8 } },
    sidecar: { replicas: 6, balancer: { name: 'round_robin', subsetSize: 5 }, health: { intervalMs: 500 } },
  },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 6_000 }),
  faults: (at) => [
    at('500ms').remove('greeter/2'),
    at('1500ms').add('greeter'),
    at('2500ms').drain('greeter/7'),
    at('3500ms').sidecar.hotRestart('sidecar/1'),
    at('4500ms').remove('greeter/0'),
  ],
  checks: [check.subset(), check.noLostRequests()],
});
