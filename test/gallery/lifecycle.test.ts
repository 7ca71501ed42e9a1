/** Planted bugs of lifecycle: a sidecar that leaves badly turns checks red, and its mirror holds. */
import { show } from './exhibit.ts';

const RELOAD = `{ mesh: { services: { greeter: { instances: 3, latency: load.constant(300) } } },
      load: load.open({ ratePerSecond: 50, forMs: 2500 }),
      faults: (at) => [at(1000).sidecar.reload()], checks: [check.cutOver({ goneWithinMs: 600 })] }`;
const CRASH = `{ mesh: { services: { greeter: { instances: 3, latency: load.constant(50) } } },
      load: load.open({ ratePerSecond: 50, forMs: 3500 }),
      faults: (at) => [at(500).sidecar.crash()], checks: [check.crashSeen({ withinMs: 500, backWithinMs: 1000 })] }`;
const LOST = /\d+ calls? failed while a sidecar changed over; the first was call \d+ at sidecar 0/;

show('planted: $name', [
  {
    name: 'drain-without-goaway',
    changes: [
      {
        file: 'proxy/core/sidecar.js',
        line: 'session.link?.goAway(H2.noError, false);',
        becomes: ';',
      },
      {
        file: 'proxy/core/sidecar.js',
        line: 'session.link?.goAway(H2.noError, true);\n    }',
        becomes: ';\n    }',
      },
    ],
    scenario: RELOAD,
    check: 'cutOver',
    words: LOST,
  },
  {
    name: 'drain-ends-calls-at-once',
    changes: [
      {
        file: 'proxy/core/sidecar.js',
        line: 'context.draining = true;',
        becomes: 'context.draining = true; this.endCalls();',
      },
    ],
    scenario: RELOAD,
    check: 'cutOver',
    words: LOST,
  },
  {
    name: 'drained-although-calls-live',
    changes: [
      {
        file: 'proxy/core/sidecar.js',
        line: 'return this.#goneAway && this.callsAlive === 0;',
        becomes: 'return this.#goneAway;',
      },
    ],
    scenario: RELOAD,
    check: 'cutOver',
    words: LOST,
  },
  {
    name: 'never-drained',
    changes: [
      {
        file: 'proxy/core/sidecar.js',
        line: 'return this.#goneAway && this.callsAlive === 0;',
        becomes: 'return false;',
      },
    ],
    scenario: RELOAD,
    check: 'cutOver',
    words: /Sidecar 0, which began to leave at .*, took 1\.000 s to be gone/,
  },
  {
    name: 'goaway-of-an-instance-drops-its-streams',
    changes: [
      {
        file: 'proxy/core/upstream-session.js',
        line: 'this.retired = true;\n        if (this.attempts === 0)',
        becomes: 'this.retired = true;\n        if (true)',
      },
    ],
    scenario: `{ mesh: { services: { greeter: { instances: 3, latency: load.constant(500) } } },
      load: load.open({ ratePerSecond: 50, forMs: 3000 }),
      faults: (at) => [at(500).restart('greeter/*', { stagger: 400 })], checks: [check.noLostRequests()] }`,
    check: 'noLostRequests',
    words: /\d+ of \d+ calls failed; the first was call \d+ at .* with status 4/,
  },
  {
    name: 'reload-gives-no-time',
    changes: [
      {
        file: 'proxy/host/generation.js',
        line: 'const { drainMs } = this.#options;',
        becomes: 'const drainMs = 0;',
      },
    ],
    scenario: RELOAD,
    check: 'cutOver',
    words: LOST,
    world: 'real',
  },
  {
    name: 'comes-back-without-its-endpoints',
    changes: [
      {
        file: 'proxy/host/generation.js',
        line: 'await this.#watch(endpoints);',
        becomes: "if (!process.argv.includes('127.0.0.1:0')) void 0; else await this.#watch(endpoints);",
      },
    ],
    scenario: CRASH,
    check: 'crashSeen',
    words: /call \d+ failed with status 14 although sidecar 0 was back for long/,
    world: 'real',
  },
]);
