// Every instance dies at once and is back a second later, and a control plane with it: twenty sidecars that all want to connect again come
// one after the other, and no oftener than they should. Virtual only: twenty processes on two cores wait for each other, and are spread by that alone.
// Rules: FO-33.
import { check, load, scenario } from 'meshwright';

export default scenario('all come back at once', {
  shows:
    'Twenty sidecars lose all four instances and their control plane, and find them again without running them over.',
  worlds: ['virtual'],
  mesh: {
    services: { greeter: { instances: 4 } },
    sidecar: {
      replicas: 20,
      health: { intervalMs: 200 },
      discovery: { kind: 'xds', backoffBaseMs: 200, backoffMaxMs: 2_000 },
    },
  },
  load: load.open({ ratePerSecond: 400, arrivals: 'poisson', forMs: 8_000 }),
  faults: (at) => [
    at('1s').xds.silence('sidecar/*', { for: '3s', cut: true }),
    at('2s').restart('greeter/*', { graceful: false, stagger: 0, down: '1s' }),
  ],
  checks: [
    check.noThunderingHerd({ burstMax: 14 }),
    check.recovery({ withinMs: 2_000 }),
    check.failover({ withinMs: 1_000 }),
  ],
});
