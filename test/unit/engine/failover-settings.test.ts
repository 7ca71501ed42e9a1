/** What a scenario may say about failover policies, and how what it may not is refused. */
import { expect, test } from 'vitest';
import { readFailover } from '../../../sim/engine/validate-failover.ts';
import type { SidecarSpec } from '../../../sim/spec/scenario.ts';

const read = (sidecar: object): void => readFailover(sidecar as SidecarSpec, "scenario 'x'");

test('good settings pass', () => {
  read({});
  read({ loadShed: { priorityHeader: 'x-p', retriesAt: 0.5 } });
  const successRate = { minHosts: 3, stdevFactor: 1_000 };
  read({
    outlier: {
      cap: 'envoy',
      errorStatuses: [14],
      healthyCheckUnejects: false,
      successRate,
      jitterMs: undefined,
    },
  });
});

test.each([
  [{ loadShed: { lowPriority: 1 } }, "'loadShed.lowPriority' is 1"],
  [{ outlier: 3 }, "'outlier' is 3"],
  [{ outlier: { consecutive: 3 } }, "no setting 'outlier.consecutive'"],
  [{ outlier: { maxEjectionPercent: 101 } }, "'outlier.maxEjectionPercent' is 101"],
  [{ outlier: { cap: 'other' } }, "'outlier.cap' is"],
  [{ outlier: { healthyCheckUnejects: 1 } }, "'outlier.healthyCheckUnejects' is 1"],
  [{ outlier: { errorStatuses: [17] } }, "'outlier.errorStatuses' is"],
  [{ outlier: { successRate: { minHosts: -1 } } }, "'outlier.successRate.minHosts' is -1"],
])('%j is refused', (sidecar, message) => {
  expect(() => read(sidecar)).toThrow(message);
});
