// A slow instance is not a broken one: round robin must not leave it out.
import { check, load, scenario } from 'meshwright';

export default scenario('one slow instance', {
  shows:
    'One of three answers 300 ms late: round robin still gives it a third, and every call is answered in time.',
  mesh: { services: { greeter: { instances: 3 } } },
  load: load.open({ ratePerSecond: 100, forMs: 3_000, deadlineMs: 2_000 }),
  faults: (at) => [at('1s').latency('greeter/2', { add: '300ms', for: '1s' })],
  checks: [check.roundRobin({ spreadMax: 1 }), check.noLostRequests()],
});
