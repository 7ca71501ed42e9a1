// Every sidecar believes something else about the same mesh for a while. Rules: DC-01, DC-07, DC-09, DC-20.
import { check, load, scenario } from 'meshwright';

export default scenario('split views', {
  shows:
    'Of five sidecars one hears late, one is told nonsense, one misses a change, one gets two in the wrong order: no call is lost, and at the end all agree.',
  mesh: {
    services: { greeter: { instances: 6 } },
    sidecar: {
      replicas: 5,
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'xds', variant: 'delta', versions: 'rising' },
    },
  },
  load: load.open({ ratePerSecond: 500, arrivals: 'poisson', forMs: 8_000 }),
  faults: (at) => [
    at('1s').xds.delay('sidecar/1', { by: '800ms', for: '3s' }),
    at('1s').xds.nack('sidecar/2', { for: '3s' }),
    at('1s').xds.drop('sidecar/3', { for: '3s' }),
    at('1s').xds.reorder('sidecar/4', { for: '3s' }),
    at('1500ms').remove('greeter/1'),
    at('2s').add('greeter'),
    at('2500ms').remove('greeter/2'),
    at('3s').restart('greeter/3'),
    at('5s').drain('greeter/4'),
    at('6s').add('greeter'),
  ],
  checks: [check.noLostRequests(), check.noCallsToDeparted({ withinMs: 400 }), check.configAnswers()],
});
