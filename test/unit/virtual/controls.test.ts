/** Each control has the effect on the virtual world that its name promises, seen in the journal. */
import { describe, expect, test } from 'vitest';
import { fnv1a32 } from '../../../sim/base/fnv.ts';
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, INSTANCE_STATES, Kind } from '../../../sim/journal/events.ts';
import { type Events, rig, type Told } from './rig.ts';

const endedBy = (end: (typeof ATTEMPT_ENDS)[number]) => (event: Told) =>
  event.detail === ATTEMPT_ENDS.indexOf(end);
const states = (events: Events, instance: number) =>
  events
    .of(Kind.instanceState, (event) => event.instance === instance)
    .map((event) => INSTANCE_STATES[event.code]);
const seen = (events: Events, instance: number, change: (typeof ENDPOINT_CHANGES)[number]) =>
  events.of(
    Kind.endpointChanged,
    (one) => one.instance === instance && one.code === ENDPOINT_CHANGES.indexOf(change),
  );
const arrivals = (events: Events, instance: number, fromMs: number, toMs: number) =>
  events.of(Kind.attemptArrived, (one) => one.instance === instance && one.tMs >= fromMs && one.tMs < toMs)
    .length;
const statuses = (events: Events) =>
  [...new Set(events.of(Kind.callEnd).map(({ code }) => code))].sort((a, b) => a - b);
const noRetry = { retry: { attempts: 1 } };

function everyCallEndsOnce(events: Events): void {
  const starts = events.of(Kind.callStart).map(({ call }) => call);
  const ends = events.of(Kind.callEnd).map(({ call }) => call);
  expect(starts.length).toBeGreaterThan(0);
  expect(ends.toSorted((a, b) => a - b)).toEqual(starts);
}

test('a quiet run: the right replies, in turn, the latency asked for', async () => {
  const run = await rig();
  run.load({ forMs: 300 });
  await run.to(400);
  const events = await run.finish();
  everyCallEndsOnce(events);
  expect(events.of(Kind.callStart)).toHaveLength(300);
  const hash = fnv1a32(Buffer.concat([Buffer.from([0x0a, 12]), Buffer.from('Hello, World')])) | 0;
  const started = new Map(events.of(Kind.callStart).map((event) => [event.call, event.tNs]));
  for (const { call, code, detail, tNs } of events.of(Kind.callEnd)) {
    expect([code, detail, tNs - (started.get(call) as number)]).toEqual([0, hash, 1_200_000]);
  }
  for (const instance of [0, 1, 2]) expect(arrivals(events, instance, 0, 1_000)).toBe(100);
});

test('the tag stands in front of every reply', async () => {
  const run = await rig({ sidecar: { tag: 'Sidecar: ' } });
  run.load({ forMs: 20 });
  await run.to(50);
  const hash = fnv1a32(Buffer.concat([Buffer.from([0x0a, 21]), Buffer.from('Sidecar: Hello, World')])) | 0;
  const events = await run.finish();
  expect(new Set(events.of(Kind.callEnd).map(({ detail }) => detail))).toEqual(new Set([hash]));
});

