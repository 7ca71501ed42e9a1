/** Planted bugs of slow start, panic, the way back of many at once, and sets that change: each turns its check red in words, and its mirror holds. */
import { show } from './exhibit.ts';

const joining = (balancer: string): string =>
  `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: 3 } }, sidecar: { balancer: { name: '${balancer}', slowStartMs: 1000 } } },
     load: load.open({ ratePerSecond: 400, forMs: 5000 }),
     faults: (at) => [at(2000).add('greeter')], checks: [check.slowStart()] }`;

const method = '/grpc.health.v1.Health/Check';
const ILL = `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: 4 } },
       sidecar: { balancer: { name: 'round_robin', panicThreshold: 0.5 }, health: { intervalMs: 100 } } },
     load: load.open({ ratePerSecond: 200, forMs: 5000 }),
     faults: (at) => [1, 2, 3].map((one) => at(one * 500).failStatus('greeter/' + one, { status: 14, method: '${method}', for: 2500 })),
     checks: [check.panic()] }`;

/** Twelve sidecars lose both instances and their control plane. */
const HERD = `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: 2 } },
       sidecar: { replicas: 12, health: { intervalMs: 200 }, discovery: { kind: 'xds', backoffBaseMs: 200 } } },
     load: load.open({ ratePerSecond: 100, forMs: 5000 }),
     faults: (at) => [at(500).xds.silence('sidecar/*', { for: 2000, cut: true }), at(1000).restart('greeter/*', { graceful: false, stagger: 0, down: 1000 })],
     checks: [check.noThunderingHerd({ burstMax: 10 })] }`;

const viewOf = (discovery: string, faults: string): string =>
  `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: 4 } }, sidecar: { ${discovery} } },
     load: load.open({ ratePerSecond: 200, forMs: 4000 }),
     faults: (at) => [${faults}], checks: [check.sameView({ withinMs: 300 })] }`;

