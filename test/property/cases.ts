/** What the properties draw from: meshes, loads, churn and fault plans, each with the preconditions of what it promises. */
import fc from 'fast-check';
import { check } from '../../sim/checks/index.ts';
import { fault } from '../../sim/engine/fault.ts';
import { load } from '../../sim/engine/load.ts';
import { defineScenario } from '../../sim/engine/scenario.ts';
import type { CheckSpec } from '../../sim/spec/check.ts';
import type { FaultSpec, Latency, LoadSpec, ServiceSpec, SidecarSpec } from '../../sim/spec/scenario.ts';
import type { Case } from './explore.ts';

const FOR_MS = 1_500;
/** One instance's turn in a rolling restart: draining, stop, start, and seen again by every sidecar. */
const TURN_MS = 700;

/** Every kind, or those given; a plan may also hold a rolling restart of all instances. */
export function anyCase(checks: (sidecar: SidecarSpec) => readonly CheckSpec[]): fc.Arbitrary<Case> {
  const retry = fc.record({
    attempts: fc.integer({ min: 1, max: 5 }),
    budget: fc.constantFrom(0, 0.2, 0.5, 1),
    perTryTimeoutMs: fc.constantFrom(0, 40),
  });
  const health = fc.constantFrom(null, { intervalMs: 100, timeoutMs: 100, unhealthyThreshold: 2 });
  return fc.integer({ min: 1, max: 10 }).chain((instances) =>
    fc
      .record({
        retry,
        health,
        replicas: fc.integer({ min: 1, max: 3 }),
        load: anyLoad(),
        latency: anyLatency(),
        faults: planFor(instances, 5, [...fault.kinds]),
        seed: runSeed(),
      })
      .map((drawn) => {
        const sidecar = { replicas: drawn.replicas, retry: drawn.retry, health: drawn.health };
        return caseOf({ ...drawn, instances, sidecar, checks: checks(sidecar) });
      }),
  );
}

const TRY_MS = 250;
/** Two checks lost in a row, each after at most 1.1 intervals and a timeout, and as much again for what is under way. */
const NOTICED_MS = 800;

/**
 * Preconditions of failover: one instance at least is never struck; a call may be tried once more than instances are
 * struck; the budget allows every retry; per-try timeout and deadline leave time for all tries; statuses come before response
 * headers and may be retried; silent instances are noticed by health checks.
 */
export function failoverCase(): fc.Arbitrary<Case> {
  return fc.integer({ min: 2, max: 9 }).chain((instances) =>
    fc
      .record({
        replicas: fc.integer({ min: 1, max: 3 }),
        load: anyLoad(),
        latency: anyLatency(),
        faults: planFor(instances, 4, [...fault.kinds]),
        seed: runSeed(),
      })
      .map((drawn) => {
        const sidecar = {
          replicas: drawn.replicas,
          health: { intervalMs: 100, timeoutMs: 100, unhealthyThreshold: 2 },
          retry: { attempts: 5, budget: 1, budgetMinConcurrent: 10_000, perTryTimeoutMs: TRY_MS },
        };
        const checks = [
          check.failover({ withinMs: NOTICED_MS }),
          check.noLostRequests(),
          check.roundRobin({ spreadMax: 1 }),
        ];
        return caseOf({ ...drawn, instances, sidecar, checks });
      }),
  );
}

