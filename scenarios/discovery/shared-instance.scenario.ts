// One instance is in two clusters. For the one it leaves and comes back, and is unhealthy for a while; for the other nothing of that happens, and calls
// under way are cut in neither. Nothing is retried: a call that is cut is lost. Rules: DC-02, DC-06.
import { check, load, scenario } from 'meshwright';

export default scenario('an instance of two services', {
  shows:
    'What happens to greeter/0 as one of the users is nothing to the orders, which have it alone: no call of either is lost when it leaves the users, fails their health checks, or comes back.',
  mesh: {
    services: { greeter: { instances: 3, latency: load.constant(300) } },
    sidecar: {
      replicas: 2,
      retry: { attempts: 1 },
      clusters: {
        orders: { instances: [0] },
        users: {
          instances: [0, 1, 2],
          health: { intervalMs: 200 },
          balancer: 'least_request',
          circuitBreaker: { maxRequests: 100 },
        },
      },
      routes: [{ split: { orders: 1, users: 1 } }],
    },
  },
  load: load.open({ ratePerSecond: 100, arrivals: 'poisson', forMs: 8_000 }),
  faults: (at) => [
    at('1s').relist('greeter/0', { cluster: 'users', after: '2s' }),
    at('4s').failStatus('greeter/0', { status: 14, method: '/grpc.health.v1.Health/Check', for: '2s' }),
  ],
  checks: [check.noLostRequests()],
});
