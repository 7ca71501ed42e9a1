/** The real world end to end: a short run with a fault, and every way in which its processes can let it down. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Control, NetworkEffect } from '../../sim/faults/controls.ts';
import { ENDPOINT_CHANGES, type EventView, INSTANCE_STATES, Kind } from '../../sim/journal/events.ts';
import { Journal } from '../../sim/journal/journal.ts';
import { createRealWorld } from '../../sim/real/world.ts';
import type { MeshPlan, World } from '../../sim/spec/world.ts';
import { processesOf, within } from './processes.ts';

const METHOD = '/my_service.MyService/MyMethod';
let runId: string;
let folder: string;
let worlds: World[];

beforeEach(() => {
  runId = `test-${randomBytes(8).toString('hex')}`;
  process.env['MESHWRIGHT_RUN_ID'] = runId;
  folder = mkdtempSync(join(tmpdir(), 'meshwright-test-'));
  worlds = [];
});

afterEach(async () => {
  for (const world of worlds) await world.stop();
  delete process.env['MESHWRIGHT_RUN_ID'];
  delete process.env['TOXIPROXY_URL'];
  rmSync(folder, { recursive: true, force: true });
  expect(processesOf(runId)).toEqual([]);
});

function make(
  overrides: Partial<MeshPlan> = {},
  signal = new AbortController().signal,
): { world: World; journal: Journal } {
  const journal = new Journal({ retain: true });
  const instances = overrides.instances ?? 3;
  const mesh: MeshPlan = {
    service: 'greeter',
    instances,
    instanceNames: Array.from({ length: instances + 1 }, (_, index) => `greeter/${index}`),
    latency: { kind: 'constant', ms: 1 },
    startupMs: 0,
    sidecar: { replicas: 1, health: { intervalMs: 100, timeoutMs: 80 } },
    isolated: new Set([1]),
    ...overrides,
  };
  const world = createRealWorld({ mesh, seed: 1, journal, signal, folder });
  worlds.push(world);
  return { world, journal };
}

const openLoad = (ratePerSecond: number, forMs: number, more: object = {}) => ({
  kind: 'open' as const,
  ratePerSecond,
  arrivals: 'constant' as const,
  forMs,
  method: METHOD,
  deadlineMs: 1_000,
  requestName: 'World',
  directShare: 0,
  ...more,
});

function eventsOf(journal: Journal): EventView[] {
  journal.finish();
  const events: EventView[] = [];
  journal.read((event) => {
    events.push({ ...event });
  });
  return events;
}

/** Runs load for `forMs` with controls at their times (ms), and returns the journal's events. */
async function run(
  made: { world: World; journal: Journal },
  load: ReturnType<typeof openLoad>,
  controls: readonly [number, Control][],
): Promise<EventView[]> {
  const { world, journal } = made;
  await world.start();
  const zeroNs = world.nowNs;
  world.startLoad(load);
  for (const [atMs, control] of controls) {
    await world.runUntil(zeroNs + atMs * 1e6);
    await world.apply(control);
  }
  await world.runUntil(zeroNs + load.forMs * 1e6);
  await world.settle(3e9);
  await world.stop();
  return eventsOf(journal);
}

const count = (events: EventView[], kind: Kind, where: (event: EventView) => boolean = () => true): number =>
  events.filter((event) => event.kind === kind && where(event)).length;

