/** Properties over drawn meshes, loads, churn and faults in the virtual world. What is drawn, and what is promised of it: cases.ts. */
import { expect, test } from 'vitest';
import { check } from '../../sim/checks/index.ts';
import { anyCase, controlPlaneCase, failoverCase, stormCase } from './cases.ts';
import { type Explored, explore } from './explore.ts';

const RUNS = 200;
const VIRTUAL = { world: 'virtual' } as const;

test('round robin is fair within each epoch, whatever happens', async () => {
  const found = await explore(
    anyCase(() => [check.roundRobin({ spreadMax: 1 })]),
    RUNS,
    VIRTUAL,
  );
  say('fairness', found);
  expect(found.exercised['roundRobin']).toBeGreaterThan(100 * found.runs);
});

test('while one instance is well and retries suffice, no call is lost and the lost are left alone', async () => {
  const found = await explore(failoverCase(), RUNS, VIRTUAL);
  say('failover', found);
  expect(found.exercised['failover']).toBeGreaterThan(found.runs);
});

test('the budget alone bounds a retry storm', async () => {
  const found = await explore(stormCase(), RUNS, VIRTUAL);
  say('storm', found);
  expect(found.exercised['retryAmplification']).toBeGreaterThan(found.runs);
});

test('no call is sent more often than its attempts and one free retry, whatever happens', async () => {
  const found = await explore(
    anyCase(({ retry }) => [check.retryAmplification({ max: (retry?.attempts ?? 3) + 1 })]),
    RUNS,
    VIRTUAL,
  );
  say('amplification', found);
  expect(found.exercised['retryAmplification']).toBeGreaterThan(0);
});

test('[DC-01, DC-07, DC-09, DC-10] whatever the control plane says to whom and when, answers are right, no call is lost and all agree in the end', async () => {
  const found = await explore(controlPlaneCase(), RUNS, VIRTUAL);
  say('control plane', found);
  expect(found.exercised['configAnswers']).toBeGreaterThan(10 * found.runs);
  expect(found.exercised['sameView']).toBeGreaterThan(10 * found.runs);
  for (const kind of ['delay', 'nack', 'drop', 'reorder', 'pin', 'silence'])
    expect(found.faults[`xds.${kind}`]).toBeGreaterThan(10);
});

function say(name: string, { runs, calls, outcomes, exercised, faults }: Explored): void {
  console.log(`${name}: ${runs} runs, ${calls} calls`, JSON.stringify({ outcomes, exercised, faults }));
}
