/** What an unexpected error becomes: one line with file and line, the stack only when asked for. */
import { afterEach, expect, test, vi } from 'vitest';
import { runScenario } from '../../../sim/engine/run.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';
import { fakeWorld } from './fake-world.ts';

afterEach(() => vi.unstubAllEnvs());

const run = (thrown: unknown) =>
  runScenario(
    defineScenario('its body throws', async () => {
      throw thrown;
    }),
    { world: 'virtual', seed: 1, createWorld: (inner) => fakeWorld(inner) },
  );

test('one line, with the place it comes from', async () => {
  const { error } = await run(new TypeError('no such thing\nsecond line'));
  expect(error?.code).toBe('MW_SCENARIO');
  expect(error?.message).toMatch(/^TypeError: no such thing \(at \/.*unexpected\.test\.ts:\d+\); MESHWRIGHT/);
  expect(error?.message).not.toContain('\n');
});

test('the stack with MESHWRIGHT_DEBUG', async () => {
  vi.stubEnv('MESHWRIGHT_DEBUG', '1');
  expect((await run(new Error('boom'))).error?.message).toMatch(/boom\n\s+at /);
});

test('what is no Error', async () => {
  expect((await run('just words')).error?.message).toBe(
    'something that is no Error was thrown: "just words"',
  );
});
