/** Planted bugs of discovery, by a control plane, a registry or DNS: each turns a check red in words, and its mirror holds. */
import { describe, expect, test } from 'vitest';
import { followLogicalName } from '../e2e/logical-dns.ts';
import { show } from './exhibit.ts';
import { type Planted, plantedCopy } from './plant.ts';

/** A mesh that follows a control plane, with these faults and this check. */
const scenarioOf = (faults: string, check: string, more = ''): string =>
  `{ worlds: ['virtual'],
     mesh: { services: { greeter: { instances: 4 } }, sidecar: { discovery: { kind: 'xds', backoffBaseMs: 100 ${more} } } },
     load: load.open({ ratePerSecond: 200, forMs: 4000 }),
     faults: (at) => [${faults}], checks: [check.${check}] }`;

const SPOILT = "at(1000).xds.nack('sidecar/0', { for: 1000 })";
const UNPARSABLE = "at(1000).xds.nack('sidecar/0', { for: 1000, unparsable: true })";
const CUT = "at(1000).xds.silence('sidecar/0', { for: 500, cut: true })";

/** Calls of 1.2 s each; the control plane tells of these routes between two clusters. */
const routed = (faults: string): string =>
  `{ worlds: ['virtual'],
     mesh: { services: { greeter: { instances: 4, latency: load.constant(1200) } }, sidecar: { retry: { attempts: 1 },
       discovery: { kind: 'xds' }, clusters: { canary: { instances: [2, 3] } },
       routes: [{ split: { default: 1, canary: 0 } }] } },
     load: load.open({ ratePerSecond: 200, forMs: 3000 }), faults: (at) => [${faults}], checks: [check.noLostRequests()] }`;
const TO_DEFAULT = "at(500).xds.routes([{ cluster: 'default' }])";
const TO_CANARY = "at(1500).xds.routes([{ cluster: 'canary' }])";

/** A mesh that loses its registry or its control plane for a while; at most half of those that come back may do so together. */
const returning = (instances: number, sidecar: string, fault: string): string =>
  `{ worlds: ['virtual'], mesh: { services: { greeter: { instances: ${instances} } }, sidecar: ${sidecar} },
     load: load.open({ ratePerSecond: 100, forMs: 5000 }), faults: (at) => [${fault}],
     checks: [check.noThunderingHerd({ burstMax: 100, returnShareMax: 0.5 })] }`;
const LEASED = "discovery: { kind: 'registry', ttlMs: 3000, settleMs: 1000 }";

/** One instance in two clusters, of which it leaves one for a while; calls of 300 ms. */
const SHARED = `{ worlds: ['virtual'],
     mesh: { services: { greeter: { instances: 3, latency: load.constant(300) } }, sidecar: { retry: { attempts: 1 },
       clusters: { orders: { instances: [0] }, users: { instances: [0, 1, 2] } }, routes: [{ split: { orders: 1, users: 1 } }] } },
     load: load.open({ ratePerSecond: 100, forMs: 4000 }),
     faults: (at) => [at(1000).relist('greeter/0', { cluster: 'users', after: 1000 })], checks: [check.noLostRequests()] }`;

