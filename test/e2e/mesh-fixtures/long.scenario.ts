/** Long enough that what a test does to its processes happens in the middle of it. */
import { check, load, scenario } from 'meshwright';

scenario('a long run', {
  mesh: { services: { greeter: { instances: 3 } } },
  load: load.open({ ratePerSecond: 50, forMs: 4_000 }),
  faults: (at) => [at(1_500).kill('greeter/1'), at(2_500).restart('greeter/1')],
  checks: [check.retryAmplification({ max: 3 })],
});
