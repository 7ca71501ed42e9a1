// A canary: one call in ten goes to the new version, one customer always does, and the new version's errors stay few.
import { check, load, scenario } from 'meshwright';

export default scenario('canary with a tenth of the calls', {
  shows:
    'Two of five instances are a canary: a tenth of the calls goes there, by the seeded draw of the sidecar, and no call is lost.',
  mesh: {
    services: { greeter: { instances: 5 } },
    sidecar: {
      clusters: { canary: { instances: [3, 4], retry: { attempts: 1 } } },
      routes: [{ split: { default: 90, canary: 10 } }],
    },
  },
  load: load.open({ ratePerSecond: 200, arrivals: 'poisson', forMs: 5_000 }),
  checks: [check.split({ shares: { default: 90, canary: 10 } }), check.noLostRequests()],
});
