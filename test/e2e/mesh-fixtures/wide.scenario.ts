/** A mesh that needs more open files than a small limit allows. */
import { check, load, scenario } from 'meshwright';

scenario('a wide mesh', {
  mesh: { services: { greeter: { instances: 100 } } },
  load: load.open({ ratePerSecond: 50, forMs: 500 }),
  checks: [check.noLostRequests()],
});
