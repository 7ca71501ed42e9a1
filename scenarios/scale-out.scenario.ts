// Churn upward: many instances join at once, under load.
import { check, load, scenario } from 'meshwright';

export default scenario('scale out from three to thirty', {
  shows:
    '27 instances join under load: each gets its share as soon as it can be picked, and no call is lost.',
  mesh: { services: { greeter: { instances: 3 } } },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 5_000 }),
  faults: (at) => [at('1s').add('greeter', { count: 27 })],
  checks: [check.roundRobin({ spreadMax: 1 }), check.noLostRequests()],
});
