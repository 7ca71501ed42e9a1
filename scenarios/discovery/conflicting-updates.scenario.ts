// Changes that contradict each other reach every sidecar in an order of its own: old after new, late, from a control plane that stands
// still, and instances that leave and are back under the same address at once. Rules: DC-01, DC-09, DC-20, DC-22.
import { check, load, scenario } from 'meshwright';

export default scenario('conflicting updates', {
  shows:
    'Five sidecars hear of joins, departures and returns in five orders, one of them an old state for seconds and on a new stream: no call is lost, and half a second after the last fault all agree.',
  mesh: {
    services: { greeter: { instances: 6 } },
    sidecar: {
      replicas: 5,
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'xds', versions: 'rising', backoffBaseMs: 100, backoffMaxMs: 400 },
    },
  },
  load: load.open({ ratePerSecond: 400, arrivals: 'poisson', forMs: 9_000 }),
  faults: (at) => [
    at('1s').xds.reorder('sidecar/1', { for: '4s' }),
    at('1s').xds.delay('sidecar/2', { by: '150ms', for: '4s' }),
    at('1s').xds.pin('sidecar/3', { for: '4s' }),
    at('1s').xds.reorder('sidecar/4', { for: '4s' }),
    at('1s').xds.delay('sidecar/4', { by: '100ms', for: '4s' }),
    // In one instant one joins and two leave, one of them to be back.
    at('1500ms').add('greeter'),
    at('1500ms').remove('greeter/1'),
    at('1500ms').relist('greeter/2'),
    at('2s').relist('greeter/3', { after: 0 }),
    at('2s').remove('greeter/4'),
    // Who is told of an old state is told of it on a new stream, too.
    at('2500ms').xds.silence('sidecar/3', { cut: true, for: '300ms' }),
    at('3s').relist('greeter/0'),
    at('6s').relist('greeter/5'),
    at('6500ms').add('greeter'),
  ],
  checks: [
    check.sameView({ withinMs: 500 }),
    check.noCallsToDeparted({ withinMs: 400 }),
    check.configAnswers(),
    check.noLostRequests(),
  ],
});
