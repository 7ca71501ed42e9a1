/** The virtual world as a whole: determinism, loads, deadlines, several sidecars, interruption. */
import { describe, expect, test } from 'vitest';
import { Sidecar } from '../../../proxy/core/sidecar.ts';
import { MeshwrightError } from '../../../sim/base/errors.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { rig, type RigOptions } from './rig.ts';

async function stormy(options: RigOptions): Promise<string> {
  const run = await rig({
    instances: 4,
    names: 5,
    sidecar: { replicas: 2, health: { intervalMs: 50 } },
    ...options,
  });
  run.load({ forMs: 800, arrivals: 'poisson', ratePerSecond: 3_000 });
  await run.to(100);
  await run.apply({ op: 'kill', instance: 0 });
  await run.apply({
    op: 'fail',
    instance: 1,
    fault: 0,
    rule: { status: 14, share: 0.4, method: null, afterHeaders: false },
  });
  await run.to(200);
  await run.apply({ op: 'network', instance: 2, fault: 1, effect: { kind: 'blackhole' } });
  await run.apply({ op: 'start', instance: 4 });
  await run.to(400);
  await run.apply({ op: 'pause', instance: 3 });
  await run.apply({ op: 'network', instance: 2, fault: 1, effect: null });
  await run.to(600);
  await run.apply({ op: 'resume', instance: 3 });
  await run.apply({ op: 'stop', instance: 1 });
  await run.apply({ op: 'start', instance: 0 });
  await run.to(900);
  return (await run.finish()).hash;
}

test('the same seed gives the same journal, another seed another one', async () => {
  const first = await stormy({ seed: 1 });
  expect(await stormy({ seed: 1 })).toBe(first);
  expect(await stormy({ seed: 2 })).not.toBe(first);
});

test('time zone and language do not matter', async () => {
  const first = await stormy({ seed: 3 });
  const { TZ, LC_ALL } = process.env;
  process.env['TZ'] = 'Asia/Kathmandu';
  process.env['LC_ALL'] = 'tr_TR.UTF-8';
  try {
    expect(await stormy({ seed: 3 })).toBe(first);
  } finally {
    if (TZ === undefined) delete process.env['TZ'];
    else process.env['TZ'] = TZ;
    if (LC_ALL === undefined) delete process.env['LC_ALL'];
    else process.env['LC_ALL'] = LC_ALL;
  }
});

test('constant arrivals come evenly, poisson arrivals with exponential gaps', async () => {
  const gaps = async (arrivals: 'constant' | 'poisson') => {
    const run = await rig();
    run.load({ forMs: 2_000, arrivals, ratePerSecond: 3_000 });
    await run.to(2_100);
    const times = (await run.finish()).of(Kind.callStart).map(({ tNs }) => tNs);
    return times.slice(1).map((tNs, index) => tNs - (times[index] as number));
  };
  for (const gap of await gaps('constant')) expect(Math.abs(gap - 333_333)).toBeLessThan(2);
  const random = await gaps('poisson');
  expect(Math.abs(random.length - 6_000)).toBeLessThan(300);
  const long = random.filter((gap) => gap > 333_333).length / random.length;
  expect(Math.abs(long - 0.3679)).toBeLessThan(0.03);
});

test('a closed loop keeps so many calls open and thinks in between', async () => {
  const run = await rig({ latencyMs: 9.8 });
  run.load({ forMs: 1_000, kind: 'closed', clients: 10, thinkMs: 10 } as never);
  await run.to(1_100);
  const events = await run.finish();
  expect(events.of(Kind.callStart).length).toBeGreaterThan(480);
  expect(events.of(Kind.callStart).length).toBeLessThanOrEqual(500);
});

test('a closed loop without thinking against nobody does not stop time', async () => {
  const run = await rig({ instances: 1 });
  await run.apply({ op: 'kill', instance: 0 });
  await run.to(10);
  run.load({ forMs: 20, kind: 'closed', clients: 5, thinkMs: 0 } as never);
  await run.to(40);
  const events = await run.finish();
  expect(events.of(Kind.callEnd).length).toBe(events.of(Kind.callStart).length);
  expect(events.of(Kind.callEnd).length).toBeGreaterThan(100);
});

describe('deadlines', () => {
  test('a sidecar that keeps no deadline is overruled by the client: no call stays without an end', async () => {
    const run = await rig({
      instances: 1,
      latencyMs: 500,
      createSidecar: (...parts) => new Proxy(new Sidecar(...parts), deaf),
    });
    run.load({ forMs: 100, deadlineMs: 50 });
    await run.to(1_000);
    const events = await run.finish();
    expect(events.of(Kind.callEnd)).toHaveLength(100);
    for (const { code, call, tMs } of events.of(Kind.callEnd)) expect([code, tMs - call]).toEqual([4, 51]);
  });
  test('with none, a slow answer is waited for', async () => {
    const run = await rig({ instances: 1, latencyMs: 3_000 });
    run.load({ forMs: 10, deadlineMs: 0 });
    await run.to(10);
    const events = await run.finish();
    expect(events.of(Kind.callEnd).map(({ code }) => code)).toEqual(Array.from({ length: 10 }, () => 0));
  });
});

/** A machine that is never woken. */
const deaf: ProxyHandler<Sidecar> = {
  get(target, name) {
    if (name === 'nextTimeoutNs') return Infinity;
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === 'function' ? value.bind(target) : value;
  },
};

test('calls go to the sidecars in turn', async () => {
  const run = await rig({ sidecar: { replicas: 3 } });
  run.load({ forMs: 300 });
  await run.to(400);
  const events = await run.finish();
  for (const { call, sidecar } of events.of(Kind.attemptSent)) expect(sidecar).toBe(call % 3);
});

test('events of the engine carry no sidecar and no attempt', async () => {
  const run = await rig();
  run.world.note(Kind.faultApplied, 2, 1, 5, -1);
  const [event] = (await run.finish()).of(Kind.faultApplied);
  expect(event).toMatchObject({ sidecar: -1, attempt: -1, call: 2, instance: 1, code: 5, detail: -1 });
});

test('an abort stops the world, and stop may be called twice', async () => {
  const controller = new AbortController();
  const run = await rig({ signal: controller.signal });
  run.load({ forMs: 10_000 });
  await run.to(10);
  controller.abort();
  await run.to(10_000);
  expect(run.world.nowNs - run.zeroNs).toBe(10e6);
  await run.world.stop();
  await run.world.stop();
});

test('a mesh that cannot come up says so', async () => {
  const failure = await rig({ sidecar: { health: { timeoutMs: 0.05 } } }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(MeshwrightError);
  expect(String(failure)).toMatch(/0 of 3 instances/);
});
