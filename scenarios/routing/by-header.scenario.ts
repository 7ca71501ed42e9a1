// Routes by header: calls of one key are another cluster's, the rest stays where it was.
import { check, load, scenario } from 'meshwright';

export default scenario('routes by header', {
  shows: 'Calls with key 3 of four go to the new version, all others to the old one.',
  mesh: {
    services: { greeter: { instances: 3 } },
    sidecar: {
      clusters: { next: { instances: [2] } },
      routes: [
        { match: { method: 'My*', headers: { 'x-key': '3' } }, cluster: 'next' },
        { cluster: 'default' },
      ],
    },
  },
  load: load.open({ ratePerSecond: 200, keys: 4, forMs: 3_000 }),
  checks: [check.split({ shares: { default: 3, next: 1 } }), check.noLostRequests()],
});