show('planted: $name', [
  {
    name: 'leases-may-all-run-out-together',
    changes: [
      {
        file: 'proxy/registry/leases.js',
        line: 'mayKeep ? this.#tooMany(over) : NOBODY;',
        becomes: 'NOBODY;',
      },
    ],
    scenario: `{ worlds: ['virtual'],
       mesh: { services: { greeter: { instances: 4 } }, sidecar: { discovery: { kind: 'registry', ttlMs: 600, lapseShareMax: 0.5 } } },
       load: load.open({ ratePerSecond: 200, forMs: 4000 }),
       faults: (at) => [at(1000).registry.mute('greeter/*', { for: 1500 })], checks: [check.noLostRequests()] }`,
    check: 'noLostRequests',
    words: /UNAVAILABLE|status 14/,
  },
  {
    name: 'a-ghost-keeps-the-address',
    changes: [
      {
        file: 'proxy/core/endpoint-set.js',
        line: 'this.#byAddress.delete(upstream.endpoint.address);',
        becomes: ';',
      },
    ],
    scenario: viewOf('', "at(1000).relist('greeter/1', { after: 100 })"),
    check: 'sameView',
    words: /Sidecar 0 does not have greeter\/1 at 1\.\d+ s, which discovery has listed since 1\.\d+ s/,
  },
  {
    name: 'what-was-refused-is-never-told-again',
    changes: [
      {
        file: 'proxy/xds/server-session.js',
        line: 'return this.refused &&',
        becomes: 'return false &&',
      },
    ],
    // The old state, refused after the newer one, is true again at the end.
    scenario: viewOf(
      "discovery: { kind: 'xds', versions: 'rising' }",
      "at(900).xds.reorder('sidecar/0', { for: 900 }), at(1000).remove('greeter/1'), at(1100).relist('greeter/2', { after: 100 })",
    ),
    check: 'sameView',
    words: /Sidecar 0 does not have greeter\/2 at 2\.\d+ s, which discovery has listed since 1\.\d+ s/,
  },
  {
    name: 'backoff-without-jitter',
    changes: [
      {
        file: 'proxy/policy/reconnect.js',
        line: 'const jitter = 1 - RECONNECT.jitter + 2 * RECONNECT.jitter * random;',
        becomes: 'const jitter = 1;',
      },
    ],
    scenario: HERD,
    check: 'noThunderingHerd',
    words: /More than 10 repeated attempts to connect to greeter\/\d came within 0\.\d ms up to 1\.\d+ s/,
  },
  {
    name: 'waits-do-not-grow',
    changes: [
      {
        file: 'proxy/policy/reconnect.js',
        line: 'waitMs *= RECONNECT.factor;',
        becomes: 'waitMs *= 1;',
      },
    ],
    scenario: HERD,
    check: 'noThunderingHerd',
    words: /Sidecar \d+ tried to connect to greeter\/\d more than 8 times in the second up to \d\.\d+ s/,
  },
  {
    name: 'streams-reopened-without-jitter',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'const jitter = 1 - JITTER + 2 * JITTER * this.#random();',
        becomes: 'const jitter = 1;',
      },
    ],
    scenario: HERD,
    check: 'noThunderingHerd',
    words: /More than 10 repeated attempts to connect to the control plane came within 0\.0 ms/,
  },
  {
    name: 'the-empty-one-takes-all',
    changes: [
      {
        file: 'proxy/policy/slow-start.js',
        line: 'const step = Math.min(STEPS, Math.max(this.#first, age));',
        becomes: 'const step = STEPS;',
      },
    ],
    scenario: `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: 4, latency: load.constant(150) } },
         sidecar: { balancer: { name: 'least_request', slowStartMs: 2000 }, health: { intervalMs: 200 } } },
       load: load.open({ ratePerSecond: 400, forMs: 4000 }),
       faults: (at) => [at(1000).kill('greeter/1'), at(2000).restart('greeter/1')],
       checks: [check.noThunderingHerd({ burstMax: 4, rushMax: 1.2 })] }`,
    check: 'noThunderingHerd',
    words:
      /greeter\/1, which sidecar 0 could pick again from 2\.\d+ s on, had \d+ of its picks up to 2\.\d+ s, 1\.\d+ times its share/,
  },
  {
    name: 'ramp-is-ignored',
    changes: [
      {
        file: 'proxy/policy/slow-start.js',
        line: 'const step = Math.min(STEPS, Math.max(this.#first, age));',
        becomes: 'const step = STEPS;',
      },
    ],
    scenario: joining('weighted_round_robin'),
    check: 'slowStart',
    words:
      /greeter\/3 had \d+ picks of sidecar 0 at an age of 0 to 13 % of the window, where its ramp makes it/,
  },
  {
    name: 'ramp-begins-anew-for-ever',
    changes: [
      {
        file: 'proxy/policy/slow-start.js',
        line: 'if (standing.sinceNs < 0)',
        becomes: 'if (true)',
      },
    ],
    scenario: joining('least_request'),
    check: 'slowStart',
    words:
      /greeter\/3 had \d+ picks of sidecar 0 at an age of \d+ to \d+ % of the window, where its ramp makes it/,
  },
  {
    name: 'nobody-panics',
    changes: [
      {
        file: 'proxy/core/context.js',
        line: 'if (panic === this.panic)',
        becomes: 'if (true)',
      },
    ],
    scenario: ILL,
    check: 'panic',
    words: /sidecar 0 gave greeter\/[123] 0 of \d+ picks, where its share of all is \d+: the others bore it/,
  },
  {
    name: 'panic-never-ends',
    changes: [
      {
        file: 'proxy/core/context.js',
        line: 'if (panic === this.panic)',
        becomes: 'if (panic === this.panic || this.panic)',
      },
    ],
    scenario: ILL,
    check: 'panic',
    words: /at least 50 % were healthy, but at \d\.\d+ s sidecar 0 picked greeter\/\d, which was not/,
  },
]);
