/** How long a dead instance still gets attempts, for a few hundred seeds; `npm run failover` takes ten thousand. */
import { expect, test } from 'vitest';
import { dieOnce } from '../../scripts/failover-bound.ts';

const SEEDS = 300;

test('FO-34: from the death to the last attempt at most health interval × threshold + one round trip, for every seed', async () => {
  let silent = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const death = await dieOnce(seed);
    expect(death.lastMs, `seed ${seed}, ${death.kind}`).toBeLessThanOrEqual(death.boundMs);
    if (death.kind === 'pause' && death.attempts > 0) silent++;
  }
  // It has to be exercised: nobody can know of a silent death at once.
  expect(silent).toBeGreaterThan(0.45 * SEEDS);
});
