/** A run record with every feature in it, for the report tests and for looking at the page. */
import type { Outcome } from '../../../sim/spec/check.ts';
import type { RunRecord, ScenarioRecord, Timeline } from '../../../sim/spec/run-record.ts';

const BUCKETS = 100;
const BUCKET_MS = 100;

/** Three scenarios: one that holds, one that is violated with faults of several kinds, one with an error. */
export function sampleRecord(): RunRecord {
  return {
    version: 1,
    tool: { name: 'meshwright', version: '0.1.0' },
    startedAt: '2026-11-01T10:20:30.000Z',
    durationMs: 12_345.6,
    outcome: 'violated',
    scenarios: [
      sampleScenario('even spread over five instances', 'virtual', 5, 'holds'),
      sampleScenario('two of five instances die, nobody notices', 'virtual', 5, 'violated'),
      sampleScenario('scale out from 3 to 30', 'real', 30, 'inconclusive'),
      {
        ...sampleScenario('slow instance', 'real', 3, 'holds'),
        outcome: 'error',
        verdicts: [],
        error: { code: 'MW_PORT', message: 'port 50051 is in use' },
      },
    ],
    errors: [
      {
        code: 'MW_SCENARIO',
        message: 'does not compile: expected `}`',
        file: 'scenarios/broken.scenario.ts:3',
      },
    ],
  };
}

/** One scenario record whose numbers agree with each other. */
export function sampleScenario(
  name: string,
  world: 'virtual' | 'real',
  instanceCount: number,
  outcome: Outcome,
): ScenarioRecord {
  const timeline = sampleTimeline(instanceCount, outcome !== 'holds');
  const instances = timeline.lanes.map((lane) => {
    const attempts = lane.attempts.reduce((sum, n) => sum + n, 0);
    const failures = lane.failures.reduce((sum, n) => sum + n, 0);
    return {
      name: lane.instance,
      attempts,
      picks: attempts,
      expectedPicks: attempts + (outcome === 'holds' ? 0 : 1),
      failures,
    };
  });
  const attempts = instances.reduce((sum, instance) => sum + instance.attempts, 0);
  const latency = { count: attempts, p50Ms: 3.12, p90Ms: 6.5, p99Ms: 12.25, p999Ms: 44.1, maxMs: 212.4 };
  return {
    name,
    shows: 'Instances are killed under load and the callers see none of it.',
    file: 'scenarios/two-of-five-die.scenario.ts',
    world,
    seed: 42,
    journalHash: '9f86d081884c7d659a2feaa0c55ad015',
    journalEvents: 31_337,
    journalFile: 'journal-1.bin',
    outcome,
    verdicts: sampleVerdicts(outcome),
    replay: `npx meshwright run scenarios/two-of-five-die.scenario.ts --world ${world} --seed 42`,
    error: null,
    simulatedMs: BUCKETS * BUCKET_MS,
    wallMs: 210,
    stats: {
      calls: attempts - 12,
      ok: attempts - 15,
      statuses: { '0': attempts - 15, '14': 3 },
      unanswered: 0,
      attempts,
      retries: 12,
      latency,
      directLatency: world === 'real' ? { ...latency, p50Ms: 2.6, p99Ms: 10.1 } : null,
      sidecarCpuUsPerCall: world === 'real' ? 43.2 : null,
      instances,
    },
    timeline,
  };
}

function sampleVerdicts(outcome: Outcome): ScenarioRecord['verdicts'] {
  const holds = { outcome: 'holds', firstAtMs: null, evidence: [] } as const;
  return [
    {
      check: 'roundRobin',
      params: { spreadMax: 1 },
      exercised: 4_981,
      explanation: 'Over every window of picks in a healthy set of 5, counts differ by at most 1.',
      ...holds,
    },
    {
      check: 'failover',
      params: { withinMs: 500 },
      outcome,
      exercised: 2,
      explanation:
        'greeter/1 died at 2.00 s and still got 17 attempts after 2.50 s, the last at 2.84 s; allowed were 500 ms.',
      firstAtMs: outcome === 'violated' ? 2_512.5 : null,
      evidence: outcome === 'violated' ? [1201, 1207, 1215, 1222] : [],
    },
    {
      check: 'noLostRequests',
      params: {},
      exercised: 5_000,
      explanation: 'Each of 5,000 calls got exactly one answer.',
      ...holds,
    },
    {
      check: 'retryAmplification',
      params: { max: 1.2 },
      exercised: 12,
      explanation: '1.002 attempts per call; allowed are 1.2.',
      ...holds,
    },
  ];
}

function sampleTimeline(instanceCount: number, faulty: boolean): Timeline {
  const lanes = Array.from({ length: instanceCount }, (_unused, index) => {
    const dies = faulty && (index === 1 || index === 3);
    const deadFrom = index === 1 ? 20 : 25;
    const isDead = (bucket: number) => dies && bucket >= deadFrom && bucket < 70;
    return {
      instance: `greeter/${index}`,
      states: dies
        ? [
            { fromMs: 0, state: 'ready' },
            { fromMs: deadFrom * BUCKET_MS, state: index === 1 ? 'dead' : 'paused' },
            { fromMs: 6_900, state: 'starting' },
            { fromMs: 7_000, state: 'ready' },
            ...(index === 3 ? [{ fromMs: 9_000, state: 'draining' }] : []),
          ]
        : [{ fromMs: 0, state: 'ready' }],
      seen: dies
        ? [
            { fromMs: 0, pickable: true },
            { fromMs: deadFrom * BUCKET_MS + 150, pickable: false },
            { fromMs: 7_200, pickable: true },
          ]
        : [{ fromMs: 0, pickable: true }],
      attempts: Array.from({ length: BUCKETS }, (_u, bucket) =>
        isDead(bucket) ? (bucket < deadFrom + 3 ? 6 : 0) : 10 + ((bucket * 7 + index * 3) % 4),
      ),
      failures: Array.from({ length: BUCKETS }, (_u, bucket) =>
        isDead(bucket) && bucket < deadFrom + 3 ? 5 : 0,
      ),
    };
  });
  const total = (bucket: number) => lanes.reduce((sum, lane) => sum + (lane.attempts[bucket] ?? 0), 0);
  const failed = (bucket: number) => lanes.reduce((sum, lane) => sum + (lane.failures[bucket] ?? 0), 0);
  const perBucket = (value: (bucket: number) => number) =>
    Array.from({ length: BUCKETS }, (_u, bucket) => value(bucket));
  return {
    bucketMs: BUCKET_MS,
    lanes,
    faults: faulty
      ? [
          {
            kind: 'kill',
            target: 'greeter/1',
            instances: ['greeter/1'],
            fromMs: 2_000,
            toMs: 7_000,
            observed: true,
          },
          {
            kind: 'pause',
            target: 'greeter/3',
            instances: ['greeter/3'],
            fromMs: 2_500,
            toMs: 7_000,
            observed: true,
          },
          {
            kind: 'latency',
            target: 'greeter/0',
            instances: ['greeter/0'],
            fromMs: 4_000,
            toMs: 5_500,
            observed: false,
          },
          {
            kind: 'drain',
            target: 'greeter/3',
            instances: ['greeter/3'],
            fromMs: 9_000,
            toMs: null,
            observed: true,
          },
        ]
      : [],
    calls: perBucket(total),
    failed: perBucket((bucket) => Math.floor(failed(bucket) / 3)),
    retries: perBucket(failed),
    p99Ms: perBucket((bucket) => (faulty && bucket >= 20 && bucket < 30 ? 38 + bucket : 11 + (bucket % 5))),
  };
}
