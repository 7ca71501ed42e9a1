/** Planted bugs of failover policies: each turns a check red in words, and its mirror holds. */
import { type Exhibit, show } from './exhibit.ts';

/** Two of four instances fail whatever they are asked, for longer than an ejection lasts. */
const ejecting = (outlier: string): string => `{ mesh: { services: { greeter: { instances: 4 } },
        sidecar: { outlier: { intervalMs: 100, baseEjectionMs: 200, maxEjectionMs: 2000, consecutiveErrors: 3, ${outlier} } } },
      load: load.open({ ratePerSecond: 200, forMs: 4000 }),
      faults: (at) => [at(500).failStatus('greeter/1', { status: 14, for: '2s' }), at(500).failStatus('greeter/2', { status: 14, for: '2s' })],
      checks: [check.ejection()] }`;

const NEVER_EJECTS: Exhibit = {
  name: 'never-ejects',
  changes: [{ file: 'proxy/policy/outlier.js', line: 'record.ejected = true;', becomes: 'return;' }],
  scenario: ejecting('maxEjectionPercent: 50'),
  check: 'ejection',
  words: /did not eject greeter\/\d after 3 errors in a row/,
};

/** The share before the ejection where the dialect judges the share after it. */
const CAP_TOO_LATE: Exhibit = {
  name: 'ejects-one-too-many',
  changes: [
    {
      file: 'proxy/policy/outlier.js',
      line: 'return 100 * (already + 1) <= allowed',
      becomes: 'return 100 * already <= allowed',
    },
  ],
  scenario: ejecting("maxEjectionPercent: 30, cap: 'envoy'"),
  check: 'ejection',
  words: /ejected greeter\/\d while 1 of 4 were ejected already, beyond 30 % as envoy reads it/,
};

/** No test of a single ejection sees the order in which a sweep works. */
const DECAYS_FIRST: Exhibit = {
  name: 'good-intervals-count-first',
  changes: [
    {
      file: 'proxy/policy/outlier.js',
      line: 'record.multiplier++;',
      becomes: 'record.multiplier = Math.max(0, record.multiplier - 1) + 1;',
    },
  ],
  scenario: ejecting('maxEjectionPercent: 50'),
  check: 'ejection',
  words: /let greeter\/\d back after [\d.]+ ms, where it had to be between/,
};

const THROTTLE_OPEN: Exhibit = {
  name: 'retries-at-an-empty-bucket',
  changes: [
    {
      file: 'proxy/policy/throttle.js',
      line: 'return 2 * this.#thousandths > this.#max;',
      becomes: 'return this.#thousandths > 0;',
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 3 } },
        sidecar: { retry: { attempts: 2, budget: 1, budgetMinConcurrent: 100 }, retryThrottling: { maxTokens: 10, tokenRatio: 0.1 } } },
      load: load.open({ ratePerSecond: 200, forMs: 1500 }),
      faults: (at) => [at(500).failStatus('greeter/*', { status: 14, for: '500ms' })], checks: [check.retryThrottling()] }`,
  check: 'retryThrottling',
  words: /tried call \d+ again although \d(\.\d+)? of 10 tokens were left/,
};

const overloaded = `{ mesh: { services: { greeter: { instances: 3, latency: load.constant(10) } },
        sidecar: { circuitBreaker: { maxRequests: 20, maxPending: 0 } } },
      load: load.open({ ratePerSecond: 200, forMs: 2500 }),
      faults: (at) => [at(500).latency('greeter/*', { add: '300ms', for: '1s' })], checks: [check.circuitBreaker()] }`;

const ONE_MORE: Exhibit = {
  name: 'one-more-in-flight',
  changes: [
    {
      file: 'proxy/policy/breaker.js',
      line: 'active < config.maxRequests',
      becomes: 'active <= config.maxRequests',
    },
  ],
  scenario: overloaded,
  check: 'circuitBreaker',
  words: /has 21 attempts in flight, more than 20/,
};

/** A counter of its own that is not given back when an attempt fails. */
const LEAKS: Exhibit = {
  name: 'breaker-leaks',
  changes: [
    {
      file: 'proxy/core/breaker.js',
      line: 'attemptsAlive + callsWaiting',
      becomes: 'attemptsAlive + this.#context.counters.breakerOverRequests / 8',
    },
  ],
  scenario: overloaded,
  check: 'circuitBreaker',
  words: /refused call \d+ with \d+ of 20 in flight or waiting/,
};

const hedged = (
  faults: string,
  more = '',
): string => `{ mesh: { services: { greeter: { instances: 3, latency: load.constant(5) } },
        sidecar: { retry: { budget: 1, budgetMinConcurrent: 100 }, hedging: { attempts: 2, delayMs: 30 } ${more} } },
      load: load.open({ ratePerSecond: 100, forMs: 2000 }), faults: (at) => [${faults}], checks: [check.hedging({ missedShareMax: 0.2 })] }`;
const SLOW = "at(500).latency('greeter/1', { add: '200ms', for: '1s' })";

const LOSERS_LIVE: Exhibit = {
  name: 'losers-are-not-cancelled',
  changes: [
    {
      file: 'proxy/core/hedged-call.js',
      line: `            if (attempt.number > 1)
                this.context.counters.hedgesWon++;
            this.#commit();`,
      becomes: '',
    },
  ],
  scenario: hedged(SLOW),
  check: 'hedging',
  words: /passed a response of call \d+ on with 2 attempts alive/,
};

