import { describe, expect, test } from 'vitest';
import { noLostRequests } from '../../../sim/checks/no-lost-requests.ts';
import { load } from '../../../sim/engine/load.ts';
import { type RunOptions, runScenario } from '../../../sim/engine/run.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';
import type { ScenarioSpec } from '../../../sim/spec/scenario.ts';
import { type FakeHabits, type FakeWorld, fakeWorld } from './fake-world.ts';

const SPEC: ScenarioSpec<'greeter'> = {
  mesh: { services: { greeter: { instances: 3 } } },
  load: load.open({ ratePerSecond: 100, forMs: 2_000 }),
  checks: [noLostRequests()],
};

function staged(habits: FakeHabits = {}, more: Partial<RunOptions> = {}) {
  const worlds: FakeWorld[] = [];
  const options: RunOptions = {
    world: 'virtual',
    seed: 7,
    createWorld: (inner) => {
      const world = fakeWorld(inner, habits);
      worlds.push(world);
      return world;
    },
    ...more,
  };
  return { worlds, options };
}

describe('runScenario', () => {
  test('runs load and faults in order, and says how to run it again', async () => {
    const { worlds, options } = staged({}, { file: '/tmp/a b.scenario.ts' });
    const one = defineScenario('two die', {
      ...SPEC,
      faults: (at) => [
        at('1s').kill('greeter/1'),
        at(500).kill('greeter/0'),
        at(1_500).restart('greeter/*', { stagger: 100 }),
      ],
    });
    const record = await runScenario(one, options);
    expect(record.error).toBeNull();
    expect(record.outcome).toBe('holds');
    expect(record.stats.calls).toBe(200);
    expect(record.replay).toMatch(/^npx meshwright run '.*a b\.scenario\.ts' --world virtual --seed 7$/);
    const [world] = worlds;
    expect(world?.stopped).toBe(1);
    expect(world?.applied.map(({ atMs, control }) => `${atMs} ${control.op} ${control.instance}`)).toEqual([
      '500 kill 0',
      '1000 kill 1',
      '1500 start 0',
      '1500 start 1',
      '1500 member 2',
      '1800 stop 2',
      '2000 start 2',
    ]);
    expect(record.timeline.faults.map(({ kind, fromMs, toMs }) => [kind, fromMs, toMs])).toEqual([
      ['kill', 500, 1500],
      ['kill', 1000, 1500],
      ['restart', 1500, 2000],
    ]);
  });

  test('the same seed gives the same hash', async () => {
    const one = defineScenario('same', SPEC);
    const first = await runScenario(one, staged().options);
    const second = await runScenario(one, staged().options);
    expect(first.journalHash).toMatch(/^[0-9a-f]{32}$/);
    expect(second.journalHash).toBe(first.journalHash);
  });

  test('a fault without effect makes the run inconclusive, and in the real world it is tried again', async () => {
    const one = defineScenario('numb', { ...SPEC, faults: (at) => [at('1s').kill('greeter/1')] });
    const virtual = staged({ numb: true });
    const record = await runScenario(one, virtual.options);
    expect(record.outcome).toBe('inconclusive');
    expect(record.verdicts.at(-1)?.explanation).toContain('kill of greeter/1 at 1000 ms');
    expect(virtual.worlds.length).toBe(1);
    const real = staged({ numb: true }, { world: 'real' });
    const again = await runScenario(one, real.options);
    expect([again.outcome, again.tries, real.worlds.length]).toEqual(['inconclusive', 2, 2]);
  });

  test('violated when calls fail', async () => {
    const record = await runScenario(defineScenario('bad', SPEC), staged({ status: 14 }).options);
    expect(record.outcome).toBe('violated');
    expect(record.verdicts[0]?.explanation).toContain('200 of 200 calls failed');
    expect(record.stats.statuses).toEqual({ 14: 200 });
  });

  test('what a world throws is an error of the record, and the world is stopped', async () => {
    const { worlds, options } = staged({ failStart: new Error('no room') });
    const record = await runScenario(defineScenario('broken', SPEC), options);
    expect(record.outcome).toBe('error');
    expect(record.error?.message).toContain('no room');
    expect(worlds[0]?.stopped).toBe(1);
  });

  test('interrupted', async () => {
    const abort = new AbortController();
    const { worlds, options } = staged({}, { signal: abort.signal, onProgress: () => abort.abort() });
    const record = await runScenario(defineScenario('cut', SPEC), options);
    expect(record.outcome).toBe('interrupted');
    expect(record.error?.code).toBe('MW_INTERRUPTED');
    expect(worlds[0]?.stopped).toBe(1);
  });

  test('an imperative body drives the run', async () => {
    const { worlds, options } = staged();
    const times: number[] = [];
    const one = defineScenario('by hand', async (mesh) => {
      await mesh.load(load.open({ ratePerSecond: 100, forMs: 3_000 }));
      await mesh.run('1s');
      await mesh.kill('greeter/1');
      times.push(mesh.nowMs);
      await mesh.run(500);
      await mesh.restart('greeter/1');
      await mesh.add('greeter', { count: 2 });
    });
    const record = await runScenario(one, options);
    expect(record.error).toBeNull();
    expect(record.outcome).toBe('holds');
    expect(times).toEqual([1_000]);
    expect(worlds[0]?.applied.map(({ control }) => `${control.op} ${control.instance}`)).toEqual([
      'kill 1',
      'start 1',
      'start 3',
      'start 4',
    ]);
    expect(record.stats.calls).toBe(300);
    expect(record.stats.instances.map((one) => one.name).at(-1)).toBe('greeter/4');
  });

  test('a body that forgets to await is told so', async () => {
    const one = defineScenario('hasty', async (mesh) => {
      void mesh.run('1s');
      await mesh.kill('greeter/1');
    });
    const record = await runScenario(one, staged().options);
    expect(record.error?.message).toContain('mesh.kill() was called while mesh.run() was still going on');
  });
});
