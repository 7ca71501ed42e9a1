import { describe, expect, test } from 'vitest';
import { type Bug, runBug } from './plant.ts';

const BUGS: (Bug & { check: string; words: RegExp })[] = [
  {
    name: 'skips-every-third-pick',
    file: 'proxy/policy/round-robin.js',
    line: 'this.#next = index + 1 === ready.length ? 0 : index + 1;',
    becomes:
      'this.third = (this.third ?? 0) + 1; this.#next = (index + (this.third % 3 === 0 ? 2 : 1)) % ready.length;',
    scenario: `{ mesh: { services: { greeter: { instances: 5 } } },
      load: load.open({ ratePerSecond: 200, forMs: 1000 }), checks: [check.roundRobin({ spreadMax: 1 })] }`,
    check: 'roundRobin',
    words: /picked greeter\/\d .* picks after the last time, where 5 pickable instances make it 5/,
  },
  {
    name: 'health-check-never-fails',
    file: 'proxy/policy/health.js',
    line: 'this.healthy = false;',
    becomes: 'this.healthy = true;',
    scenario: `{ mesh: { services: { greeter: { instances: 3 } },
        sidecar: { health: { intervalMs: 100, timeoutMs: 100, unhealthyThreshold: 2 }, retry: { budget: 1, budgetMinConcurrent: 100 } } },
      load: load.open({ ratePerSecond: 200, forMs: 3000 }),
      faults: (at) => [at(500).pause('greeter/1', { for: '2s' })], checks: [check.failover({ withinMs: 800 })] }`,
    check: 'failover',
    words: /attempt was sent to greeter\/1, unavailable since/,
  },
];

describe.each(BUGS)('planted: $name', (bug) => {
  test('the check turns red and says why', () => {
    const verdict = runBug(bug, true).verdicts.find((one) => one.check === bug.check);
    expect(verdict?.outcome).toBe('violated');
    expect(verdict?.explanation).toMatch(bug.words);
  });

  test('its mirror holds', () => {
    const record = runBug(bug, false);
    expect(record.error).toBeNull();
    expect(record.verdicts.find((one) => one.check === bug.check)).toMatchObject({ outcome: 'holds' });
  });
});
