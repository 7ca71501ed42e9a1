/** The first planted bugs: each turns a check red in words, and its mirror, the same scenario with the sidecar as it is, holds. */
import { type Exhibit, show } from './exhibit.ts';

const SKIPS: Exhibit = {
  name: 'skips-every-third-pick',
  changes: [
    {
      file: 'proxy/policy/round-robin.js',
      line: 'this.#next = this.#ready.next(this.#behind(place));',
      becomes:
        'this.third = (this.third ?? 0) + 1; this.#next = (place + (this.third % 3 === 0 ? 2 : 1)) % items.length;',
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 5 } } },
      load: load.open({ ratePerSecond: 200, forMs: 1000 }), checks: [check.roundRobin({ spreadMax: 1 })] }`,
  check: 'roundRobin',
  words: /picked greeter\/\d .* picks after the last time, where 5 pickable instances make it 5/,
};

/**
 * The budget is wide open: when a paused instance is ejected, all its calls in flight are cut at once, and a budget of 20 %
 * refuses most of these retries by design, which would fail the mirror for another reason than the one on show.
 */
const NEVER_FAILS: Exhibit = {
  name: 'health-check-never-fails',
  changes: [
    { file: 'proxy/policy/health.js', line: 'this.healthy = false;', becomes: 'this.healthy = true;' },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 3 } },
        sidecar: { health: { intervalMs: 100, timeoutMs: 100, unhealthyThreshold: 2 }, retry: { budget: 1, budgetMinConcurrent: 100 } } },
      load: load.open({ ratePerSecond: 200, forMs: 3000 }),
      faults: (at) => [at(500).pause('greeter/1', { for: '2s' })], checks: [check.failover({ withinMs: 800 })] }`,
  check: 'failover',
  words: /attempt was sent to greeter\/1, unavailable since/,
};

/**
 * FO-05: a failure in trailers is tried again although its headers are with the caller. Two guards stand before it, the mark
 * `committed` and the request that is let go of; both fall, and the trailers' status is taken for one that may be retried.
 */
const RETRIES_AFTER_HEADERS: Exhibit = {
  name: 'retries-after-response-headers',
  changes: [
    { file: 'proxy/core/call.js', line: 'if (this.committed || !this.buffer.kept)', becomes: 'if (false)' },
    {
      file: 'proxy/core/call.js',
      line: 'this.committed = true;\n        this.buffer.drop();',
      becomes: 'const again = this.committed; this.committed = true; if (again) return;',
    },
    {
      file: 'proxy/core/call.js',
      line: 'handleResponseTrailers(attempt, block) {',
      becomes: `handleResponseTrailers(attempt, block) {
        if (block.grpcStatus === 14) {
          this.endAttempt('complete', 14, -1);
          return this.fail(14, 'unavailable in trailers', null, 'complete', false);
        }`,
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 3 } } },
      load: load.open({ ratePerSecond: 150, forMs: 1500 }),
      faults: (at) => [at(300).failStatus('greeter/1', { status: 14, afterHeaders: true, for: '600ms' })],
      checks: [check.failover({ withinMs: 500 })] }`,
  check: 'failover',
  words: /sent attempt 2 of call \d+ after response headers of that call had been passed to the caller/,
};

show('planted: $name', [SKIPS, NEVER_FAILS, RETRIES_AFTER_HEADERS]);
show('planted, in the real world: $name', [
  { ...SKIPS, world: 'real' },
  { ...RETRIES_AFTER_HEADERS, world: 'real' },
]);
