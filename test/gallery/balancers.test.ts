/** Planted bugs of the balancers: each turns a check red in words, and its mirror holds. */
import { type Exhibit, show } from './exhibit.ts';

const WEIGHTS_IGNORED: Exhibit = {
  name: 'weights-are-ignored',
  changes: [
    {
      file: 'proxy/policy/balancer.js',
      line: 'return member.endpoint.weight ?? 1;',
      becomes: 'return 1;',
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 3, weights: [1, 2, 7] } }, sidecar: { balancer: 'weighted_round_robin' } },
      load: load.open({ ratePerSecond: 200, forMs: 1000 }), checks: [check.weightedShare()] }`,
  check: 'weightedShare',
  words: /greeter\/\d had \d+ of \d+ picks of sidecar 0, where weight \d of 10 makes it/,
};

/** Deadlines alone: a heavy instance has all its picks of a round before the light ones. */
const NOT_SMOOTH: Exhibit = {
  name: 'picks-may-come-early',
  changes: [
    {
      file: 'proxy/policy/weighted-round-robin.js',
      line: 'next !== undefined && next.standing.key < end;',
      becomes: 'next !== undefined;',
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 12, weights: [40] } }, sidecar: { balancer: 'weighted_round_robin' } },
      load: load.open({ ratePerSecond: 200, forMs: 1000 }), checks: [check.weightedShare()] }`,
  check: 'weightedShare',
  words: /greeter\/0 had \d+ of \d+ picks of sidecar 0, where weight 40 of 51 makes it/,
};

const BUSIER: Exhibit = {
  name: 'takes-the-busier-of-two',
  changes: [
    {
      file: 'proxy/policy/least-request.js',
      line: 'if (member.active >= best.active)',
      becomes: 'if (member.active < best.active)',
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 3, latency: load.constant(30) } }, sidecar: { balancer: 'least_request' } },
      load: load.open({ ratePerSecond: 200, forMs: 1000 }), checks: [check.leastRequest()] }`,
  check: 'leastRequest',
  words: /picked greeter\/\d with \d+ attempts? under way, while every other had fewer/,
};

/** Keys by remainder, as a table of the set's own size has them: whoever leaves moves nearly everybody. */
const REMAINDER: Exhibit = {
  name: 'hashes-by-remainder',
  changes: [
    {
      file: 'proxy/policy/ring-hash.js',
      line: 'const begin = this.#find(key, size);',
      becomes: 'const begin = key % size;',
    },
  ],
  scenario: `{ mesh: { services: { greeter: { instances: 5 } }, sidecar: { balancer: 'ring_hash' } },
      load: load.open({ ratePerSecond: 200, keys: 50, forMs: 2000 }),
      faults: (at) => [at(1000).remove('greeter/1')], checks: [check.hashAffinity()] }`,
  check: 'hashAffinity',
  words: /sidecar 0 took key \d+ from greeter\/\d to greeter\/\d, although the one could still be picked/,
};

show('planted: $name', [WEIGHTS_IGNORED, NOT_SMOOTH, BUSIER, REMAINDER]);