/** Any mix of failover and overload policies beside any faults: each check judges what its policy promises, whatever the others do. */
export function policyCase(): fc.Arbitrary<Case> {
  const some = <T>(drawn: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.option(drawn, { nil: undefined, freq: 2 });
  const outlier = fc.record({
    intervalMs: fc.constantFrom(50, 200),
    baseEjectionMs: fc.constantFrom(50, 200),
    maxEjectionMs: fc.constantFrom(200, 500),
    maxEjectionPercent: fc.constantFrom(1, 10, 34, 50, 100),
    cap: fc.constantFrom('a50' as const, 'envoy' as const, 'envoy_at_least_one' as const),
    consecutiveErrors: fc.integer({ min: 1, max: 5 }),
    consecutiveGatewayErrors: fc.constantFrom(0, 2),
  });
  const circuitBreaker = fc.record({
    maxRequests: fc.constantFrom(2, 10, 1_000),
    maxPending: fc.constantFrom(0, 1, 2),
    maxRetries: fc.constantFrom(0, 1),
    endpointMaxRequests: fc.constantFrom(0, 2),
  });
  const retryThrottling = fc.record({
    maxTokens: fc.constantFrom(2, 10),
    tokenRatio: fc.constantFrom(0.1, 1),
  });
  const hedging = fc.record({ attempts: fc.integer({ min: 2, max: 5 }), delayMs: fc.constantFrom(5, 20) });
  const rateLimit = fc.record({ perSecond: fc.constantFrom(50, 200), burst: fc.constantFrom(1, 20) });
  const concurrency = fc.record({ initial: fc.constantFrom(5, 50), windowMs: fc.constant(50) });
  const policies = fc.record({
    outlier: some(outlier),
    circuitBreaker: some(circuitBreaker),
    retryThrottling: some(retryThrottling),
    hedging: some(hedging),
    rateLimit: some(rateLimit),
    concurrency: some(concurrency),
  });
  const mode = fc.constantFrom('check' as const, 'watch' as const, 'tcp' as const);
  return fc.integer({ min: 1, max: 8 }).chain((instances) =>
    fc
      .record({
        policies,
        mode,
        share: fc.constantFrom(0, 0.3, 0.7, 1),
        replicas: fc.integer({ min: 1, max: 2 }),
        load: anyLoad(),
        latency: anyLatency(),
        faults: planFor(instances, 5, [...fault.kinds]),
        seed: runSeed(),
      })
      .map((drawn) => {
        const given = Object.entries(drawn.policies).filter(([, policy]) => policy !== undefined);
        const sidecar: SidecarSpec = {
          ...Object.fromEntries(given),
          replicas: drawn.replicas,
          health: { mode: drawn.mode, intervalMs: 100, timeoutMs: 40 },
          retry: { budget: 0.5, budgetMinConcurrent: 10, perTryTimeoutMs: 200 },
        };
        const checks = [
          check.ejection(),
          check.circuitBreaker(),
          check.retryThrottling(),
          check.hedging({ missedShareMax: 1 }),
          check.rateLimit(),
          check.noLostRequests({ allowStatuses: [4, 8, 14] }),
        ];
        const params = { status: 14, share: drawn.share, for: 800 };
        const storm = { atMs: 0, kind: 'failStatus', target: 'greeter/*', params };
        const faults = drawn.share === 0 ? drawn.faults : [storm, ...drawn.faults];
        return caseOf({ ...drawn, faults, instances, sidecar, checks });
      }),
  );
}

/** Any groups of endpoints, settings that go by them and loads that are reported, beside any faults: shares are what each definition makes them. */
export function groupsCase(): fc.Arbitrary<Case> {
  return fc.integer({ min: 1, max: 9 }).chain((instances) => {
    const each = <T>(...values: T[]): fc.Arbitrary<T[]> =>
      fc.array(fc.constantFrom(...values), { minLength: instances, maxLength: instances + 2 });
    const balancer = fc.record({
      name: fc.constantFrom(
        'round_robin' as const,
        'weighted_round_robin' as const,
        'least_request' as const,
      ),
      priorities: fc.constantFrom('envoy' as const, 'a56' as const, 'ignore' as const),
      overprovisioning: fc.constantFrom(1, 1.4, 2),
      localities: fc.constantFrom('ignore' as const, 'weighted' as const, 'nearest' as const),
      panicThreshold: fc.constantFrom(0, 0, 0.5),
      subsetSize: fc.constantFrom(0, 0, 1, 2, 4),
    });
    return fc
      .record({
        balancer,
        slowStartMs: fc.constantFrom(0, 600),
        learning: fc.constantFrom(null, { loadReports: true, blackoutMs: 200, weightUpdateMs: 100 }),
        service: fc.record({
          priorities: each(0, 0, 1, 2),
          localities: each('eu/a', 'eu/a', 'eu/b', 'us', ''),
          weight: fc.constantFrom(0, 1, 3),
          loadReports: fc.constantFrom(
            { capacity: [300, 100, 200, 50] },
            { utilization: [0.2, 0.8, 0.4, 0] },
          ),
        }),
        replicas: fc.integer({ min: 1, max: 3 }),
        load: anyLoad(),
        latency: anyLatency(),
        faults: planFor(instances, 4, [...fault.kinds]),
        seed: runSeed(),
      })
      .map(({ balancer: settings, slowStartMs, learning, service, ...drawn }) => {
        const { weight, ...rest } = service;
        const { overprovisioning, subsetSize, ...named } = settings;
        // What would mean nothing is refused.
        const isBorne = settings.priorities === 'envoy' || settings.localities !== 'ignore';
        const grouping = {
          ...named,
          ...(isBorne ? { overprovisioning } : {}),
          ...(settings.priorities === 'ignore' ? {} : { subsetSize }),
        };
        const localityWeights = service.localities.includes('eu/a') ? { 'eu/a': weight } : {};
        const isLearning = settings.name === 'weighted_round_robin' && learning !== null;
        const isGrowing = settings.name !== 'round_robin' && !isLearning && slowStartMs > 0;
        const weighing = isLearning ? learning : isGrowing ? { slowStartMs } : {};
        const sidecar: SidecarSpec = {
          replicas: drawn.replicas,
          localities: ['eu/a', 'eu/b', 'us'],
          balancer: { ...grouping, ...weighing },
          health: { intervalMs: 100, timeoutMs: 40 },
          retry: { budget: 0.5, budgetMinConcurrent: 10 },
        };
        const checks = [
          check.priorityFailover(),
          check.localityShare(),
          check.subset(),
          check.learnedWeights(),
          check.panic(),
          check.slowStart({ errorMax: 5, tolerance: 0.2 }),
          ...(settings.name === 'round_robin' ? [check.roundRobin(), check.weightedShare()] : []),
          ...(settings.name === 'least_request' ? [check.leastRequest()] : []),
        ];
        return caseOf({ ...drawn, service: { ...rest, localityWeights }, instances, sidecar, checks });
      });
  });
}

/**
 * A storm: instances answer UNAVAILABLE all the time, and only the budget holds the retries. The bound follows from it alone. With
 * R calls/s, latency L, budget b, floor m, shortest retry d: retries alive are at most m + b × calls alive at every moment;
 * summed over the run, calls alive are R·L and the retries themselves, so retries alive are at most (m + b·R·L) / (1 - b) on
 * average, and each lives at least d: attempts per call are at most 1 + (m / R + b·L) / ((1 - b)·d).
 */
export function stormCase(): fc.Arbitrary<Case> {
  return fc
    .record({
      instances: fc.integer({ min: 1, max: 6 }),
      latencyMs: fc.integer({ min: 5, max: 40 }),
      backoffMs: fc.integer({ min: 10, max: 60 }),
      ratePerSecond: fc.integer({ min: 200, max: 1_000 }),
      budget: fc.constantFrom(0, 0.1, 0.2, 0.4),
      floor: fc.integer({ min: 0, max: 3 }),
      attempts: fc.integer({ min: 2, max: 5 }),
      share: fc.constantFrom(0.5, 0.9, 1),
      seed: runSeed(),
    })
    .map((drawn) => {
      const { instances, latencyMs, backoffMs, ratePerSecond, budget, attempts, floor, seed } = drawn;
      const hopsMs = 0.2;
      // The last calls' retries live on after the load: so much longer the floor is there to be used.
      const tailMs = attempts * (1.2 * backoffMs + latencyMs + hopsMs);
      const floorMs = ((1_000 * floor) / ratePerSecond) * (1 + tailMs / FOR_MS);
      const aliveMs = floorMs + budget * (latencyMs + hopsMs);
      const max = 1 + aliveMs / ((1 - budget) * (0.8 * backoffMs + latencyMs));
      const retry = {
        attempts,
        budget,
        budgetMinConcurrent: floor,
        backoffBaseMs: backoffMs,
        backoffMaxMs: backoffMs,
      };
      return caseOf({
        instances,
        latency: load.constant(latencyMs),
        load: load.open({ ratePerSecond, forMs: FOR_MS }),
        faults: [
          { atMs: 0, kind: 'failStatus', target: 'greeter/*', params: { status: 14, share: drawn.share } },
        ],
        sidecar: { retry },
        checks: [check.retryAmplification({ max: Math.ceil(max * 1_000) / 1_000 })],
        seed,
      });
    });
}

/**
 * The real world: few runs of a second, with room for a machine that is busy with other things. The preconditions are those of
 * `failoverCase`; a part of the calls goes past the sidecar, so that each run also measures what the sidecar adds.
 */
export function realCase(): fc.Arbitrary<Case> {
  const kinds = ['kill', 'pause', 'resetConnections', 'failStatus', 'latency', 'drain'];
  const some = { kinds, faultsMin: 2, faultsMax: 2 };
  return fc.integer({ min: 3, max: 4 }).chain((instances) =>
    fc
      .record({
        faults: fault.arbitrary({ service: 'greeter', instances, forMs: FOR_MS, ...some }),
        ratePerSecond: fc.integer({ min: 100, max: 200 }),
        seed: runSeed(),
      })
      .map(({ faults, ratePerSecond, seed }) => {
        const checks = [
          check.roundRobin({ spreadMax: 1 }),
          check.failover({ withinMs: 2_500 }),
          // Cut between response headers and trailers, a call may not be sent again: failover judges all others.
          check.noLostRequests({ allowStatuses: [14] }),
          check.retryAmplification({ max: 2 }),
          check.overhead({ addedP50MsMax: 25, cpuUsPerCallMax: 20_000 }),
        ];
        const sidecar = {
          health: { intervalMs: 200, timeoutMs: 600, unhealthyThreshold: 2 },
          retry: { attempts: 4, budget: 1, budgetMinConcurrent: 1_000, perTryTimeoutMs: 700 },
        };
        const spec = { ratePerSecond, forMs: FOR_MS, directShare: 0.4, deadlineMs: 5_000 };
        const latency = load.constant(2);
        return caseOf({ instances, latency, load: load.open(spec), faults, sidecar, checks, seed });
      }),
  );
}

function planFor(instances: number, faultsMax: number, kinds: string[]): fc.Arbitrary<FaultSpec[]> {
  const rolling = fc.record({
    atMs: fc.integer({ min: 1, max: 50 }).map((step) => step * 10),
    stagger: fc.integer({ min: 1, max: 8 }).map((step) => step * 100),
  });
  return fc
    .tuple(
      fault.arbitrary({ service: 'greeter', instances, forMs: FOR_MS, kinds, faultsMax }),
      fc.option(rolling, { freq: 1 }),
    )
    .map(([faults, roll]) => {
      // Turns overlap when they follow each other faster than one takes: so many are away at once, and others must be left.
      const room = roll === null ? -1 : instances - 1 - Math.ceil(TURN_MS / roll.stagger);
      if (roll === null || room < 0) return faults;
      const few = faults.slice(0, Math.min(room, faultsMax - 1));
      const all = {
        kind: 'restart',
        target: 'greeter/*',
        atMs: roll.atMs,
        params: { stagger: roll.stagger },
      };
      return [...few, all].sort((a, b) => a.atMs - b.atMs);
    });
}

function anyLoad(): fc.Arbitrary<LoadSpec> {
  return fc.oneof(
    fc
      .record({
        ratePerSecond: fc.integer({ min: 20, max: 600 }),
        arrivals: fc.constantFrom('constant' as const, 'poisson' as const),
      })
      .map((drawn) => load.open({ ...drawn, forMs: FOR_MS })),
    fc
      .record({ clients: fc.integer({ min: 1, max: 12 }), thinkMs: fc.integer({ min: 1, max: 20 }) })
      .map((drawn) => load.closed({ ...drawn, forMs: FOR_MS })),
  );
}

function anyLatency(): fc.Arbitrary<Latency> {
  return fc.constantFrom(
    load.constant(1),
    load.uniform({ minMs: 1, maxMs: 20 }),
    load.lognormal({ medianMs: 4, p99Ms: 25 }),
  );
}

/** The seed of a run is drawn, not shrunk: another seed is another run, not a smaller one. */
function runSeed(): fc.Arbitrary<number> {
  return fc.noShrink(fc.nat({ max: 999_999 }));
}

interface Parts {
  instances: number;
  service?: Partial<ServiceSpec>;
  latency: Latency;
  load: LoadSpec;
  faults: readonly FaultSpec[];
  sidecar: SidecarSpec;
  checks: readonly CheckSpec[];
  seed: number;
}

function caseOf({ instances, service, latency, faults, sidecar, checks, seed, ...rest }: Parts): Case {
  const scenario = defineScenario('found by a property', {
    mesh: { services: { greeter: { ...service, instances, latency } }, sidecar },
    load: rest.load,
    faults: () => faults,
    checks,
  });
  return { scenario, seed };
}

const FOLLOWED_MS = 3_000;
const XDS_KINDS = ['xds.delay', 'xds.nack', 'xds.drop', 'xds.reorder', 'xds.pin', 'xds.silence'];

/**
 * Sidecars that follow a control plane which treats each of them in its own way, while instances come and go. Who believes that
 * one is there which has gone notices it by its connection, and sends the call elsewhere: one is always left alone.
 */
export function controlPlaneCase(): fc.Arbitrary<Case> {
  return fc.integer({ min: 4, max: 8 }).chain((instances) =>
    fc
      .record({
        replicas: fc.integer({ min: 1, max: 3 }),
        variant: fc.constantFrom('sotw' as const, 'delta' as const),
        versions: fc.constantFrom('any' as const, 'rising' as const),
        seed: runSeed(),
      })
      .chain((drawn) =>
        fault
          .arbitrary({
            service: 'greeter',
            instances,
            forMs: FOLLOWED_MS,
            kinds: [...XDS_KINDS, 'remove', 'drain', 'add', 'restart', 'relist'],
            sidecars: drawn.replicas,
            faultsMax: 7,
          })
          .map((faults) => {
            const { replicas, variant, versions, seed } = drawn;
            const sidecar: SidecarSpec = {
              replicas,
              health: { intervalMs: 100, timeoutMs: 100 },
              retry: { attempts: 5, budget: 1, budgetMinConcurrent: 10_000 },
              discovery: { kind: 'xds', variant, versions, backoffBaseMs: 50, backoffMaxMs: 200 },
            };
            const scenario = defineScenario('a control plane of many faces', {
              worlds: ['virtual'],
              mesh: { services: { greeter: { instances } }, sidecar },
              load: load.open({ ratePerSecond: 300, arrivals: 'poisson', forMs: FOLLOWED_MS }),
              faults: () => faults,
              checks: [check.configAnswers(), check.noLostRequests(), check.sameView({ withinMs: 700 })],
            });
            return { scenario, seed };
          }),
      ),
  );
}

const CHURN_KINDS = ['kill', 'restart', 'add', 'remove', 'drain', 'relist'];

/** Any churn, by way of whole sets, a control plane, or leases: one instance in two at most is struck, and one at least is left. */
export function churnCase(): fc.Arbitrary<Case> {
  const sources: SidecarSpec['discovery'][] = [
    { kind: 'xds', variant: 'sotw' },
    { kind: 'xds', variant: 'delta' },
    { kind: 'registry', ttlMs: 600, settleMs: 600 },
  ];
  return fc.integer({ min: 6, max: 12 }).chain((instances) =>
    fc
      .record({
        discovery: fc.constantFrom(undefined, ...sources),
        replicas: fc.integer({ min: 1, max: 3 }),
        latency: anyLatency(),
        faults: fault.arbitrary({
          service: 'greeter',
          instances,
          forMs: FOLLOWED_MS,
          kinds: CHURN_KINDS,
          faultsMax: instances >> 1,
          faultsMin: 2,
        }),
        seed: runSeed(),
      })
      .map(({ discovery, ...drawn }) => {
        const sidecar: SidecarSpec = {
          ...(discovery === undefined ? {} : { discovery }),
          replicas: drawn.replicas,
          health: { intervalMs: 100, timeoutMs: 100 },
          retry: { attempts: 5, budget: 1, budgetMinConcurrent: 10_000 },
        };
        const checks = [
          check.roundRobin(),
          check.noLostRequests({ exceptCommitted: true }),
          check.failover({ withinMs: NOTICED_MS }),
          check.noCallsToDeparted({ withinMs: 200 }),
          check.sameView({ withinMs: 200 }),
          check.leaseExpiry({ withinMs: 400 }),
        ];
        const spec = load.open({ ratePerSecond: 300, arrivals: 'poisson', forMs: FOLLOWED_MS });
        return caseOf({ ...drawn, instances, load: spec, sidecar, checks });
      }),
  );
}
