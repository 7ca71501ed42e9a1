/** One body, two arms: loads, meshes and faults that the shipped scenarios do not use must mean the same in both worlds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { runScenario } from '../../sim/engine/run.ts';
import { scenario } from '../../sim/engine/scenario.ts';
import { ENDPOINT_CHANGES, type EventView, Kind } from '../../sim/journal/events.ts';
import type { ScenarioRecord } from '../../sim/spec/run-record.ts';
import type { ScenarioSpec } from '../../sim/spec/scenario.ts';

const home = mkdtempSync(join(tmpdir(), 'meshwright-arms-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  async function run(
    name: string,
    spec: ScenarioSpec<'greeter'>,
  ): Promise<{ record: ScenarioRecord; events: EventView[] }> {
    const events: EventView[] = [];
    const record = await runScenario(scenario(name, spec), {
      world,
      seed: 5,
      folder: mkdtempSync(join(home, 'run-')),
      retain: true,
      onJournal: (journal) => {
        events.length = 0;
        journal.read((event) => {
          events.push({ ...event });
        });
      },
    });
    expect(record.error).toBeNull();
    return { record, events };
  }
  const of = (events: EventView[], kind: Kind): EventView[] => events.filter((event) => event.kind === kind);
  const greeters = (instances: number) => ({ greeter: { instances, latency: load.constant(20) } });

  test('a closed loop never has more calls in flight than clients, and keeps them busy', async () => {
    const { record, events } = await run('closed loop', {
      mesh: { services: greeters(2) },
      load: load.closed({ clients: 4, thinkMs: 5, forMs: 1_000 }),
      checks: [check.noLostRequests()],
    });
    let now = 0;
    let most = 0;
    for (const { kind } of events) {
      if (kind === Kind.callStart) most = Math.max(most, ++now);
      else if (kind === Kind.callEnd) now--;
    }
    expect(most).toBe(4);
    expect(record.outcome).toBe('holds');
    // At most 4 × 1000 / (20 + 5); a busy machine takes longer for each.
    expect(record.stats.calls).toBeLessThanOrEqual(164);
    expect(record.stats.calls).toBeGreaterThan(60);
  });

  test('three sidecars share the load in turn, and each goes round robin by itself', async () => {
    const { record, events } = await run('three sidecars', {
      mesh: { services: greeters(4), sidecar: { replicas: 3 } },
      load: load.open({ ratePerSecond: 120, forMs: 1_000 }),
      checks: [check.roundRobin({ spreadMax: 1 }), check.noLostRequests()],
    });
    expect(record.verdicts.map(({ outcome }) => outcome)).toEqual(['holds', 'holds']);
    const firsts = of(events, Kind.attemptSent).filter(({ detail }) => detail === 1);
    for (const sidecar of [0, 1, 2]) {
      const picks = firsts.filter((event) => event.sidecar === sidecar);
      expect(picks.length).toBe(40);
      for (const instance of [0, 1, 2, 3])
        expect(picks.filter((pick) => pick.instance === instance).length).toBe(10);
    }
  });

  test('bandwidth makes a call take its octets over the rate', async () => {
    const { record, events } = await run('bandwidth', {
      mesh: { services: greeters(1), sidecar: { health: null } },
      load: load.open({ ratePerSecond: 4, forMs: 2_000, deadlineMs: 5_000, requestName: 'x'.repeat(10_000) }),
      faults: (at) => [at(450).bandwidth('greeter/0', { bytesPerSecond: 50_000, for: '10s' })],
      checks: [check.noLostRequests()],
    });
    expect(record.outcome).toBe('holds');
    const start = new Map(of(events, Kind.callStart).map(({ call, tNs }) => [call, tNs]));
    const tookMs = of(events, Kind.callEnd)
      .sort((a, b) => a.call - b.call)
      .map(({ call, tNs }) => (tNs - (start.get(call) ?? 0)) / 1e6);
    // 10 kB each way at 50 kB/s: 200 ms there and, where both ways are limited, 200 ms back.
    const [before, during] = [tookMs.slice(0, 2), tookMs.slice(2)];
    expect(during.length).toBeGreaterThan(3);
    expect(Math.min(...during)).toBeGreaterThan(180);
    expect(Math.min(...before)).toBeLessThan(Math.min(...during));
  });

  test('a fail rule for all methods fails calls and leaves health checks alone', async () => {
    const { record, events } = await run('fail all', {
      mesh: {
        services: greeters(2),
        sidecar: { health: { intervalMs: 50, timeoutMs: 500 }, retry: { attempts: 1 } },
      },
      load: load.open({ ratePerSecond: 100, forMs: 1_000 }),
      faults: (at) => [at(200).failStatus('greeter/0', { status: 13, for: '10s' })],
      checks: [check.noLostRequests({ allowStatuses: [13] })],
    });
    expect(record.outcome).toBe('holds');
    const failed = of(events, Kind.callEnd).filter(({ code }) => code === 13);
    expect(failed.length).toBeGreaterThanOrEqual(38);
    expect(failed.length).toBeLessThanOrEqual(42);
    const unhealthy = of(events, Kind.endpointChanged).filter(
      ({ code }) => code === ENDPOINT_CHANGES.indexOf('unhealthy'),
    );
    expect(unhealthy).toEqual([]);
  });
});