describe('life of an instance', () => {
  test('kill breaks connections and loses the work in flight; start brings it back', async () => {
    const run = await rig({ sidecar: noRetry, latencyMs: 10 });
    run.load({ forMs: 900 });
    await run.to(200);
    await run.apply({ op: 'kill', instance: 1 });
    await run.to(400);
    await run.apply({ op: 'start', instance: 1 });
    await run.to(1_000);
    const events = await run.finish();
    everyCallEndsOnce(events);
    expect(states(events, 1)).toEqual(['starting', 'ready', 'dead', 'starting', 'ready']);
    expect(events.of(Kind.attemptEnded, endedBy('connection_lost')).length).toBeGreaterThan(1);
    expect(statuses(events)).toEqual([0, 14]);
    expect(arrivals(events, 1, 201, 450)).toBe(0);
    expect(arrivals(events, 1, 700, 1_000)).toBeGreaterThan(50);
  });

  test('stop says GOAWAY, finishes what is in flight and loses nothing', async () => {
    const run = await rig({ sidecar: noRetry, latencyMs: 20 });
    run.load({ forMs: 500 });
    await run.to(200);
    await run.apply({ op: 'stop', instance: 0 });
    await run.to(600);
    const events = await run.finish();
    everyCallEndsOnce(events);
    expect(states(events, 0)).toEqual(['starting', 'ready', 'draining', 'dead']);
    const dead = events.of(
      Kind.instanceState,
      ({ code }) => code === INSTANCE_STATES.indexOf('dead'),
    )[0] as Told;
    expect(dead.tMs).toBeGreaterThan(215);
    expect(dead.tMs).toBeLessThan(250);
    expect(statuses(events)).toEqual([0]);
    expect(arrivals(events, 0, 201, 600)).toBe(0);
  });

  test('start during a polite stop waits for its end', async () => {
    const run = await rig({ latencyMs: 20 });
    run.load({ forMs: 600 });
    await run.to(200);
    await run.apply({ op: 'stop', instance: 0 });
    await run.apply({ op: 'start', instance: 0 });
    await run.to(700);
    const events = await run.finish();
    expect(states(events, 0)).toEqual(['starting', 'ready', 'draining', 'dead', 'starting', 'ready']);
    expect(statuses(events)).toEqual([0]);
    expect(arrivals(events, 0, 500, 700)).toBeGreaterThan(20);
  });

  test('pause freezes the work, resume goes on with it; nothing is lost', async () => {
    const run = await rig({ sidecar: noRetry, latencyMs: 10 });
    run.load({ forMs: 300 });
    await run.to(100);
    await run.apply({ op: 'pause', instance: 2 });
    await run.to(250);
    await run.apply({ op: 'resume', instance: 2 });
    await run.to(400);
    const events = await run.finish();
    everyCallEndsOnce(events);
    expect(states(events, 2)).toEqual(['starting', 'ready', 'paused', 'resumed']);
    expect(arrivals(events, 2, 100.2, 250)).toBe(0);
    const answered = events.of(
      Kind.attemptAnswered,
      (one) => one.instance === 2 && one.tMs > 100.2 && one.tMs < 250,
    );
    expect(answered).toHaveLength(0);
    expect(statuses(events)).toEqual([0]);
  });

  test('calls to a paused instance end at their deadline', async () => {
    const run = await rig({ instances: 1, sidecar: noRetry });
    await run.apply({ op: 'pause', instance: 0 });
    run.load({ forMs: 50, deadlineMs: 200 });
    await run.to(2_000);
    const events = await run.finish();
    everyCallEndsOnce(events);
    expect(statuses(events)).toEqual([4]);
  });

  test('an added instance is listed when it is ready and gets its share', async () => {
    const run = await rig({ instances: 2, names: 3 });
    run.load({ forMs: 600 });
    await run.to(100);
    await run.apply({ op: 'start', instance: 2 });
    await run.to(700);
    const events = await run.finish();
    const [ready] = events.of(Kind.instanceState, (one) => one.instance === 2 && one.code === 1);
    const [member] = events.of(Kind.memberState, ({ instance }) => instance === 2);
    expect([ready?.tMs, member?.tMs]).toEqual([150, 150]);
    expect(seen(events, 2, 'added')[0]?.tMs).toBe(170);
    expect(arrivals(events, 2, 0, 170)).toBe(0);
    expect(arrivals(events, 2, 300, 600)).toBe(100);
  });
});

test('member: draining and removed reach the sidecars after a moment, and calls in flight end well', async () => {
  const run = await rig({ sidecar: noRetry, latencyMs: 10 });
  run.load({ forMs: 500 });
  await run.to(100);
  await run.apply({ op: 'member', instance: 0, state: 'draining' });
  await run.to(200);
  await run.apply({ op: 'member', instance: 1, state: 'removed' });
  await run.to(300);
  await run.apply({ op: 'member', instance: 0, state: 'active' });
  await run.to(600);
  const events = await run.finish();
  expect(statuses(events)).toEqual([0]);
  expect(seen(events, 0, 'draining')[0]?.tMs).toBe(120);
  expect(seen(events, 1, 'removed')[0]?.tMs).toBe(220);
  expect(arrivals(events, 0, 121, 300)).toBe(0);
  expect(arrivals(events, 1, 221, 600)).toBe(0);
  expect(arrivals(events, 0, 350, 500)).toBeGreaterThan(50);
});

