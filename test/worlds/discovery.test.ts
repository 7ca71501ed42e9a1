/** Faults of the control plane, in both worlds and both variants: the same scenario, and each sidecar is told what its fault makes of it. */
import { describe, expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { load } from '../../sim/engine/load.ts';
import { CONFIG_EVENTS, Kind } from '../../sim/journal/events.ts';
import { runIn } from './arms.ts';

/** By sidecar: what it is told while its fault lasts, and the answers. */
const TOLD = [
  ['acked', 'told'],
  ['acked', 'late'],
  ['refused', 'spoilt'],
  ['refused', 'spoilt'],
  ['dropped'],
  ['acked', 'older', 'refused', 'told'],
  ['silent'],
  ['cut', 'opening'],
];

describe.each(['virtual', 'real'] as const)('in the %s world', (world) => {
  test.each(['sotw', 'delta'] as const)(
    '[DC-07, DC-09, DC-10, DC-11] %s: every sidecar has its own view, and all have one at the end',
    async (variant) => {
      const seen = await runIn(world, `views-${variant}`, {
        mesh: {
          services: { greeter: { instances: 4 } },
          sidecar: {
            replicas: TOLD.length,
            discovery: { kind: 'xds', variant, versions: 'rising', backoffBaseMs: 100, backoffMaxMs: 200 },
          },
        },
        load: load.open({ ratePerSecond: 200, forMs: 5_500 }),
        faults: (at) => [
          at(500).xds.delay('sidecar/1', { by: 600, for: 1_500 }),
          at(500).xds.nack('sidecar/2', { for: 1_500 }),
          at(500).xds.nack('sidecar/3', { for: 1_500, unparsable: true }),
          at(500).xds.drop('sidecar/4', { for: 1_500 }),
          at(500).xds.reorder('sidecar/5', { for: 1_500 }),
          at(500).xds.silence('sidecar/6', { for: 1_500 }),
          at(500).xds.silence('sidecar/7', { for: 1_500, cut: true }),
          at(600).remove('greeter/1'),
          at(900).remove('greeter/2'),
          at(2_500).add('greeter'),
        ],
        checks: [check.configAnswers(), check.noLostRequests(), check.noCallsToDeparted({ withinMs: 500 })],
      });
      expect(seen.outcomes).toEqual({
        configAnswers: 'holds',
        noLostRequests: 'holds',
        noCallsToDeparted: 'holds',
      });
      expect(seen.record.outcome).toBe('holds');
      const told = seen.on(Kind.config, -1, 500, 1_900);
      for (const [sidecar, expected] of TOLD.entries()) {
        const names = told.filter((one) => one.sidecar === sidecar).map(({ code }) => CONFIG_EVENTS[code]);
        expect([...new Set(names)].sort(), `sidecar ${sidecar}`).toEqual(expected);
      }
      // Who leaves is gone from every view, and who joins is in it.
      for (let sidecar = 0; sidecar < TOLD.length; sidecar++) {
        const picks = (instance: number) =>
          seen.on(Kind.attemptSent, instance, 4_500, 5_500).filter((one) => one.sidecar === sidecar).length;
        expect([picks(0) > 0, picks(1), picks(2), picks(3) > 0, picks(4) > 0]).toEqual([
          true,
          0,
          0,
          true,
          true,
        ]);
      }
    },
  );
});
