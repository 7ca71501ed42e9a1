/** A bug in the sidecar is found, shrunk to few faults, and told as a scenario that can be pasted and shows it again. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Arbitrary } from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { Sidecar } from '../../proxy/core/sidecar.ts';
import type { BalancerMember } from '../../proxy/policy/balancer.ts';
import { RoundRobin } from '../../proxy/policy/round-robin.ts';
import { check } from '../../sim/checks/index.ts';
import { runScenario } from '../../sim/engine/run.ts';
import type { WorldFactory } from '../../sim/engine/worlds.ts';
import type { Scenario } from '../../sim/spec/scenario.ts';
import type { SidecarFactory } from '../../sim/virtual/sidecar-host.ts';
import { createVirtualWorld } from '../../sim/virtual/world.ts';
import { anyCase, failoverCase } from './cases.ts';
import { type Case, explore } from './explore.ts';

afterEach(() => vi.restoreAllMocks());

/** Never tries again, whatever it was told. */
const tiresAtOnce: SidecarFactory = (config, ...rest) =>
  new Sidecar({ ...config, retry: { ...config.retry, attempts: 1 } }, ...rest);

test('a sidecar that does not retry: found, shrunk to one fault, shown again by the pasted text', async () => {
  const world: WorldFactory = (inner) => createVirtualWorld({ ...inner, createSidecar: tiresAtOnce });
  const said = await storyOf(failoverCase(), world);
  expect(said).toMatch(/failover: Call \d+ failed with status 14 .* although greeter\/\d was available/);
  expect(faultsIn(said)).toHaveLength(1);
  await expectShownAgain(said, world);
});

test('a retry that moves the cursor of first picks: found, shrunk to one fault at most, shown again', async () => {
  vi.spyOn(RoundRobin.prototype, 'pickRetry').mockImplementation(function (this: RoundRobin<BalancerMember>) {
    return this.pick();
  });
  const world: WorldFactory = (inner) => createVirtualWorld(inner);
  const said = await storyOf(
    anyCase(() => [check.roundRobin({ spreadMax: 1 })]),
    world,
  );
  expect(said).toMatch(/roundRobin: \d+ picks? of \d+ broke round robin/);
  // None is needed where a slow answer alone makes a retry.
  expect(faultsIn(said).length).toBeLessThanOrEqual(1);
  await expectShownAgain(said, world);
});

function storyOf(cases: Arbitrary<Case>, createWorld: WorldFactory): Promise<string> {
  return explore(cases, 200, { world: 'virtual', createWorld }).then(
    () => 'nothing was found',
    (error: Error) => error.message,
  );
}

function faultsIn(said: string): string[] {
  return said.match(/^ +at\(\d.*$/gm) ?? [];
}

/** Pastes the text into a file, imports it as vitest would, and runs it with the seed it names: violated; healed: not. */
async function expectShownAgain(said: string, createWorld: WorldFactory): Promise<void> {
  const source = said.slice(said.indexOf('// npx meshwright run'));
  const seed = Number(/--seed (\d+)$/m.exec(source)?.[1]);
  const folder = new URL(`../../.meshwright/pasted-${process.pid}-${seed}/`, import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(`${folder}pasted.scenario.ts`, source);
    const pasted = (await import(`${folder}pasted.scenario.ts`)) as { default: Scenario };
    const ill = await runScenario(pasted.default, { world: 'virtual', seed, createWorld });
    expect(ill.outcome).toBe('violated');
    vi.restoreAllMocks();
    const well = await runScenario(pasted.default, { world: 'virtual', seed });
    expect(well.outcome).not.toBe('violated');
    expect(well.error).toBeNull();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