describe('network', () => {
  const span = async (effect: Parameters<typeof apply>[1]) => {
    const run = await rig({ instances: 1, sidecar: { ...noRetry, timeout: { connectMs: 100 } } });
    run.load({ forMs: 900, deadlineMs: 100 });
    await run.to(200);
    await apply(run, effect);
    await run.to(500);
    await apply(run, null);
    await run.to(1_200);
    return run.finish();
  };
  type Effect = Extract<import('../../../sim/faults/controls.ts').Control, { op: 'network' }>['effect'];
  const apply = (run: Awaited<ReturnType<typeof rig>>, effect: Effect) =>
    run.apply({ op: 'network', instance: 0, fault: 7, effect });
  const tookMs = (events: Events, fromMs: number, toMs: number) => {
    const started = new Map(events.of(Kind.callStart).map((event) => [event.call, event.tMs]));
    return events
      .of(
        Kind.callEnd,
        ({ call }) => (started.get(call) as number) >= fromMs && (started.get(call) as number) < toMs,
      )
      .map(({ call, tMs }) => tMs - (started.get(call) as number));
  };

  test('latency adds one-way delay while it lasts', async () => {
    const events = await span({ kind: 'latency', latencyMs: 30 });
    for (const ms of tookMs(events, 200, 490)) expect(ms).toBeCloseTo(31.2, 6);
    for (const ms of tookMs(events, 540, 900)) expect(ms).toBeCloseTo(1.2, 6);
    expect(statuses(events)).toEqual([0]);
  });

  test('effects of two faults add up, and each is lifted alone', async () => {
    const run = await rig({ instances: 1 });
    run.load({ forMs: 300 });
    await run.apply({ op: 'network', instance: 0, fault: 1, effect: { kind: 'latency', latencyMs: 10 } });
    await run.apply({ op: 'network', instance: 0, fault: 2, effect: { kind: 'latency', latencyMs: 5 } });
    await run.to(150);
    await run.apply({ op: 'network', instance: 0, fault: 1, effect: null });
    await run.to(500);
    const events = await run.finish();
    for (const ms of tookMs(events, 0, 140)) expect(ms).toBeCloseTo(16.2, 6);
    for (const ms of tookMs(events, 160, 300)) expect(ms).toBeCloseTo(6.2, 6);
  });

  test('bandwidth makes calls queue; when it is lifted the queue is gone', async () => {
    const events = await span({ kind: 'bandwidth', bytesPerSecond: 20_000 });
    const during = tookMs(events, 200, 400);
    expect(Math.max(...during)).toBeGreaterThan(50);
    for (const ms of tookMs(events, 520, 900)) expect(ms).toBeLessThan(2);
    everyCallEndsOnce(events);
  });

  test('blackhole: requests arrive, answers vanish; connections are reset at its end, then all is well', async () => {
    const events = await span({ kind: 'blackhole' });
    everyCallEndsOnce(events);
    expect(arrivals(events, 0, 201, 500)).toBeGreaterThan(250);
    expect(events.of(Kind.callEnd, (one) => one.code === 0 && one.tMs > 201.3 && one.tMs < 500)).toHaveLength(
      0,
    );
    expect(seen(events, 0, 'disconnected')[0]?.tMs).toBeCloseTo(500.1, 6);
    for (const ms of tookMs(events, 510, 900)) expect(ms).toBeLessThan(2);
  });

  test('partition: nothing arrives either way; connections are reset at its end', async () => {
    const events = await span({ kind: 'partition' });
    everyCallEndsOnce(events);
    expect(arrivals(events, 0, 200.1, 500)).toBe(0);
    expect(events.of(Kind.callEnd, (one) => one.code === 0 && one.tMs > 200.2 && one.tMs < 500)).toHaveLength(
      0,
    );
    expect(seen(events, 0, 'disconnected')[0]?.tMs).toBeCloseTo(500.1, 6);
    expect(tookMs(events, 510, 900).length).toBe(390);
  });

  test('a death behind a partition is not heard of before its end', async () => {
    const run = await rig({ instances: 2 });
    await apply(run, { kind: 'partition' });
    await run.apply({ op: 'kill', instance: 0 });
    await run.to(300);
    await apply(run, null);
    await run.to(400);
    const events = await run.finish();
    expect(seen(events, 0, 'disconnected').map(({ tMs }) => tMs)).toEqual([300]);
  });

  test('no connection comes up through a partition', async () => {
    const run = await rig({ instances: 1, names: 2 });
    await run.apply({ op: 'network', instance: 1, fault: 1, effect: { kind: 'partition' } });
    await run.apply({ op: 'start', instance: 1 });
    await run.to(500);
    await run.apply({ op: 'network', instance: 1, fault: 1, effect: null });
    await run.to(3_000);
    const events = await run.finish();
    expect(seen(events, 1, 'added')).toHaveLength(1);
    expect(seen(events, 1, 'connected')[0]?.tMs).toBeGreaterThan(500);
  });
});

