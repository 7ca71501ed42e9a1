/** Planted bugs of a registry of leases: each turns the check red in words, and its mirror holds. */
import { show } from './exhibit.ts';

const scenarioOf = (faults: string): string =>
  `{ worlds: ['virtual'],
     mesh: { services: { greeter: { instances: 4 } }, sidecar: { discovery: { kind: 'registry', ttlMs: 600, settleMs: 800 } } },
     load: load.open({ ratePerSecond: 200, forMs: 5000 }),
     faults: (at) => [${faults}], checks: [check.leaseExpiry({ withinMs: 300 })] }`;

const KILL = "at(1000).kill('greeter/1')";

show('DC-14: planted: $name', [
  {
    name: 'heartbeat-does-not-extend',
    changes: [
      {
        file: 'proxy/registry/leases.js',
        line: 'lease.endsMs = this.#nowMs + lease.ttlMs;',
        becomes: '',
      },
    ],
    scenario: scenarioOf(KILL),
    check: 'leaseExpiry',
    words: /Sidecar 0 dropped greeter\/\d, which renewed its lease in time/,
  },
  {
    name: 'expired-lease-still-told',
    changes: [
      {
        file: 'proxy/registry/leases.js',
        line: 'if (lease.endsMs > this.#nowMs)',
        becomes: 'if (true)',
      },
    ],
    scenario: scenarioOf(KILL),
    check: 'leaseExpiry',
    words: /Sidecar 0 listed greeter\/1 still at \d\.\d+ s, which was silent since/,
  },
  {
    name: 'lapsed-lease-is-renewed-but-never-told-again',
    changes: [
      {
        file: 'proxy/registry/leases.js',
        line: 'this.#leases.delete(lease.id);',
        becomes: '',
      },
    ],
    scenario: scenarioOf("at(1000).registry.mute('greeter/1', { for: 1500 })"),
    check: 'leaseExpiry',
    words: /Sidecar 0 does not list greeter\/1 again, which is well since \d\.\d+ s/,
  },
]);
