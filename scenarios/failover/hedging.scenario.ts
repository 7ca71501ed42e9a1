// One of four instances is slow: after 40 ms a second attempt goes to another, the first answer counts and the slow attempt is
// cancelled, so that nobody waits for the slow one. Rules: FO-16, FO-17, FO-18.
import { check, load, scenario } from 'meshwright';

export default scenario('hedges beside a slow instance', {
  shows: 'One of four is 300 ms late: a hedge after 40 ms answers instead, and the loser is cancelled.',
  mesh: {
    services: { greeter: { instances: 4, latency: load.constant(5) } },
    sidecar: {
      retry: { budget: 1, budgetMinConcurrent: 100 },
      hedging: { attempts: 3, delayMs: 40 },
    },
  },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 3_000 }),
  faults: (at) => [
    at('0.5s').latency('greeter/2', { add: '300ms', for: '1s' }),
    at('2s').failStatus('greeter/1', { status: 14, for: '500ms' }),
  ],
  checks: [
    check.hedging({ winShareMin: 0.8, missedShareMax: 0.1 }),
    check.noLostRequests(),
    check.retryAmplification({ max: 1.4 }),
  ],
});
