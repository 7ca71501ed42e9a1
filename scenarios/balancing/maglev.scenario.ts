// Maglev: even shares and O(1) picks; an instance that is down for a while gets exactly its own keys back.
import { check, load, scenario } from 'meshwright';

export default scenario('maglev through a crash and a departure', {
  shows:
    'A crash moves only the keys of the dead instance, and back; a departure moves few others beside its own.',
  mesh: {
    services: { greeter: { instances: 6 } },
    sidecar: { balancer: 'maglev', health: { intervalMs: 200 }, retry: { budget: 1 } },
  },
  load: load.open({ ratePerSecond: 200, keys: 97, forMs: 5_000 }),
  faults: (at) => [
    at('1s').kill('greeter/1'),
    at('2s').restart('greeter/1'),
    at('3500ms').remove('greeter/4'),
  ],
  checks: [check.hashAffinity({ strayShareMax: 0.02 }), check.noLostRequests()],
});
