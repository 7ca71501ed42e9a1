/** All instances and the control plane go and come back, in both worlds: the journal tells of each attempt to connect. */
import { describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { CONFIG_EVENTS, ENDPOINT_CHANGES, Kind } from '../../sim/journal/events.ts';
import { runIn } from './arms.ts';

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  test('[FO-33] attempts to connect are told, and bounded', async () => {
    const seen = await runIn(world, 'back', {
      mesh: {
        services: { greeter: { instances: 2 } },
        sidecar: { replicas: 3, discovery: { kind: 'xds', backoffBaseMs: 200 } },
      },
      load: load.open({ ratePerSecond: 50, forMs: 4_000 }),
      faults: (at) => [
        at(500).xds.silence('sidecar/*', { for: 1_500, cut: true }),
        at(1_000).restart('greeter/*', { graceful: false, stagger: 0, down: 700 }),
      ],
      checks: [check.noThunderingHerd({ burstMax: 3 })],
    });
    expect(seen.outcomes).toEqual({ noThunderingHerd: 'holds' });
    const isDial = ({ code }: { code: number }) => ENDPOINT_CHANGES[code] === 'dialling';
    const isOpen = ({ code }: { code: number }) => CONFIG_EVENTS[code] === 'opening';
    for (let sidecar = 0; sidecar < 3; sidecar++) {
      const own = (kind: Kind, instance: number) =>
        seen.on(kind, instance, 400, 3_500).filter((one) => one.sidecar === sidecar);
      expect(own(Kind.endpointChanged, 0).filter(isDial).length).toBeGreaterThan(2);
      expect(own(Kind.config, -1).filter(isOpen).length).toBeGreaterThan(1);
    }
  });
});
