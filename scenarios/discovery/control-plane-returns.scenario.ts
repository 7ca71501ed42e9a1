// The control plane cannot be reached for a while: six sidecars find it again one after the other. Rules: DC-10, FO-33.
import { check, load, scenario } from 'meshwright';

export default scenario('a control plane that returns', {
  shows:
    'While the control plane is away six sidecars try again, later each time and at moments of their own: back they come one after the other, and learn who left meanwhile.',
  mesh: {
    services: { greeter: { instances: 4 } },
    sidecar: {
      replicas: 6,
      health: { intervalMs: 200 },
      retry: { attempts: 3, budget: 1 },
      discovery: { kind: 'xds', backoffBaseMs: 200, backoffMaxMs: 1_000 },
    },
  },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 8_000 }),
  faults: (at) => [at('1s').xds.silence('sidecar/*', { for: '3s', cut: true }), at('2s').remove('greeter/1')],
  checks: [
    check.noThunderingHerd({ burstMax: 5, returnShareMax: 0.67, returnWindowMs: 20 }),
    check.sameView({ withinMs: 1_500 }),
    check.noLostRequests(),
  ],
});
