// Calls with the same key go to the same instance, and a change of the set moves no key that it need not.
import { check, load, scenario } from 'meshwright';

export default scenario('ring hash while instances come and go', {
  shows:
    'Of 201 keys only those move whose instance left, or which belong to the one that joined: none strays.',
  mesh: { services: { greeter: { instances: 8 } }, sidecar: { balancer: 'ring_hash', replicas: 2 } },
  load: load.open({ ratePerSecond: 300, keys: 201, forMs: 5_000 }),
  faults: (at) => [at('1500ms').remove('greeter/2'), at('3s').add('greeter')],
  checks: [check.hashAffinity(), check.noLostRequests()],
});