describe('a run', () => {
  test('kills an instance, starts it and a new one; every call is answered and the journal is in order', async () => {
    const events = await run(make(), openLoad(200, 2_000, { directShare: 0.1 }), [
      [500, { op: 'kill', instance: 1 }],
      [1_000, { op: 'start', instance: 1 }],
      [1_000, { op: 'start', instance: 3 }],
    ]);
    expect(events.every((event, at) => at === 0 || event.tNs >= (events[at - 1] as EventView).tNs)).toBe(
      true,
    );
    expect(count(events, Kind.callStart)).toBe(400);
    expect(count(events, Kind.callEnd)).toBe(400);
    expect(count(events, Kind.callEnd, (event) => event.code === 0)).toBeGreaterThanOrEqual(395);
    expect(count(events, Kind.callStart, (event) => event.code === 1)).toBe(40);
    expect(count(events, Kind.sidecarCallEnd)).toBe(360);
    const dead = events.find(
      (event) => event.kind === Kind.instanceState && event.code === INSTANCE_STATES.indexOf('dead'),
    );
    const readyAgain = events.find(
      (event) =>
        event.kind === Kind.instanceState &&
        event.instance === 1 &&
        event.code === 1 &&
        event.tNs > (dead?.tNs ?? 0),
    );
    const between = events.filter(
      (event) => event.tNs > (dead?.tNs ?? 0) + 50e6 && event.tNs < (readyAgain?.tNs ?? 0),
    );
    expect(between.length).toBeGreaterThan(50);
    expect(count(between, Kind.attemptArrived, (event) => event.instance === 1)).toBe(0);
    for (const instance of [1, 3]) {
      const arrived = (event: EventView): boolean =>
        event.instance === instance && event.tNs > (readyAgain?.tNs ?? 0);
      expect(count(events, Kind.attemptArrived, arrived)).toBeGreaterThan(0);
      expect(
        count(
          events,
          Kind.endpointChanged,
          (event) => event.instance === instance && event.code === ENDPOINT_CHANGES.indexOf('pickable'),
        ),
      ).toBeGreaterThan(0);
    }
    expect(count(events, Kind.cpu, (event) => event.detail > 0)).toBe(1);
  });

  test('the same seed decides the same failures: a fail rule with a share', async () => {
    const rule = { status: 3, share: 0.3, method: METHOD, afterHeaders: true };
    const failed: string[] = [];
    for (let round = 0; round < 2; round++) {
      const made = make({ sidecar: { replicas: 0 }, isolated: new Set() });
      const load = openLoad(200, 500);
      const events = await run(made, load, [[0, { op: 'fail', instance: 0, fault: 0, rule }]]);
      const bad = events.filter((event) => event.kind === Kind.attemptAnswered && event.code === 3);
      expect(bad.length).toBeGreaterThan(2);
      expect(bad.every((event) => event.instance === 0)).toBe(true);
      failed.push(
        bad
          .filter((event) => event.call > 20)
          .map((event) => event.call)
          .join(),
      );
    }
    expect(failed[0]).toBe(failed[1]);
  });

  const effect = (value: NetworkEffect | null): Control => ({
    op: 'network',
    instance: 0,
    fault: 0,
    effect: value,
  });
  const ends = (events: EventView[]): number[] =>
    events.filter(({ kind }) => kind === Kind.callEnd).map(({ code }) => code);
  const single = () => make({ instances: 1, sidecar: { replicas: 0 }, isolated: new Set([0]) });

  test('latency, lifted again', async () => {
    const events = await run(single(), openLoad(50, 900), [
      [300, effect({ kind: 'latency', latencyMs: 150 })],
      [600, effect(null)],
    ]);
    expect(new Set(ends(events))).toEqual(new Set([0]));
    const started = new Map(
      events.filter(({ kind }) => kind === Kind.callStart).map(({ call, tNs }) => [call, tNs]),
    );
    const slow = events.filter(
      ({ kind, call, tNs }) => kind === Kind.callEnd && tNs - (started.get(call) ?? 0) > 140e6,
    );
    expect(slow.length).toBeGreaterThanOrEqual(5);
    expect(slow.length).toBeLessThan(30);
  });

  test.each(['blackhole', 'partition'] as const)(
    '%s swallows answers, and calls work again after it',
    async (kind) => {
      const events = await run(single(), openLoad(50, 2_000, { deadlineMs: 200 }), [
        [300, effect({ kind })],
        [800, effect(null)],
      ]);
      const codes = ends(events);
      expect(codes.filter((code) => code === 4).length).toBeGreaterThan(5);
      expect(codes.slice(-10)).toEqual(Array.from({ length: 10 }, () => 0));
      const arrived = new Set(
        events.filter((event) => event.kind === Kind.attemptArrived).map(({ call }) => call),
      );
      const lost = events
        .filter((event) => event.kind === Kind.callEnd && event.code === 4)
        .map(({ call }) => call);
      // The first that is lost was sent on a live connection: a blackhole lets the request through, a partition does not.
      expect(arrived.has(lost[1] ?? -1)).toBe(kind === 'blackhole');
    },
  );

  test('reset, pause and graceful stop', async () => {
    const events = await run(make(), openLoad(100, 1_500), [
      [200, { op: 'resetConnections', instance: 0 }],
      [400, { op: 'pause', instance: 1 }],
      [700, { op: 'resume', instance: 1 }],
      [900, { op: 'member', instance: 2, state: 'draining' }],
      [1_000, { op: 'stop', instance: 2 }],
    ]);
    expect(count(events, Kind.callEnd)).toBe(150);
    const lost = count(
      events,
      Kind.endpointChanged,
      (event) => event.instance === 0 && event.code === ENDPOINT_CHANGES.indexOf('disconnected'),
    );
    expect(lost).toBeGreaterThan(0);
    const states = events.filter((event) => event.kind === Kind.instanceState && event.instance > 0);
    expect(
      states.filter((event) => event.instance === 1).map((event) => INSTANCE_STATES[event.code]),
    ).toEqual(['starting', 'ready', 'paused', 'resumed']);
    expect(
      states.filter((event) => event.instance === 2).map((event) => INSTANCE_STATES[event.code]),
    ).toEqual(['starting', 'ready', 'draining', 'dead']);
    const dead = states.find((event) => INSTANCE_STATES[event.code] === 'dead');
    expect(
      count(events, Kind.attemptArrived, (event) => event.instance === 2 && event.tNs > (dead?.tNs ?? 0)),
    ).toBe(0);
  });
});

