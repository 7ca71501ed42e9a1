// Churn: of ten instances three a minute leave, join, die and return, or restart, for ten minutes; and ten times as fast where sidecars hear of it
// from a control plane or from a registry of leases. The first is virtual only: it takes ten minutes. Rules: LB-01, DC-01, DC-04, DC-14, FO-35.
import { check, load, scenario } from 'meshwright';
import type { FaultClock } from 'meshwright';

/** One change every `everyMs`, four to a round: one leaves and one joins, one dies and returns, one restarts, one drains and one joins. */
function churn(at: FaultClock<'greeter'>, everyMs: number, changes: number, awayMs: number) {
  return Array.from({ length: changes }, (_, change) => {
    const time = everyMs / 2 + change * everyMs;
    // Two have left with each round before this one, and two have joined at the other end.
    const first = 2 * Math.floor(change / 4);
    if (change % 4 === 0) return [at(time).remove(`greeter/${first}`), at(time).add('greeter')];
    if (change % 4 === 1)
      return [at(time).kill(`greeter/${first + 4}`), at(time + awayMs).restart(`greeter/${first + 4}`)];
    if (change % 4 === 2) return [at(time).restart(`greeter/${first + 6}`)];
    return [at(time).drain(`greeter/${first + 1}`), at(time).add('greeter')];
  }).flat();
}

const services = { greeter: { instances: 10, latency: load.lognormal({ medianMs: 5, p99Ms: 20 }) } };
const policies = { health: { intervalMs: 200 }, retry: { attempts: 3, budget: 1 } };
const cut = { exceptCommitted: true };

export default scenario('churn of 30 % a minute', {
  shows:
    'Thirty changes in ten minutes, one every twenty seconds: turns stay exact, nobody who left is called, no call is lost.',
  worlds: ['virtual'],
  mesh: { services, sidecar: { ...policies, replicas: 2 } },
  load: load.open({ ratePerSecond: 50, arrivals: 'poisson', forMs: 600_000 }),
  faults: (at) => churn(at, 20_000, 30, 5_000),
  checks: [
    check.roundRobin(),
    check.failover({ withinMs: 500 }),
    check.noLostRequests(cut),
    check.noCallsToDeparted({ withinMs: 100 }),
    check.sameView({ withinMs: 100 }),
    // Who was away for five seconds is dialled every two.
    check.recovery({ withinMs: 3_000 }),
  ],
});

scenario('churn over a control plane', {
  shows:
    'A change every two seconds, told over xDS: turns stay exact, nobody who left is called, no call is lost.',
  mesh: { services, sidecar: { ...policies, replicas: 2, discovery: { kind: 'xds', variant: 'delta' } } },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 16_500 }),
  faults: (at) => churn(at, 2_000, 8, 800),
  checks: [
    check.roundRobin(),
    check.failover({ withinMs: 600 }),
    check.noLostRequests(cut),
    check.noCallsToDeparted({ withinMs: 400 }),
    check.sameView({ withinMs: 600 }),
    check.configAnswers(),
    check.recovery({ withinMs: 2_500 }),
  ],
});

scenario('churn over a registry', {
  shows:
    'A change every two seconds, with leases that run out while their instance is away: nobody who left is called, no call is lost.',
  mesh: {
    services,
    sidecar: { ...policies, replicas: 2, discovery: { kind: 'registry', ttlMs: 1_000 } },
  },
  load: load.open({ ratePerSecond: 150, arrivals: 'poisson', forMs: 16_500 }),
  // Away for longer than a lease lives.
  faults: (at) => churn(at, 2_000, 8, 1_800),
  checks: [
    check.roundRobin(),
    check.failover({ withinMs: 600 }),
    check.noLostRequests(cut),
    check.noCallsToDeparted({ withinMs: 400 }),
    check.leaseExpiry({ withinMs: 1_500 }),
  ],
});
