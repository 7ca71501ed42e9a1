/** check.leaseExpiry: each verdict from a journal by hand. */
import { expect, test } from 'vitest';
import { check } from '../../../sim/checks/index.ts';
import {
  ENDPOINT_CHANGES,
  INSTANCE_STATES,
  Kind,
  MEMBER_STATES,
  REGISTRY_EVENTS,
} from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

const spec = check.leaseExpiry({ withinMs: 100 });

class Told extends Script {
  constructor() {
    super(2, { sidecar: { discovery: { kind: 'registry', ttlMs: 1_000, settleMs: 500 } } });
    for (const one of [0, 1]) this.becomes(one, 'ready').member_(one, 'active').view(one, 'added');
  }
  becomes(instance: number, state: (typeof INSTANCE_STATES)[number]): this {
    return this.write(Kind.instanceState, -1, -1, instance, INSTANCE_STATES.indexOf(state), -1, -1);
  }
  member_(instance: number, state: (typeof MEMBER_STATES)[number]): this {
    return this.write(Kind.memberState, -1, -1, instance, MEMBER_STATES.indexOf(state), -1, -1);
  }
  view(instance: number, change: (typeof ENDPOINT_CHANGES)[number]): this {
    return this.write(Kind.endpointChanged, -1, -1, instance, ENDPOINT_CHANGES.indexOf(change), -1, 0);
  }
  registry(event: (typeof REGISTRY_EVENTS)[number], instance = -1): this {
    return this.write(Kind.registry, -1, -1, instance, REGISTRY_EVENTS.indexOf(event), -1, -1);
  }
  override end(): this {
    return this.write(Kind.phase, -1, -1, -1, 2, -1, -1);
  }
}

test.each(['dead', 'paused', 'unheard'] as const)(
  'DC-14: one that is %s leaves with its lease, to the millisecond',
  (how) => {
    const script = (ms: number) => {
      const told = new Told().at(500);
      if (how === 'unheard') told.registry('unheard', 1);
      else told.becomes(1, how);
      return told.at(ms).view(1, 'removed').end();
    };
    expect(script(1_600).verdict(spec)).toMatchObject({ outcome: 'holds', exercised: 1 });
    expect(script(1_601).verdict(spec)).toMatchObject({
      outcome: 'violated',
      explanation: expect.stringContaining('Sidecar 0 listed greeter/1 still at 1.601 s'),
    });
  },
);

test('DC-14: one that never leaves is late, too; one that is back before its lease is over is not', () => {
  expect(new Told().at(500).becomes(1, 'dead').at(1_601).end().verdict(spec).outcome).toBe('violated');
  const back = new Told().at(500).becomes(1, 'dead').at(900).becomes(1, 'ready').at(5_000).end();
  expect(back.verdict(spec).outcome).toBe('not exercised');
});

test('DC-14: one that renews in time never leaves; one that says that it leaves may', () => {
  expect(new Told().at(500).view(1, 'removed').end().verdict(spec)).toMatchObject({
    outcome: 'violated',
    explanation: expect.stringContaining('dropped greeter/1, which renewed its lease in time'),
  });
  const left = new Told().at(500).member_(1, 'removed').at(510).view(1, 'removed').end();
  expect(left.verdict(spec).outcome).toBe('not exercised');
});

test('DC-14: one that is heard again must be listed again', () => {
  const script = (back: boolean) => {
    const told = new Told().at(500).registry('unheard', 1).at(1_500).view(1, 'removed');
    told.at(2_000).registry('heard', 1);
    if (back) told.at(2_050).view(1, 'added');
    return told.at(3_200).end();
  };
  expect(script(true).verdict(spec).outcome).toBe('holds');
  expect(script(false).verdict(spec).explanation).toContain('does not list greeter/1 again');
});

test('DC-10: while the registry is away nobody leaves; after its return there is time to settle', () => {
  const script = (ms: number) =>
    new Told()
      .at(500)
      .registry('gone')
      .becomes(1, 'dead')
      .at(3_000)
      .registry('serving')
      .at(ms)
      .view(1, 'removed')
      .end();
  expect(script(4_600).verdict(spec)).toMatchObject({ outcome: 'holds', exercised: 2 });
  expect(script(4_601).verdict(spec).outcome).toBe('violated');
  const early = new Told().at(500).registry('gone').becomes(1, 'dead').at(1_000).view(1, 'removed').end();
  expect(early.verdict(spec).explanation).toContain('dropped greeter/1 while the registry was away');
});

test('cannot tell when the judge stood still meanwhile', () => {
  const script = new Told().at(500).becomes(1, 'dead').at(1_700);
  script.write(Kind.stall, -1, -1, -1, -1, 1_050, -1).view(1, 'removed').end();
  expect(script.verdict(spec).outcome).toBe('inconclusive');
});

test('without a registry there are no leases', () => {
  const script = new Script(1).state(0, 'ready').member(0, 'active').saw(0, 'added').at(500).state(0, 'dead');
  expect(script.at(9_000).verdict(spec)).toMatchObject({
    outcome: 'not exercised',
    explanation: 'The sidecars follow no registry, or one that may keep who is silent, or they use subsets.',
  });
});