const HEDGES_AT_ONCE: Exhibit = {
  name: 'hedges-too-early',
  changes: [
    {
      file: 'proxy/core/hedged-call.js',
      line: `this.#count();
        this.#armNext(this.#config.delayMs * 1e6);`,
      becomes: 'this.#count(); this.#armNext(this.#config.delayMs * 5e5);',
    },
  ],
  scenario: hedged(SLOW),
  check: 'hedging',
  words: /sent attempt 2 of call \d+ 15\.0 ms after the last/,
};

/** The first attempt fails, the throttle forbids another, and nobody ends the call before its deadline. */
const STUCK: Exhibit = {
  name: 'throttled-hedges-hang',
  changes: [
    {
      file: 'proxy/core/hedged-call.js',
      line: 'this.giveUp(this.failures);',
      becomes: 'this.context.timers.arm(this.#timer, this.context.nowNs, 5e7);',
    },
  ],
  scenario: hedged(
    "at(500).failStatus('greeter/*', { status: 14, for: '1s' })",
    ', retryThrottling: { maxTokens: 4 }',
  ),
  check: 'hedging',
  words: /let call \d+ wait|ended call \d+ only [\d.]+ m?s after its last attempt/,
};

const limited = `{ mesh: { services: { greeter: { instances: 3 } }, sidecar: { rateLimit: { perSecond: 50, burst: 10 } } },
      load: load.open({ ratePerSecond: 200, forMs: 2000 }), checks: [check.rateLimit()] }`;

/** Tokens come without end while nobody takes them. */
const BUCKET_LEAKS: Exhibit = {
  name: 'bucket-has-no-bottom',
  changes: [
    { file: 'proxy/policy/token-bucket.js', line: 'this.#tokens -= 1;', becomes: 'this.#tokens -= 0.5;' },
  ],
  scenario: limited,
  check: 'rateLimit',
  words: /let call \d+ begin with -[\d.]+ tokens in a bucket of 10/,
};

/** The mirror of it: a refused call takes a token, too. */
const HALF_RATE: Exhibit = {
  name: 'refusals-take-tokens',
  changes: [
    {
      file: 'proxy/policy/token-bucket.js',
      line: 'if (this.#tokens < 1 - 1e-9)',
      becomes: 'if (this.#tokens < 1 - 1e-9) this.#tokens -= 0.1; if (this.#tokens < 1 - 1e-9)',
    },
  ],
  scenario: limited,
  check: 'rateLimit',
  words: /refused call \d+ with [\d.]+ tokens left/,
};

show('planted: $name', [
  NEVER_EJECTS,
  CAP_TOO_LATE,
  DECAYS_FIRST,
  THROTTLE_OPEN,
  ONE_MORE,
  LEAKS,
  LOSERS_LIVE,
  HEDGES_AT_ONCE,
  STUCK,
  BUCKET_LEAKS,
  HALF_RATE,
]);
