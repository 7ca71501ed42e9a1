/** `toSource` gives text that compiles against the public types and means the same scenario. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { check } from '../../../sim/checks/index.ts';
import { load } from '../../../sim/engine/load.ts';
import { runScenario } from '../../../sim/engine/run.ts';
import { defineScenario } from '../../../sim/engine/scenario.ts';
import { toSource } from '../../../sim/engine/to-source.ts';
import type { Scenario } from '../../../sim/spec/scenario.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;

const EVERYTHING = defineScenario("all of it: it's \"quoted\", ${evil} `tick` \\ \n and */ 'x'", {
  mesh: {
    services: {
      'greeter-2.a': { instances: 4, latency: load.lognormal({ medianMs: 2.5, p99Ms: 12 }), startupMs: 20 },
    },
    sidecar: {
      replicas: 2,
      health: { intervalMs: 100, timeoutMs: 150 },
      retry: { attempts: 3, retryableStatuses: [8, 14], budgetMinConcurrent: 10_000 },
      timeout: { connectMs: 500 },
    },
  },
  load: load.open({ ratePerSecond: 120, arrivals: 'poisson', forMs: 12_500.5, requestName: "O'Neil\u2028" }),
  faults: (at) => [
    at('1s').kill('greeter-2.a/1'),
    at(1_200).restart('greeter-2.a/*', { stagger: '300ms', graceful: false }),
    at(2_000).failStatus('greeter-2.a/0', { status: 14, share: 0.25, for: '1s' }),
    at(3_000).add('greeter-2.a', { count: 2 }),
    at(4_000).blackhole('greeter-2.a/2', { for: 500 }),
    at(5_000).resetConnections('greeter-2.a/3'),
    at(6_000).sidecar.hotRestart('sidecar/1', { stagger: '200ms' }),
    at(7_000).sidecar.crash(),
  ],
  checks: [
    check.roundRobin(),
    check.failover({ withinMs: 900 }),
    check.noLostRequests({ allowStatuses: [14] }),
  ],
});

test('everything there is to say compiles, and the pasted scenario gives the same journal', async () => {
  const source = toSource(EVERYTHING as Scenario, 77);
  const folder = `${ROOT}.meshwright/to-source-${process.pid}/`;
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(`${folder}pasted.scenario.ts`, source);
    const config = { extends: '../../tsconfig.json', include: ['*.ts'] };
    writeFileSync(`${folder}tsconfig.json`, JSON.stringify(config));
    execFileSync(process.execPath, [`${ROOT}node_modules/typescript/bin/tsc`, '-p', folder], {
      encoding: 'utf8',
    });
    const pasted = (await import(`${folder}pasted.scenario.ts`)) as { default: Scenario };
    expect(pasted.default.name).toBe(EVERYTHING.name);
    const [first, second] = await Promise.all(
      [EVERYTHING as Scenario, pasted.default].map((one) => runScenario(one, { world: 'virtual', seed: 77 })),
    );
    expect(first?.error).toBeNull();
    expect(second?.journalHash).toBe(first?.journalHash);
    expect(second?.verdicts).toEqual(first?.verdicts);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the first line is the command with its seed; only what is used is imported', () => {
  const plain = defineScenario('plain', {
    mesh: { services: { greeter: { instances: 1 } } },
    load: load.closed({ clients: 1, forMs: 100 }),
    checks: [check.noLostRequests()],
  });
  const lines = toSource(plain as Scenario, 5).split('\n');
  expect(lines[0]).toBe('// npx meshwright run <this file> --world virtual --seed 5');
  expect(lines[1]).toBe("import { check, load, scenario } from 'meshwright';");
  expect(lines.join('\n')).not.toContain('faults');
});

test('what happens to the one registry or control plane of a mesh is said without a target', () => {
  const of = (kind: 'xds' | 'registry', faults: (at: any) => any[]): string => {
    const routes = kind === 'xds' ? { routes: [{ cluster: 'default' }] } : {};
    const mesh = { services: { greeter: { instances: 1 } }, sidecar: { discovery: { kind }, ...routes } };
    const rest = { load: load.closed({ clients: 1, forMs: 100 }), checks: [check.noLostRequests()] };
    return toSource(defineScenario('plain', { mesh, ...rest, faults } as never) as Scenario, 5);
  };
  expect(of('xds', (at) => [at(5).xds.routes([{ cluster: 'default' }])])).toContain(
    "at(5).xds.routes([{ cluster: 'default' }])",
  );
  expect(of('registry', (at) => [at(5).registry.crash({ down: 50 })])).toContain(
    'at(5).registry.crash({ down: 50 })',
  );
  expect(of('registry', (at) => [at(5).registry.crash()])).toContain('at(5).registry.crash()');
});
