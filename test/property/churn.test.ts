/** Churn of any sort by way of any source of endpoints, in the virtual world. What is drawn, and what is promised of it: cases.ts. */
import { expect, test } from 'vitest';
import { churnCase } from './cases.ts';
import { explore } from './explore.ts';

test('LB-01, DC-01, DC-04, DC-14: turns stay exact, who left is not called, all agree, and no call is lost', async () => {
  const found = await explore(churnCase(), 300, { world: 'virtual' });
  const { runs, calls, exercised, faults } = found;
  console.log(`churn: ${runs} runs, ${calls} calls`, JSON.stringify({ exercised, faults }));
  for (const name of ['roundRobin', 'failover', 'noCallsToDeparted', 'sameView', 'leaseExpiry'])
    expect([name, (exercised[name] ?? 0) > 30]).toEqual([name, true]);
  expect(found.doubts).toEqual([]);
});
