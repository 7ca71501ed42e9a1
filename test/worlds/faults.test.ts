/** Each fault does the same thing to a mesh in both worlds, as the journal shows it, and the verdicts agree. */
import { beforeAll, describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, Kind } from '../../sim/journal/events.ts';
import { runIn, type Seen, type Told, type World } from './arms.ts';

const COMPLETE = ATTEMPT_ENDS.indexOf('complete');
const WELL = { roundRobin: 'holds', failover: 'holds', noLostRequests: 'holds', recovery: 'holds' };
const sidecar = {
  health: { intervalMs: 100, timeoutMs: 400, unhealthyThreshold: 2 },
  retry: { attempts: 5, budget: 1, budgetMinConcurrent: 1_000, perTryTimeoutMs: 500 },
};
const checks = [
  check.roundRobin({ spreadMax: 1 }),
  check.failover({ withinMs: 2_000 }),
  // A connection cut between response headers and trailers (only real ones can be) loses the call by rule: failover judges the rest.
  check.noLostRequests({ allowStatuses: [14] }),
  check.recovery({ withinMs: 2_000 }),
];
/** Events of one instant may be told by two processes: so far into a span nothing of before is left, ms. */
const EDGE_MS = { virtual: 1, real: 60 } as const;

const endedWell = ({ code, detail }: Told): boolean => detail === COMPLETE && code === 0;

describe.each(['virtual', 'real'] as const)('%s world: who is there', (world: World) => {
  const edge = EDGE_MS[world];
  let seen: Seen;
  beforeAll(async () => {
    seen = await runIn(world, 'who is there', {
      mesh: { services: { greeter: { instances: 5, latency: load.constant(5) } }, sidecar },
      load: load.open({ ratePerSecond: 150, forMs: 4_000, deadlineMs: 5_000 }),
      faults: (at) => [
        at(200).kill('greeter/0'),
        at(250).pause('greeter/1', { for: 600 }),
        at(300).add('greeter'),
        at(400).drain('greeter/2'),
        at(500).remove('greeter/3'),
        at(800).restart('greeter/0'),
      ],
      checks,
    });
  }, 60_000);

  test('every fault is felt, no call is lost, and the verdicts are those of the other world', () => {
    expect(seen.record.timeline.faults.filter(({ observed }) => !observed)).toEqual([]);
    expect(seen.outcomes).toEqual(WELL);
    expect(seen.record.outcome).toBe('holds');
    expect(seen.record.stats.calls - seen.record.stats.ok).toBeLessThanOrEqual(world === 'virtual' ? 0 : 2);
  });

  test('kill: nothing arrives or is answered until the restart, then it serves', () => {
    const deadMs = seen.whenMs(0, 'dead');
    const backMs = seen.whenMs(0, 'ready', deadMs);
    expect(backMs).toBeGreaterThan(780);
    expect(seen.on(Kind.attemptAnswered, 0, deadMs + edge, backMs)).toEqual([]);
    expect(seen.on(Kind.attemptArrived, 0, 0, deadMs).length).toBeGreaterThan(2);
    expect(seen.on(Kind.attemptAnswered, 0, backMs).length).toBeGreaterThan(10);
  });

  test('pause: nothing is answered while it stands still, then it serves', () => {
    const pausedMs = seen.whenMs(1, 'paused');
    const resumedMs = seen.whenMs(1, 'resumed');
    expect(resumedMs - pausedMs).toBeGreaterThan(550);
    expect(seen.on(Kind.attemptAnswered, 1, pausedMs + edge, resumedMs)).toEqual([]);
    expect(seen.on(Kind.attemptAnswered, 1, resumedMs).length).toBeGreaterThan(10);
  });

  test('add: a new instance becomes ready and gets its turn', () => {
    const readyMs = seen.whenMs(5, 'ready');
    expect(readyMs).toBeGreaterThan(300);
    expect(seen.on(Kind.attemptSent, 5, 0, readyMs)).toEqual([]);
    expect(seen.on(Kind.attemptAnswered, 5, readyMs).length).toBeGreaterThan(10);
  });

  test.each([
    ['drain', 2],
    ['remove', 3],
  ])('%s: it gets no new call, finishes what it has, and stops', (_name, instance) => {
    const drainingMs = seen.whenMs(instance, 'draining');
    expect(seen.whenMs(instance, 'dead')).toBeGreaterThanOrEqual(drainingMs);
    expect(seen.on(Kind.attemptSent, instance, 0, 400).length).toBeGreaterThan(2);
    expect(seen.on(Kind.attemptSent, instance, drainingMs + edge)).toEqual([]);
    const ends = seen.on(Kind.attemptEnded, instance);
    expect(ends.filter((event) => event.detail === COMPLETE && event.code !== 0)).toEqual([]);
  });
});