test('resetConnections breaks what is in flight; the instance lives and is reached again', async () => {
  const run = await rig({ instances: 1, sidecar: noRetry, latencyMs: 10 });
  run.load({ forMs: 300 });
  await run.to(100);
  await run.apply({ op: 'resetConnections', instance: 0 });
  await run.to(400);
  const events = await run.finish();
  everyCallEndsOnce(events);
  expect(states(events, 0)).toEqual(['starting', 'ready']);
  expect(events.of(Kind.attemptEnded, endedBy('connection_lost')).length).toBeGreaterThan(5);
  expect(arrivals(events, 0, 110, 300)).toBeGreaterThan(150);
});

describe('fail rules', () => {
  const failed = async (
    rule: { share?: number; method?: string | null; afterHeaders?: boolean },
    sidecar = {},
  ) => {
    const run = await rig({ instances: 1, sidecar: { ...noRetry, ...sidecar } });
    const full = { status: 8, share: 1, method: null, afterHeaders: false, ...rule };
    await run.apply({ op: 'fail', instance: 0, fault: 3, rule: full });
    run.load({ forMs: 1_000 });
    await run.to(500);
    await run.apply({ op: 'fail', instance: 0, fault: 3, rule: null });
    await run.to(1_100);
    const events = await run.finish();
    everyCallEndsOnce(events);
    expect(events.of(Kind.callEnd, (one) => one.tMs > 502 && one.code !== 0)).toHaveLength(0);
    return events;
  };
  const failures = (events: Events) => events.of(Kind.callEnd, ({ code }) => code === 8).length;

  test('all calls fail, as trailers only; health checks do not', async () => {
    const events = await failed({}, { health: { intervalMs: 100 } });
    expect(failures(events)).toBeGreaterThan(490);
    expect(seen(events, 0, 'unhealthy')).toHaveLength(0);
    expect(events.of(Kind.responseStarted, ({ tMs }) => tMs < 500)).toHaveLength(0);
  });
  test('after headers: the caller saw the response begin', async () => {
    const events = await failed({ afterHeaders: true });
    expect(failures(events)).toBeGreaterThan(490);
    expect(events.of(Kind.responseStarted, ({ tMs }) => tMs < 500).length).toBeGreaterThan(490);
  });
  test('a share of calls', async () => {
    const count = failures(await failed({ share: 0.3 }));
    expect(count).toBeGreaterThan(110);
    expect(count).toBeLessThan(190);
  });
  test('another method is not touched', async () => {
    expect(failures(await failed({ method: '/my_service.MyService/Other' }))).toBe(0);
  });
  test('the health method can be told to fail: the instance is taken out', async () => {
    const run = await rig({ sidecar: { health: { intervalMs: 50 } } });
    const rule = { status: 14, share: 1, method: '/grpc.health.v1.Health/Check', afterHeaders: false };
    await run.apply({ op: 'fail', instance: 1, fault: 0, rule });
    await run.to(300);
    const events = await run.finish();
    expect(seen(events, 1, 'unhealthy')).toHaveLength(1);
    expect(seen(events, 0, 'unhealthy')).toHaveLength(0);
  });
});