show('planted: $name', [
  {
    name: 'watches-the-registry-again-in-step',
    changes: [
      {
        file: 'proxy/policy/reconnect.js',
        line: 'const jitter = 1 - RECONNECT.jitter + 2 * RECONNECT.jitter * random;',
        becomes: 'const jitter = 1;',
      },
    ],
    scenario: returning(3, `{ replicas: 12, ${LEASED} }`, 'at(1000).registry.crash({ down: 1000 })'),
    check: 'noThunderingHerd',
    words: /Of 15 clients that came back to the registry, 1[2-5] asked it within \d+\.\d ms up to/,
  },
  {
    name: 'renews-leases-in-step',
    changes: [
      {
        file: 'proxy/registry/lease-holder.js',
        line: '* (1 - JITTER * this.#random())',
        becomes: '',
      },
    ],
    scenario: returning(12, `{ replicas: 2, ${LEASED} }`, 'at(2500).registry.crash({ down: 50 })'),
    check: 'noThunderingHerd',
    words: /Of 14 clients that came back to the registry, 12 asked it within 0\.0 ms up to/,
  },
  {
    name: 'opens-streams-to-the-control-plane-in-step',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'const jitter = 1 - JITTER + 2 * JITTER * this.#random();',
        becomes: 'const jitter = 1;',
      },
    ],
    scenario: returning(
      3,
      "{ replicas: 12, discovery: { kind: 'xds', backoffBaseMs: 100 } }",
      "at(1000).xds.silence('sidecar/*', { for: 1000, cut: true })",
    ),
    check: 'noThunderingHerd',
    words: /Of 12 clients that came back to the control plane, 12 asked it within 0\.0 ms up to/,
  },
  {
    name: 'ends-the-calls-of-an-address-that-leaves',
    changes: [
      {
        file: 'proxy/core/upstream.js',
        line: "session.retire();\n        this.tell('removed');",
        becomes: "session.fail('gone');\n        this.tell('removed');",
      },
    ],
    scenario: SHARED,
    check: 'noLostRequests',
    words: /\d+ of 400 calls failed/,
  },
  {
    name: 'drops-its-last-good-set-with-a-nack',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'state.refused.set(read.name, read.reason);',
        becomes: 'state.accepted.delete(read.name); this.#isAbsent(state, read.name);',
      },
    ],
    scenario: scenarioOf(SPOILT, 'configAnswers()'),
    check: 'configAnswers',
    words:
      /Sidecar 0 changed its set at \d+\.\d+ s, although what it was told last \(\d+\.\d+ s\) cannot be used/,
  },
  {
    name: 'loses-calls-with-a-nack',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'state.refused.set(read.name, read.reason);',
        becomes: 'state.accepted.delete(read.name); this.#isAbsent(state, read.name);',
      },
    ],
    scenario: scenarioOf(SPOILT, 'noLostRequests()'),
    check: 'noLostRequests',
    words: /call/,
  },
  {
    name: 'acks-what-it-cannot-parse',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'this.#transport.send(this.#exchange.answer(state, reason));',
        becomes: 'this.#transport.send(this.#exchange.answer(state, null));',
      },
    ],
    scenario: scenarioOf(UNPARSABLE, 'configAnswers()'),
    check: 'configAnswers',
    words: /Sidecar 0 sent an ACK for a response that cannot be used at \d+\.\d+ s/,
  },
  {
    name: 'forgets-its-set-with-the-control-plane',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'this.#closed = reason;',
        becomes: 'this.#closed = reason; this.#events.onRouting(null);',
      },
    ],
    scenario: scenarioOf(CUT, 'noLostRequests()'),
    check: 'noLostRequests',
    words: /call/,
  },
  {
    name: 'never-comes-back',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'if (this.#reopenNs <= this.#nowNs) {',
        becomes: 'if (this.#failures === 0) {',
      },
    ],
    scenario: scenarioOf(`${CUT}, at(3000).remove('greeter/1')`, 'noCallsToDeparted({ withinMs: 100 })'),
    check: 'noCallsToDeparted',
    words:
      /Sidecar 0 sent an attempt to greeter\/1 at 3\.\d+ s, \d+ ms after it had left discovery; 100 ms were allowed/,
  },
  {
    name: 'routes-to-a-cluster-before-its-endpoints-are-there',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: 'target.clusters.every((name) => this.#isKnown(name))',
        becomes: 'true',
      },
    ],
    scenario: routed(`${TO_DEFAULT}, ${TO_CANARY}`),
    check: 'noLostRequests',
    words: /\d+ of 600 calls failed/,
  },
  {
    name: 'cuts-the-calls-of-a-cluster-that-is-named-no-more',
    changes: [
      {
        file: 'proxy/core/contexts.js',
        line: 'const needed = new Set(this.#leaving.filter((context) => this.#isNeeded(context)));',
        becomes:
          'for (const context of this.#leaving) for (const call of context.callRecords()) if (call.stream !== null) call.endHere("cancelled", 14, "gone"); const needed = new Set();',
      },
    ],
    scenario: routed(TO_CANARY),
    check: 'noLostRequests',
    words: /\d+ of 600 calls failed/,
  },
  {
    name: 'takes-an-older-version',
    changes: [
      {
        file: 'proxy/xds/client.js',
        line: "if (this.#config.versions !== 'rising')",
        becomes: 'if (true)',
      },
    ],
    scenario: scenarioOf(
      "at(900).xds.reorder('sidecar/0'), at(1000).remove('greeter/1'), at(1050).remove('greeter/2')",
      'noCallsToDeparted({ withinMs: 100 })',
      ", versions: 'rising'",
    ),
    check: 'noCallsToDeparted',
    words: /Sidecar 0 sent an attempt to greeter\/2 at 1\.\d+ s/,
  },
]);

/** What a logical name of DNS promises is judged on a process, by the body of its own test. */
const LOGICAL: (Planted & { words: RegExp })[] = [
  {
    name: 'takes-the-address-for-the-name',
    changes: [
      {
        file: 'proxy/discovery/dns-source.js',
        line: 'const address = formatAddress(name, port);',
        becomes: 'const address = formatAddress(first, port);',
      },
    ],
    words: /a call after the turn went to second, not to first/,
  },
  {
    name: 'cuts-connections-when-the-answer-turns',
    changes: [
      {
        file: 'proxy/core/upstream.js',
        line: 'if (before.dialAddress !== endpoint.dialAddress)',
        becomes: 'for (const session of this.#sessions.slice()) session.fail("turned"); if (false)',
      },
    ],
    words: /a call after the turn went to second|the stream said .*connection was lost/,
  },
];

describe.each(LOGICAL)('DC-18: planted: $name', (bug) => {
  test('the test of the rule turns red and says why', async () => {
    const { folder, remove } = plantedCopy(bug, 'process');
    const follow = followLogicalName({ script: `${folder}/dist/proxy/host/main.js` }).finally(remove);
    await expect(follow).rejects.toThrow(bug.words);
  });

  test('its mirror holds', () => followLogicalName());
});
