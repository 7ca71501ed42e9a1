/** Planted bugs of priorities, localities, subsets and learned weights: each turns a check red in words, and its mirror holds. */
import { show } from './exhibit.ts';

/** `service` and `balancer`: their settings. */
const scenarioOf = (service: string, balancer: string, faults: string, check: string): string =>
  `{ mesh: { services: { greeter: { ${service} } }, sidecar: { balancer: { name: 'round_robin', ${balancer} }, localities: ['a'], health: { intervalMs: 100 } } },
     load: load.open({ ratePerSecond: 200, forMs: 3000 }), faults: (at) => [${faults}], checks: [check.${check}()] }`;

const PRIORITIES = 'instances: 6, priorities: [0, 0, 0, 0, 1, 1]';
const ONE_DIES = "at(1000).kill('greeter/0')";
const ALL_BUT_ONE_DIE = "at(1000).kill('greeter/0'), at(1000).kill('greeter/1'), at(1000).kill('greeter/2')";
const ZONES = "instances: 5, localities: ['a', 'a', 'b', 'b', 'b'], localityWeights: { a: 3 }";

const SUBSETS = `{ mesh: { services: { greeter: { instances: 12 } },
       sidecar: { replicas: 6, balancer: { name: 'round_robin', subsetSize: 3 } } },
     load: load.open({ ratePerSecond: 200, forMs: 2000 }),
     faults: (at) => [at(500).remove('greeter/2')], checks: [check.subset()] }`;

/** The registry dies and forgets all leases; they are made anew in another order. */
const LEASED_SUBSETS = `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: 12 } },
       sidecar: { replicas: 6, balancer: { name: 'round_robin', subsetSize: 3 }, discovery: { kind: 'registry', ttlMs: 900, settleMs: 1000 } } },
     load: load.open({ ratePerSecond: 200, forMs: 5000 }),
     faults: (at) => [at(1000).registry.crash({ down: 500 })], checks: [check.subset()] }`;

/** `loads`: what instances say; `faults`: on them. */
const learnedFrom = (loads: string, faults: string): string => `{
     mesh: { services: { greeter: { instances: 3, loadReports: { ${loads} } } }, sidecar: { retry: { budget: 1, backoffBaseMs: 5 },
       balancer: { name: 'weighted_round_robin', loadReports: true, blackoutMs: 1000, weightUpdateMs: 100 } } },
     load: load.open({ ratePerSecond: 200, forMs: 3000 }), faults: (at) => [${faults}], checks: [check.learnedWeights()] }`;

