/** Nothing goes wrong: one second of light load that must hold. */
import { check, load, scenario } from 'meshwright';

scenario('a steady second', {
  mesh: { services: { greeter: { instances: 3 } }, sidecar: { retry: { attempts: 3, budget: 1 } } },
  load: load.open({ ratePerSecond: 50, forMs: 1_000 }),
  checks: [check.noLostRequests()],
});