describe.each(['virtual', 'real'] as const)('%s world: the way there', (world: World) => {
  const edge = EDGE_MS[world];
  const faults = { latency: 0, blackhole: 1, partition: 2, failStatus: 3, resetConnections: 4 };
  let seen: Seen;
  beforeAll(async () => {
    seen = await runIn(world, 'the way there', {
      mesh: { services: { greeter: { instances: 6, latency: load.constant(20) } }, sidecar },
      load: load.open({ ratePerSecond: 240, forMs: 4_000, deadlineMs: 5_000 }),
      faults: (at) => [
        at(200).latency('greeter/0', { add: 150, for: 700 }),
        at(210).blackhole('greeter/1', { for: 700 }),
        at(220).partition('greeter/2', { for: 700 }),
        at(230).failStatus('greeter/3', { status: 14, for: 500 }),
        at(1_200).resetConnections('greeter/4'),
      ],
      checks,
    });
  }, 60_000);

  test('every fault is felt, no call is lost, and the verdicts are those of the other world', () => {
    expect(seen.record.timeline.faults.filter(({ observed }) => !observed)).toEqual([]);
    expect(seen.outcomes).toEqual(WELL);
    expect(seen.record.outcome).toBe('holds');
    expect(seen.record.stats.calls - seen.record.stats.ok).toBeLessThanOrEqual(world === 'virtual' ? 0 : 2);
  });

  /** How long attempts took that were sent to an instance in a span, ms, in the order of their ends. */
  const tookMs = (instance: number, fromMs: number, toMs: number): number[] => {
    const sent = new Map(seen.on(Kind.attemptSent, instance, fromMs, toMs).map((one) => [one.call, one.tMs]));
    return seen
      .on(Kind.attemptEnded, instance)
      .filter((event) => endedWell(event) && sent.has(event.call))
      .map((event) => event.tMs - (sent.get(event.call) as number));
  };

  test('latency: answers come that much later, and as before when it is lifted', () => {
    const { fromMs, toMs } = seen.spanMs(faults.latency);
    const during = tookMs(0, fromMs + edge, toMs - 250);
    expect(during.length).toBeGreaterThan(5);
    expect(Math.min(...during)).toBeGreaterThanOrEqual(165);
    const after = tookMs(0, toMs + 300, Infinity).sort((a, b) => a - b);
    expect(after[Math.floor(after.length / 2)]).toBeLessThan(150);
    if (world === 'virtual')
      expect([during[0], after.at(-1)].map((ms) => ms?.toFixed(3))).toEqual(['170.200', '20.200']);
  });

  test('blackhole: calls arrive, no answer comes back, until it is lifted', () => {
    const { fromMs, toMs } = seen.spanMs(faults.blackhole);
    expect(seen.on(Kind.attemptArrived, 1, fromMs + edge, toMs).length).toBeGreaterThan(3);
    expect(seen.on(Kind.attemptEnded, 1, fromMs + edge, toMs).filter(endedWell)).toEqual([]);
    expect(seen.on(Kind.attemptEnded, 1, toMs).filter(endedWell).length).toBeGreaterThan(5);
  });

  test('partition: nothing arrives, until it is lifted', () => {
    const { fromMs, toMs } = seen.spanMs(faults.partition);
    expect(seen.on(Kind.attemptSent, 2, fromMs + edge, toMs).length).toBeGreaterThan(3);
    expect(seen.on(Kind.attemptArrived, 2, fromMs + edge, toMs)).toEqual([]);
    expect(seen.on(Kind.attemptEnded, 2, toMs).filter(endedWell).length).toBeGreaterThan(5);
  });

  test('failStatus: every answer is that status, and each call is tried elsewhere', () => {
    const { fromMs, toMs } = seen.spanMs(faults.failStatus);
    const answers = seen.on(Kind.attemptAnswered, 3, fromMs + edge, toMs);
    expect(answers.length).toBeGreaterThan(10);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([14]));
    expect(seen.on(Kind.attemptAnswered, 3, toMs + edge).every(({ code }) => code === 0)).toBe(true);
    expect(seen.record.stats.retries).toBeGreaterThanOrEqual(answers.length);
  });

  test('resetConnections: what is in flight is cut, the instance lives and serves on', () => {
    const { fromMs } = seen.spanMs(faults.resetConnections);
    const gone = ENDPOINT_CHANGES.indexOf('disconnected');
    const lost = seen.on(Kind.endpointChanged, 4, 1_000, fromMs + 200);
    expect(lost.some(({ code }) => code === gone)).toBe(true);
    expect(seen.on(Kind.instanceState, 4, 0)).toEqual([]);
    expect(seen.on(Kind.attemptEnded, 4, fromMs + 200).filter(endedWell).length).toBeGreaterThan(10);
  });
});
