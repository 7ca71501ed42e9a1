/** The same properties in the real world, in few and short runs, and the budget of what the sidecar may add (direct and proxied calls interleaved). */
import { expect, test } from 'vitest';
import { realCase } from './cases.ts';
import { explore } from './explore.ts';

test('fair, fails over, retries little and costs little: drawn faults on real processes', async () => {
  const found = await explore(realCase(), 3, { world: 'real' });
  const { runs, calls, outcomes, exercised, faults, doubts } = found;
  console.log(`real: ${runs} runs, ${calls} calls`, JSON.stringify({ outcomes, exercised, faults }));
  for (const doubt of doubts) console.log(`real: inconclusive, so not judged: ${doubt}`);
  expect(exercised['roundRobin']).toBeGreaterThan(0);
  expect(exercised['failover']).toBeGreaterThan(0);
  expect(exercised['overhead']).toBeGreaterThan(0);
});