test('a packed instance is killed alone: its neighbours in the process live, and it comes back', async () => {
  const made = make({ isolated: new Set() });
  const packs = (): number[] =>
    processesOf(runId).filter((pid) => commandOf(pid).includes('/instance/worker'));
  let before: number[] = [];
  const { world, journal } = made;
  await world.start();
  before = packs();
  const zeroNs = world.nowNs;
  world.startLoad(openLoad(100, 1_500));
  await world.runUntil(zeroNs + 400e6);
  await world.apply({ op: 'kill', instance: 1 });
  const deadNs = world.nowNs;
  await world.runUntil(zeroNs + 900e6);
  await world.apply({ op: 'start', instance: 1 });
  const backNs = world.nowNs;
  expect(packs()).toEqual(before);
  await world.runUntil(zeroNs + 1_500e6);
  const { live } = world;
  await world.settle(3e9);
  await world.stop();
  expect(live).toEqual({ calls: 150, failed: expect.any(Number) });
  const arrived = eventsOf(journal).filter(({ kind }) => kind === Kind.attemptArrived);
  const between = arrived.filter(({ tNs }) => tNs > deadNs && tNs < backNs - 50e6);
  expect(new Set(between.map(({ instance }) => instance))).toEqual(new Set([0, 2]));
  expect(arrived.some(({ instance, tNs }) => instance === 1 && tNs > backNs)).toBe(true);
});

describe('trouble', () => {
  test('a worker that dies by itself ends the run and is named', async () => {
    const { world } = make();
    await world.start();
    const [victim] = processesOf(runId).filter((pid) => commandOf(pid).includes('/instance/worker'));
    process.kill(victim as number, 'SIGKILL');
    await expect(world.runUntil(world.nowNs + 10e9)).rejects.toMatchObject({
      code: 'MW_PROCESS',
      message: expect.stringMatching(/^instance.* ended by itself by SIGKILL/),
    });
  });

  test('an instance that cannot start stops the others; the error names it and shows its last words', async () => {
    const broken = make({
      isolated: new Set([0, 1, 2]),
      instanceNames: ['greeter/0', 'greeter/1', 'greeter/2'],
    });
    const { NODE_OPTIONS } = process.env;
    process.env['NODE_OPTIONS'] = '--require /nowhere/missing.cjs';
    try {
      await expect(broken.world.start()).rejects.toMatchObject({
        code: 'MW_PROCESS',
        message: expect.stringMatching(/ended by itself with exit code 1; its last lines:[^]*missing\.cjs/),
      });
    } finally {
      if (NODE_OPTIONS === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = NODE_OPTIONS;
    }
    expect(await within(2_000, () => processesOf(runId).length === 0)).toBe(true);
  });

  test('TOXIPROXY_URL where nothing listens, where nothing answers, and what is no URL', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => {
      mute.listen(0, '127.0.0.1', resolve);
    });
    const { port } = mute.address() as { port: number };
    const urls = [`http://127.0.0.1:${port}`, 'http://127.0.0.1:1', 'http://example.test', 'nonsense:'];
    for (const url of urls) {
      process.env['TOXIPROXY_URL'] = url;
      await expect(make().world.start()).rejects.toMatchObject({
        code: 'MW_TOXIPROXY',
        remedy: expect.stringMatching(/TOXIPROXY_URL|127\.0\.0\.1:PORT/),
      });
    }
    mute.close();
  });

  test('an abort ends it at once, stop may be called again and again', async () => {
    const abort = new AbortController();
    const { world } = make({}, abort.signal);
    const started = world.start();
    started.catch(() => undefined);
    await within(5_000, () => processesOf(runId).length > 2);
    abort.abort();
    await expect(started).rejects.toMatchObject({ code: 'MW_INTERRUPTED' });
    await Promise.all([world.stop(), world.stop()]);
    await world.stop();
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
