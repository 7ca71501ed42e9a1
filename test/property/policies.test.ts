/** Failover and overload policies in any mix, under any faults, in the virtual world. */
import { expect, test } from 'vitest';
import { policyCase } from './cases.ts';
import { explore } from './explore.ts';

test('FO-10, FO-17, FO-22, FO-24, FO-25, OV-01: each policy keeps its promise whatever the others do', async () => {
  const seen = await explore(policyCase(), 300, { world: 'virtual' });
  console.log(`policies: ${seen.runs} runs, ${seen.calls} calls ${JSON.stringify(seen.exercised)}`);
  expect(seen.doubts.filter((doubt) => !doubt.includes('Nothing in the journal shows an effect'))).toEqual(
    [],
  );
  for (const name of [
    'ejection',
    'circuitBreaker',
    'retryThrottling',
    'hedging',
    'rateLimit',
    'noLostRequests',
  ]) {
    expect([name, (seen.exercised[name] ?? 0) > 100]).toEqual([name, true]);
  }
});
