// The plain case: nothing goes wrong, and every instance gets exactly its turn.
import { check, load, scenario } from 'meshwright';

export default scenario('even spread over five instances', {
  shows: 'Round robin over five healthy instances: every five picks in a row are five different ones.',
  mesh: { services: { greeter: { instances: 5, latency: load.lognormal({ medianMs: 3, p99Ms: 12 }) } } },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 3_000 }),
  checks: [check.roundRobin({ spreadMax: 1 }), check.noLostRequests()],
});
