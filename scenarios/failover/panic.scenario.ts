// Health checks fail one after the other while the instances serve on: below half the sidecar no longer believes them, and uses all.
// Rules: LB-18, LB-19.
import { check, load, scenario } from 'meshwright';

const method = '/grpc.health.v1.Health/Check';

export default scenario('panic when most look ill', {
  shows:
    'With two of four healthy only these two get calls; with one of four all four do, so that one does not bear it all; with two again only these.',
  mesh: {
    services: { greeter: { instances: 4, latency: load.constant(5) } },
    sidecar: {
      balancer: { name: 'round_robin', panicThreshold: 0.5 },
      health: { intervalMs: 100, unhealthyThreshold: 2 },
      retry: { attempts: 3, budget: 1 },
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 8_000 }),
  faults: (at) => [
    at('1s').failStatus('greeter/1', { status: 14, method, for: '6s' }),
    at('2s').failStatus('greeter/2', { status: 14, method, for: '4s' }),
    at('3s').failStatus('greeter/3', { status: 14, method, for: '2s' }),
  ],
  checks: [check.panic(), check.noLostRequests()],
});
