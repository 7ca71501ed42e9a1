// A control plane that falls silent, and then cannot be reached, while instances leave. Rules: DC-01, DC-07, DC-09, DC-10, DC-11.
import { check, load, scenario } from 'meshwright';

export default scenario('a stale control plane', {
  shows:
    'One sidecar hears nothing for three seconds, another loses its stream: both go on with what they know, lose no call, and catch up.',
  mesh: {
    services: { greeter: { instances: 6, latency: load.lognormal({ medianMs: 5, p99Ms: 30 }) } },
    sidecar: {
      replicas: 3,
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'xds', backoffBaseMs: 100, backoffMaxMs: 1_000 },
    },
  },
  load: load.open({ ratePerSecond: 300, arrivals: 'poisson', forMs: 10_000 }),
  faults: (at) => [
    at('1s').xds.silence('sidecar/1', { for: '3s' }),
    at('1s').xds.silence('sidecar/2', { for: '3s', cut: true }),
    at('1500ms').remove('greeter/1'),
    at('2s').drain('greeter/2'),
    at('2500ms').add('greeter', { count: 2 }),
    at('6s').xds.nack('sidecar/0', { for: '2s', unparsable: true }),
    at('6500ms').remove('greeter/3'),
  ],
  checks: [
    check.noLostRequests(),
    // What drains serves on for half a second: as long as it is there, who does not know may call it.
    check.noCallsToDeparted({ withinMs: 600 }),
    check.configAnswers(),
  ],
});
