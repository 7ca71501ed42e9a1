import { describe, expect, test } from 'vitest';
import { panic } from '../../../sim/checks/panic.ts';
import type { GroupFacts } from '../../../sim/spec/balancer.ts';
import type { SidecarSpec } from '../../../sim/spec/scenario.ts';
import { Script } from './journal-script.ts';

const SIDECAR: SidecarSpec = { balancer: { name: 'round_robin', panicThreshold: 0.5 } };

/** So many instances, all checked, healthy and connected. */
function up(instances: number, weights: number[] = [], sidecar = SIDECAR, groups: GroupFacts[] = []): Script {
  const script = new Script(instances, { sidecar, weights, groups });
  for (let index = 0; index < instances; index++)
    script.saw(index, 'added').saw(index, 'connected').saw(index, 'healthy').saw(index, 'pickable');
  return script.phase(0);
}

const round = (order: number[], times: number): number[] => Array.from({ length: times }, () => order).flat();

describe('LB-18, LB-19: panic', () => {
  test('at the threshold only the healthy, below it all alike, and then only the healthy again', () => {
    const script = up(4).saw(0, 'unhealthy').saw(1, 'unhealthy').picks([2, 3, 2]).saw(2, 'unhealthy');
    script
      .picks(round([0, 1, 2, 3], 50))
      .saw(2, 'healthy')
      .picks([2, 3])
      .phase(1);
    const verdict = script.verdict(panic());
    expect(verdict).toMatchObject({ outcome: 'holds', exercised: 205 });
    expect(verdict.explanation).toContain(
      '200 picks with fewer than 50 % healthy went to all of them, 5 beside',
    );
  });

  test('an unhealthy one at the threshold is a violation', () => {
    const script = up(4).saw(0, 'unhealthy').saw(1, 'unhealthy').picks([2, 1]);
    const verdict = script.phase(1).verdict(panic());
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 1 });
    expect(verdict.explanation).toContain(
      'at least 50 % were healthy, but at 1.0 ms sidecar 0 picked greeter/1, which was not',
    );
  });

  test('the one healthy one bears it all: a violation; half of its share is just enough', () => {
    const ill = (): Script => up(3).saw(0, 'unhealthy').saw(1, 'unhealthy');
    const borne = ill()
      .picks(round([2], 150))
      .phase(1)
      .verdict(panic());
    expect(borne).toMatchObject({ outcome: 'violated' });
    expect(borne.explanation).toContain(
      'gave greeter/0 0 of 150 picks, where its share of all is 50: the others bore it',
    );
    const half = (picks: number) => ill().picks([...round([0], picks), ...round([1, 2], 150)]);
    expect(half(60).phase(1).verdict(panic()).outcome).toBe('holds');
    expect(half(59).phase(1).verdict(panic()).outcome).toBe('violated');
    // What changes in between begins a new time: too few picks to tell.
    const cut = ill()
      .picks(round([2], 100))
      .saw(1, 'disconnected')
      .saw(1, 'connected')
      .picks(round([2], 100));
    expect(cut.phase(1).verdict(panic()).outcome).toBe('not exercised');
  });

  test('shares go by weight', () => {
    const ill = (): Script => up(2, [1, 3]).saw(0, 'unhealthy').saw(1, 'unhealthy');
    expect(
      ill()
        .picks(round([0, 1, 1, 1], 25))
        .phase(1)
        .verdict(panic()).outcome,
    ).toBe('holds');
    expect(
      ill()
        .picks(round([0, 0, 0, 1], 25))
        .phase(1)
        .verdict(panic()).outcome,
    ).toBe('violated');
  });

  test('who is not checked yet, drains, or is ejected does not count as one that could bear it', () => {
    const base = (): Script => up(3).saw(0, 'unhealthy').saw(1, 'unhealthy');
    expect(
      base()
        .saw(1, 'disconnected')
        .picks(round([0, 2], 50))
        .phase(1)
        .verdict(panic()).outcome,
    ).toBe('holds');
    expect(
      base()
        .saw(1, 'ejected')
        .picks(round([0, 2], 50))
        .phase(1)
        .verdict(panic()).outcome,
    ).toBe('holds');
    const drains = (): Script => base().saw(1, 'unpickable').saw(1, 'draining').saw(2, 'unhealthy');
    expect(
      drains()
        .picks(round([0, 2], 50))
        .phase(1)
        .verdict(panic()).outcome,
    ).toBe('holds');
    expect(drains().picks([1]).phase(1).verdict(panic()).explanation).toContain(
      'none of those that were checked or drains',
    );
  });

  test('while all priorities together can bear all calls nobody need panic', () => {
    const sidecar: SidecarSpec = { balancer: { name: 'round_robin', panicThreshold: 0.9 } };
    const rested = (ill: number[], groups: GroupFacts[] = []): Script => {
      const script = up(4, [], sidecar, groups);
      for (const index of ill) script.saw(index, 'unhealthy');
      return script;
    };
    // Three of four bear 105 % of the calls, two of four only 70 %, and another priority the rest.
    const three = rested([0]).picks(round([1, 2, 3], 100));
    expect(three.phase(1).verdict(panic())).toMatchObject({ outcome: 'not exercised', exercised: 300 });
    expect(rested([0]).picks([0]).phase(1).verdict(panic()).outcome).toBe('violated');
    const two = () => rested([0, 1]).picks(round([2, 3], 100));
    expect(two().phase(1).verdict(panic()).outcome).toBe('violated');
    const helped = rested([0], [{}, {}, { priority: 1 }, { priority: 1 }]).picks(round([1, 1, 2, 3], 50));
    expect(helped.phase(1).verdict(panic()).outcome).toBe('not exercised');
    // Without priorities and localities there is nobody to help: the share alone decides.
    const flat: SidecarSpec = {
      balancer: { name: 'round_robin', panicThreshold: 0.9, priorities: 'ignore' },
    };
    const alone = up(4, [], flat)
      .saw(0, 'unhealthy')
      .picks(round([1, 2, 3], 100));
    expect(alone.phase(1).verdict(panic()).outcome).toBe('violated');
  });

  test('in panic each priority has its share, and all of one alike, in whatever locality', () => {
    const sidecar: SidecarSpec = {
      balancer: { name: 'round_robin', panicThreshold: 0.5, localities: 'weighted' },
    };
    const groups = [
      { locality: 'x', localityWeight: 9 },
      { locality: 'y' },
      { locality: 'y' },
      { locality: 'y' },
    ];
    const ill = (): Script =>
      up(4, [], sidecar, groups).saw(1, 'unhealthy').saw(2, 'unhealthy').saw(3, 'unhealthy');
    const alike = ill().picks(round([0, 1, 2, 3], 60));
    expect(alike.phase(1).verdict(panic()).outcome).toBe('holds');
    const kept = ill().picks(round([0], 240));
    expect(kept.phase(1).verdict(panic()).outcome).toBe('violated');
    const ranks = [{}, {}, {}, { priority: 1 }];
    const lost = up(4, [], SIDECAR, ranks).saw(0, 'unhealthy').saw(1, 'unhealthy').saw(3, 'unhealthy');
    expect(
      lost
        .picks(round([0, 1, 2], 80))
        .phase(1)
        .verdict(panic()).outcome,
    ).toBe('holds');
  });

  test('without a threshold, or without panic, nothing is shown', () => {
    expect(new Script(2).up(2).picks([0, 1]).verdict(panic()).outcome).toBe('not exercised');
    expect(up(3).saw(0, 'unhealthy').picks([1, 2]).phase(1).verdict(panic())).toMatchObject({
      outcome: 'not exercised',
      exercised: 2,
    });
  });
});
