// A canary that the control plane tells of: the split, its clusters and their endpoints come over xDS, late and once spoilt. Rules: DC-07, DC-12.
import { check, load, scenario } from 'meshwright';

export default scenario('canary over xDS', {
  shows:
    'A control plane tells two sidecars that a fifth of the calls go to a canary with one header or the other; members come and go, one sidecar hears late and is told nonsense: the shares hold, and no call is lost.',
  mesh: {
    services: { greeter: { instances: 5 } },
    sidecar: {
      replicas: 2,
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'xds', variant: 'delta' },
      clusters: { canary: { instances: [3, 4], balancer: 'least_request', outlier: {} } },
      routes: [
        { match: { service: 'my_service.MyService', headers: { 'x-key': '0' } }, cluster: 'canary' },
        { split: { default: 100, canary: 0 }, timeout: { callMs: 1_000 } },
      ],
    },
  },
  load: load.open({ ratePerSecond: 250, keys: 5, forMs: 5_000 }),
  faults: (at) => [
    at('1s').xds.delay('sidecar/1', { by: '500ms', for: '1s' }),
    at('1200ms').restart('greeter/1'),
    at('2500ms').xds.nack('sidecar/0', { for: '500ms' }),
    at('2600ms').restart('greeter/3'),
    at('3500ms').add('greeter'),
  ],
  checks: [check.split({ shares: { default: 4, canary: 1 } }), check.noLostRequests(), check.configAnswers()],
});