show('planted: $name', [
  {
    name: 'spills-over-too-early',
    changes: [
      {
        file: 'proxy/policy/group-shares.js',
        line: 'return Math.min(1, (config.overprovisioning * well) / total);',
        becomes: 'return well / total;',
      },
    ],
    scenario: scenarioOf(PRIORITIES, "priorities: 'envoy'", ONE_DIES, 'priorityFailover'),
    check: 'priorityFailover',
    words: /sent a call to greeter\/\d of priority 1, which should get none \(priority 0: 3 of 4 well/,
  },
  {
    name: 'does-not-spill-over',
    changes: [
      {
        file: 'proxy/policy/group-shares.js',
        line: 'return Math.min(1, (config.overprovisioning * well) / total);',
        becomes: 'return 1;',
      },
    ],
    scenario: scenarioOf(PRIORITIES, "priorities: 'envoy'", ALL_BUT_ONE_DIE, 'priorityFailover'),
    check: 'priorityFailover',
    words: /had sent \d+ of \d+ calls to priority 0, where a share of 35\.0 % makes it/,
  },
  {
    name: 'never-returns-to-the-best-priority',
    changes: [
      {
        file: 'proxy/policy/grouped.js',
        line: 'if (now === before)',
        becomes: 'if (now === before || (now > before && this.#ends.length > 0))',
      },
    ],
    scenario: scenarioOf(
      PRIORITIES,
      "priorities: 'envoy'",
      `${ALL_BUT_ONE_DIE}, at(1500).restart('greeter/0'), at(1500).restart('greeter/1')`,
      'priorityFailover',
    ),
    check: 'priorityFailover',
    words:
      /priority 1, (where a share of 30\.0 % makes it \d\.\d \(priority 0: 2|which should get none \(priority 0: 3) of 4 well/,
  },
  {
    name: 'spills-over-by-share-where-grpc-does-not',
    changes: [
      {
        file: 'proxy/policy/group-shares.js',
        line: "if (config.priorities !== 'envoy')",
        becomes: "if (config.priorities === 'ignore')",
      },
    ],
    scenario: scenarioOf(PRIORITIES, "priorities: 'a56'", ALL_BUT_ONE_DIE, 'priorityFailover'),
    check: 'priorityFailover',
    words: /of priority 1, which should get none \(priority 0: 1 of 4 well/,
  },
  {
    name: 'weights-of-localities-are-ignored',
    changes: [
      {
        file: 'proxy/policy/group-shares.js',
        line: 'localityWeight * Math.min(1, (overprovisioning * well) / total)',
        becomes: 'total',
      },
    ],
    scenario: scenarioOf(ZONES, "localities: 'weighted'", '', 'localityShare'),
    check: 'localityShare',
    words: /calls to locality (a, where a share of 75|b, where a share of 25)\.0 % makes it/,
  },
  {
    name: 'keeps-more-than-its-zone-can-bear',
    changes: [
      {
        file: 'proxy/policy/group-shares.js',
        line: 'const kept = Math.min(1, near / part);',
        becomes: 'const kept = 1;',
      },
    ],
    scenario: scenarioOf(ZONES, "localities: 'nearest'", '', 'localityShare'),
    check: 'localityShare',
    words: /calls to locality (a, where a share of 80|b, where a share of 20)\.0 % makes it/,
  },
  {
    name: 'draws-its-subset-anew-at-each-change',
    changes: [
      {
        file: 'proxy/policy/subset.js',
        line: 'const hash = mix(hashText(endpoint.address) ^ this.#seed);',
        becomes: 'const hash = mix(hashText(endpoint.address) ^ this.#seed ^ endpoints.length);',
      },
    ],
    scenario: SUBSETS,
    check: 'subset',
    words:
      /sidecar \d changed its subset: greeter\/\d+, greeter\/.* for greeter\/.*, although discovery had changed 1 time/,
  },
  {
    name: 'draws-its-subset-by-the-order-of-leases',
    changes: [
      {
        file: 'proxy/policy/subset.js',
        line: 'const hash = mix(hashText(endpoint.address) ^ this.#seed);',
        becomes: 'const hash = mix(hashText(String(endpoints.indexOf(endpoint))) ^ this.#seed);',
      },
    ],
    scenario: LEASED_SUBSETS,
    check: 'subset',
    words: /sidecar \d changed its subset: greeter.* for greeter.*, although discovery had changed 0 times/,
  },
  {
    name: 'draws-the-same-subset-everywhere',
    changes: [
      { file: 'proxy/policy/subset.js', line: 'this.#seed = hashText(key);', becomes: 'this.#seed = 7;' },
    ],
    scenario: SUBSETS,
    check: 'subset',
    words: /of 6 sidecars those that use an instance of priority 0 vary 6\.0 times as much/,
  },
  {
    name: 'uses-one-more-than-its-subset-has',
    changes: [
      {
        file: 'proxy/policy/subset.js',
        line: 'const isFull = at === this.#size;',
        becomes: 'const isFull = at === this.#size + 1;',
      },
    ],
    scenario: SUBSETS,
    check: 'subset',
    words: /sidecar \d used 4 endpoints of priority 0; its subset has 3/,
  },
  {
    name: 'learns-weights-the-wrong-way-round',
    changes: [
      {
        file: 'proxy/policy/learned-weights.js',
        line: 'const weight = calls / (busy + (errors / calls) * this.#penalty);',
        becomes: 'const weight = (busy + (errors / calls) * this.#penalty) / calls;',
      },
    ],
    scenario: learnedFrom('capacity: [400, 200, 200]', ''),
    check: 'learnedWeights',
    words: /sidecar 0 sent \d+ of \d+ calls to greeter\/0, where what it heard of load makes it/,
  },
  {
    name: 'does-not-wait-for-the-blackout',
    changes: [
      {
        file: 'proxy/policy/learned-weights.js',
        line: 'return nowNs - record.sinceNs >= this.#blackoutNs;',
        becomes: 'return true;',
      },
    ],
    scenario: learnedFrom('utilization: [0.2, 0.8]', ''),
    check: 'learnedWeights',
    words: /to 1\.\d+ s sidecar 0 sent \d+ of \d+ calls to greeter\/0/,
  },
  {
    name: 'does-not-mind-errors',
    changes: [
      {
        file: 'proxy/policy/learned-weights.js',
        line: 'const weight = calls / (busy + (errors / calls) * this.#penalty);',
        becomes: 'const weight = calls / busy;',
      },
    ],
    scenario: learnedFrom('capacity: [200]', "at(0).failStatus('greeter/1', { status: 14, share: 0.5 })"),
    check: 'learnedWeights',
    words: /calls to greeter\/\d, where what it heard of load makes it/,
  },
]);
