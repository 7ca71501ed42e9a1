/** What is done to sidecars, in both worlds: the same scenario, judged by the same checks. */
import { describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { Kind, SIDECAR_STATES } from '../../sim/journal/events.ts';
import { runIn } from './arms.ts';

const mesh = {
  services: { greeter: { instances: 2, latency: load.uniform({ minMs: 5, maxMs: 400 }) } },
  sidecar: { replicas: 2, drainDelayMs: 200, drainMs: 2_000 },
} as const;
const long = load.open({ ratePerSecond: 100, forMs: 3_000, deadlineMs: 4_000 });

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  test('one sidecar is reloaded and replaced, the other drained: all calls across it end well', async () => {
    const seen = await runIn(world, 'changes', {
      mesh,
      load: long,
      faults: (at) => [
        at(200).sidecar.reload('sidecar/0'),
        at(500).sidecar.drain('sidecar/1'),
        at(1_200).sidecar.hotRestart('sidecar/0'),
      ],
      checks: [check.cutOver({ goneWithinMs: 1_500 }), check.noLostRequests()],
    });
    expect(seen.outcomes).toEqual({ cutOver: 'holds', noLostRequests: 'holds' });
    expect(seen.record.outcome).toBe('holds');
    const states = seen.on(Kind.sidecarState, -1);
    const life = (sidecar: number) =>
      states
        .filter((one) => one.sidecar === sidecar)
        .map(({ code, detail }) => `${SIDECAR_STATES[code]} ${detail}`)
        .join(', ');
    expect(life(1)).toBe('draining 0, gone 0');
    expect(life(0)).toBe(
      [1, 2]
        .map((next) => `starting ${next}, serving ${next}, draining ${next - 1}, gone ${next - 1}`)
        .join(', '),
    );
  });

  test('a crash is seen at once, and the sidecar comes back on its port', async () => {
    const seen = await runIn(world, 'crash', {
      mesh,
      load: long,
      faults: (at) => [at(500).sidecar.crash('sidecar/1')],
      checks: [
        check.crashSeen({ withinMs: 300, backWithinMs: 1_500 }),
        check.noLostRequests({ allowStatuses: [14] }),
      ],
    });
    expect(seen.outcomes).toEqual({ crashSeen: 'holds', noLostRequests: 'holds' });
    expect(seen.record.stats.ok).toBeGreaterThan(150);
  });
});
