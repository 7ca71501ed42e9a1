/** Priorities, localities, subsets and learned weights in any mix, under any faults, in the virtual world. */
import { expect, test } from 'vitest';
import { groupsCase } from './cases.ts';
import { explore } from './explore.ts';

test('LB-20, LB-21, LB-22, LB-23, LB-26: calls go by group and load as each setting says, whatever fails', async () => {
  const seen = await explore(groupsCase(), 300, { world: 'virtual' });
  console.log(`groups: ${seen.runs} runs, ${seen.calls} calls ${JSON.stringify(seen.exercised)}`);
  expect(seen.doubts.filter((doubt) => !doubt.includes('Nothing in the journal shows an effect'))).toEqual(
    [],
  );
  const groups = ['priorityFailover', 'localityShare', 'subset', 'learnedWeights'];
  for (const name of [...groups, 'panic', 'roundRobin', 'weightedShare', 'leastRequest'])
    expect([name, (seen.exercised[name] ?? 0) > 1_000]).toEqual([name, true]);
  expect(seen.exercised['slowStart'] ?? 0).toBeGreaterThan(100);
});
