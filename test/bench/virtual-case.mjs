// One case of virtual.bench.ts in a process of its own: `node virtual-case.mjs JSON`, where JSON is
// { calls, instances, sidecars, seed }. Runs a shorter pass to warm up, then the real one, and prints one JSON line.
import { check, load, runScenario, scenario } from '../../dist/sim/index.js';

const RATE_PER_SECOND = 10_000;
const HEALTH_INTERVAL_MS = 1_000;
const WARM_CALLS = 300_000;

/** Lognormal answers of 5 ms at 10,000 calls a second: 50 calls in flight. Two instances die and come back, a third fails some calls. */
function meshOf({ calls, instances, sidecars }) {
  const forMs = (calls / RATE_PER_SECOND) * 1_000;
  return scenario(`${calls} calls, ${instances} instances, ${sidecars} sidecars`, {
    mesh: {
      services: { greeter: { instances, latency: load.lognormal({ medianMs: 5, p99Ms: 20 }) } },
      sidecar: {
        replicas: sidecars,
        health: { intervalMs: HEALTH_INTERVAL_MS, timeoutMs: 500 },
        retry: { attempts: 3, budget: 0.5, budgetMinConcurrent: 20 },
      },
    },
    load: load.open({ ratePerSecond: RATE_PER_SECOND, arrivals: 'poisson', forMs, deadlineMs: 2_000 }),
    faults: (at) => [
      at(forMs * 0.2).kill('greeter/1'),
      at(forMs * 0.3).restart('greeter/1'),
      at(forMs * 0.1).failStatus('greeter/2', { status: 14, share: 0.25, for: forMs * 0.6 }),
      at(forMs * 0.5).kill('greeter/3'),
      at(forMs * 0.6).restart('greeter/3'),
    ],
    checks: [
      check.roundRobin({ spreadMax: 1 }),
      check.failover({ withinMs: 2_000 }),
      check.noLostRequests(),
      check.retryAmplification({ max: 1.2 }),
      check.recovery({ withinMs: 3_000 }),
    ],
  });
}

const wanted = JSON.parse(process.argv[2]);
await runScenario(meshOf({ ...wanted, calls: WARM_CALLS }), { world: 'virtual', seed: wanted.seed });

const before = process.cpuUsage();
const record = await runScenario(meshOf(wanted), { world: 'virtual', seed: wanted.seed });
const { user, system } = process.cpuUsage(before);
const told = {
  calls: record.stats.calls,
  ok: record.stats.ok,
  retries: record.stats.retries,
  events: record.journalEvents,
  hash: record.journalHash,
  simulatedMs: record.simulatedMs,
  outcome: record.outcome,
  verdicts: record.verdicts.map(
    ({ check: name, outcome, explanation }) => `${name}: ${outcome}: ${explanation}`,
  ),
  error: record.error?.message ?? null,
  cpuSeconds: (user + system) / 1e6,
  wallMs: record.wallMs,
  /** Every sidecar checks every instance, so these grow with both while calls stay the same. */
  healthChecksPerCall:
    ((record.simulatedMs / HEALTH_INTERVAL_MS) * wanted.instances * wanted.sidecars) / record.stats.calls,
  rssMb: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(told)}\n`);
