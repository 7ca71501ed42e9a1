/** Planted bugs of routes: each turns its check red in words, and its mirror holds. */
import { show } from './exhibit.ts';

const CANARY = `{ mesh: { services: { greeter: { instances: 4 } },
        sidecar: { clusters: { canary: { instances: [3] } }, routes: [{ split: { default: 90, canary: 10 } }] } },
      load: load.open({ ratePerSecond: 500, forMs: 2000 }),
      checks: [check.split({ shares: { default: 90, canary: 10 } })] }`;
const BY_HEADER = `{ mesh: { services: { greeter: { instances: 4 } },
        sidecar: { clusters: { next: { instances: [3] } },
          routes: [{ match: { headers: { 'x-key': '0' } }, cluster: 'next' }, { cluster: 'default' }] } },
      load: load.open({ ratePerSecond: 400, keys: 4, forMs: 1000 }),
      checks: [check.split({ shares: { default: 3, next: 1 } })] }`;
const MIRROR = `{ mesh: { services: { greeter: { instances: 4 } },
        sidecar: { clusters: { shadow: { instances: [3] } }, retry: { attempts: 1 },
          routes: [{ cluster: 'default', mirror: { cluster: 'shadow' } }] } },
      load: load.open({ ratePerSecond: 200, forMs: 1500 }),
      faults: (at) => [at(500).failStatus('greeter/3', { status: 14, for: '500ms' })],
      checks: [check.mirrored({ cluster: 'shadow' }), check.noLostRequests()] }`;

show('planted: $name', [
  {
    name: 'split-by-count-of-clusters',
    changes: [
      {
        file: 'proxy/policy/routes/split.js',
        line: 'const at = random * this.#total;',
        becomes: 'return Math.floor(random * this.#ends.length); const at = 0;',
      },
    ],
    scenario: CANARY,
    check: 'split',
    words: /default got \d+ of \d+ calls, where its share makes it 900\.0/,
  },
  {
    name: 'the-last-route-wins',
    changes: [
      {
        file: 'proxy/policy/routes/route-table.js',
        line: 'for (const one of matchers)',
        becomes: 'for (const one of [...matchers].reverse())',
      },
    ],
    scenario: BY_HEADER,
    check: 'split',
    words: /default got 400 of 400 calls, where its share makes it 300\.0/,
  },
  {
    name: 'copies-are-answered-to-the-caller',
    changes: [
      {
        file: 'proxy/core/router.js',
        line: 'const context = contexts[split === null ? 0 : split.pick(this.#base.random())];',
        becomes:
          'const context = mirrors !== null && this.#base.random() < 0.5 ? mirrors.context : contexts[0];',
      },
    ],
    scenario: MIRROR,
    check: 'mirrored',
    words: /shadow got \d+ copies of \d+ calls|calls and copies were mixed up/,
  },
  {
    name: 'no-more-copies-after-failures',
    changes: [
      {
        file: 'proxy/core/mirror.js',
        line: 'this.#mirrors.alive--;',
        becomes: 'void 0;',
      },
    ],
    scenario: MIRROR,
    check: 'mirrored',
    words: /shadow got 100 copies of 300 calls, where the share makes it 300\.0/,
  },
]);
