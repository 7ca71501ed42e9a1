// Traffic is copied to a version that nobody depends on; that version fails and dies, and no caller notices.
import { check, load, scenario } from 'meshwright';

export default scenario('copies of all calls', {
  shows:
    'Every call is copied to a shadow cluster, which fails and half of which dies: callers get the same answers as ever.',
  mesh: {
    services: { greeter: { instances: 4 } },
    sidecar: {
      clusters: { shadow: { instances: [2, 3] } },
      routes: [{ cluster: 'default', mirror: { cluster: 'shadow', concurrentMax: 1_000 } }],
    },
  },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 4_000 }),
  faults: (at) => [at(500).failStatus('greeter/2', { status: 14, for: '1s' }), at('2s').kill('greeter/3')],
  checks: [
    check.mirrored({ cluster: 'shadow', missingMax: 0.1 }),
    check.replies({ message: 'Hello, World' }),
    check.noLostRequests(),
  ],
});
