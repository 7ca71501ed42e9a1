import { describe, expect, test } from 'vitest';
import { subset } from '../../../sim/checks/subset.ts';
import type { CheckContext } from '../../../sim/spec/check.ts';
import { Kind, REGISTRY_EVENTS, SIDECAR_STATES } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

const SIDECAR = { balancer: { name: 'round_robin', subsetSize: 2 } } as const;

/** Discovery has all of these; sidecars use those, and load begins a second later. */
function up(instances: number, subsets: number[][], more: Partial<CheckContext> = {}): Script {
  const script = new Script(instances, { sidecar: SIDECAR, sidecars: subsets.length, ...more });
  for (let instance = 0; instance < instances; instance++) script.member(instance, 'active');
  subsets.forEach((own, sidecar) => own.forEach((instance) => script.saw(instance, 'added', sidecar)));
  return script.at(10_000).phase(0).at(11_000);
}

/** What a check says when load ends a while later. */
const judged = (script: Script) =>
  script
    .at(script.tMs + 5_000)
    .phase(1)
    .verdict(subset());

describe('subset', () => {
  test('LB-22: attempts within the subset hold, one outside of it does not', () => {
    expect(judged(up(4, [[0, 2]]).picks([0, 2, 0]))).toMatchObject({ outcome: 'holds', exercised: 3 });
    const stray = judged(up(4, [[0, 2]]).picks([0, 1]));
    expect(stray).toMatchObject({ outcome: 'violated', firstAtMs: 11_001 });
    expect(stray.explanation).toContain('sidecar 0 sent an attempt to greeter/1, which is not in its subset');
  });

  test('LB-23: one that leaves brings one; two for one do not hold', () => {
    const left = (more: (script: Script) => Script) =>
      judged(
        more(
          up(6, [[0, 2]])
            .member(0, 'removed')
            .saw(3, 'added')
            .saw(0, 'removed'),
        ).picks([2, 3]),
      );
    expect(left((script) => script)).toMatchObject({ outcome: 'holds', exercised: 2 });
    expect(left((script) => script).explanation).toContain('discovery changed 1 time, and 1 subset with it');
    const two = left((script) => script.saw(4, 'added').saw(2, 'removed').at(11_500));
    expect(two.explanation).toContain(
      'sidecar 0 changed its subset: greeter/3, greeter/4 for greeter/0, greeter/2, although discovery had changed 1 time in the 1000 ms before',
    );
  });

  test('LB-23: a change without any of discovery, or long after it, does not hold', () => {
    const swap = (afterMs: number) => {
      const script = up(6, [[0, 2]])
        .member(5, 'removed')
        .at(11_000 + afterMs);
      return judged(script.saw(3, 'added').saw(0, 'removed').picks([2, 3]));
    };
    expect(swap(1_000).outcome).toBe('holds');
    expect(swap(1_001).outcome).toBe('violated');
  });

  test('LB-23: what is lost counts as well, and what discovery did before load began does not', () => {
    const lost = up(6, [[0, 2]])
      .member(0, 'removed')
      .saw(0, 'removed')
      .saw(2, 'removed');
    expect(lost.at(11_100).phase(1).verdict(subset()).explanation).toContain(
      'changed its subset: nobody for greeter/0, greeter/2',
    );
    const script = new Script(4, { sidecar: SIDECAR }).at(9_900);
    for (const instance of [0, 1, 2, 3]) script.member(instance, 'active');
    script.saw(0, 'added').saw(1, 'added').at(10_000).phase(0).at(10_100).saw(2, 'added').saw(1, 'removed');
    expect(script.picks([0]).phase(1).verdict(subset()).explanation).toContain(
      'discovery had changed 0 times',
    );
  });

  test('a draining one takes nobody’s place, and may get attempts that are under way', () => {
    const script = (gone: boolean) => {
      const drained = up(6, [[0, 2]])
        .member(0, 'draining')
        .saw(0, 'draining')
        .saw(3, 'added')
        .picks([0, 3]);
      return gone ? drained.member(0, 'removed').saw(0, 'removed').at(11_500) : drained;
    };
    expect(judged(script(false)).outcome).toBe('holds');
    expect(judged(script(true).picks([3])).outcome).toBe('holds');
    expect(judged(script(true).picks([0])).outcome).toBe('violated');
  });

  test('LB-23: not more than its size, and at the end not fewer, for each priority', () => {
    const more = up(6, [[0, 2]])
      .member(5, 'removed')
      .saw(3, 'added')
      .picks([0]);
    expect(judged(more).explanation).toContain('sidecar 0 used 3 endpoints of priority 0; its subset has 2');
    const fewer = up(6, [[0, 2]])
      .member(0, 'removed')
      .saw(0, 'removed')
      .picks([2]);
    expect(judged(fewer).explanation).toContain(
      'sidecar 0 used 1 endpoints of priority 0, where there are 5',
    );
    // Discovery changed just now: it may still be on the way.
    const soon = up(6, [[0, 2]])
      .member(0, 'removed')
      .saw(0, 'removed')
      .picks([2]);
    expect(soon.phase(1).verdict(subset()).outcome).toBe('holds');
    const groups = [{}, {}, {}, { priority: 1 }];
    expect(judged(up(4, [[0, 1, 3]], { groups }).picks([0, 3])).outcome).toBe('holds');
  });

  test('LB-23: a machine that follows another has its subset, while the one before goes on', () => {
    const restarted = (own: number[]) => {
      const script = up(6, [[0, 2]]);
      script.write(Kind.sidecarState, -1, -1, -1, SIDECAR_STATES.indexOf('starting'), 1);
      script.picks([0]).member(0, 'removed').saw(3, 'added').saw(0, 'removed').picks([2]).at(12_500);
      for (const instance of own) script.saw(instance, 'added');
      return judged(script.picks([2, 3]));
    };
    expect(restarted([2, 3]).outcome).toBe('holds');
    expect(restarted([3, 5]).explanation).toContain('changed its subset: greeter/5 for greeter/2');
    expect(restarted([4, 5]).explanation).toContain('changed its subset: greeter/4, greeter/5 for nobody');
  });

  test('LB-23: subsets are spread over the sidecars', () => {
    const spread = (subsets: number[][]) => judged(up(8, subsets).picks([subsets[0]?.[0] as number]));
    const rotated = Array.from({ length: 8 }, (_, sidecar) => [sidecar, (sidecar + 1) % 8]);
    expect(spread(rotated).outcome).toBe('holds');
    const same = spread(Array.from({ length: 8 }, () => [0, 1]));
    expect(same.explanation).toContain(
      'of 8 sidecars those that use an instance of priority 0 vary 8.0 times as much as with independent draws; at most 5.3 times is chance',
    );
    // 1 + 8 √(2/7) is 5.28: five that draw the same cannot be told from chance.
    expect(spread(Array.from({ length: 5 }, () => [0, 1])).outcome).toBe('holds');
    expect(spread(Array.from({ length: 6 }, () => [0, 1])).outcome).toBe('violated');
  });

  test('nothing is shown without a subset, or with too few to choose from', () => {
    expect(judged(up(2, [[0, 1]]).picks([0, 1]))).toMatchObject({
      outcome: 'not exercised',
      explanation: 'There were never more than 2 instances to choose from.',
    });
    expect(judged(up(4, [[0, 1]], { sidecar: {} }).picks([3])).explanation).toBe(
      'The sidecar has no subsetSize.',
    );
    expect(() => subset({ withinMs: 0 })).toThrow("'withinMs' is 0");
  });

  describe('with leases', () => {
    const discovery = { kind: 'registry', ttlMs: 900, settleMs: 500 } as const;
    const leased = () => up(6, [[0, 2]], { sidecar: { ...SIDECAR, discovery } });
    const said = (script: Script, event: (typeof REGISTRY_EVENTS)[number], instance = -1): Script =>
      script.write(Kind.registry, -1, -1, instance, REGISTRY_EVENTS.indexOf(event), -1, -1);
    const swap = (script: Script, atMs: number): Script =>
      script.at(atMs).saw(3, 'added').saw(0, 'removed').picks([2, 3]);

    test('LB-23: one that falls silent, or dies, is a change, which has the time of a lease besides', () => {
      const silent = (atMs: number) => judged(swap(said(leased(), 'unheard', 0), atMs));
      expect(silent(12_900)).toMatchObject({ outcome: 'holds', exercised: 2 });
      expect(silent(12_901).outcome).toBe('violated');
      expect(judged(swap(leased().state(0, 'dead'), 12_900)).outcome).toBe('holds');
      expect(judged(swap(leased().state(0, 'draining'), 12_000)).outcome).toBe('violated');
      const twice = said(leased().state(0, 'dead'), 'unheard', 0);
      expect(judged(swap(twice, 12_000)).explanation).toContain('discovery changed 1 time');
      const noLeases = said(up(6, [[0, 2]]), 'unheard', 0).state(0, 'dead');
      expect(judged(swap(noLeases, 11_500)).outcome).toBe('violated');
    });

    test('LB-23: what changes while the registry is away is known once it has settled; its return is no change', () => {
      const away = (atMs: number, change: (script: Script) => Script) => {
        const script = change(said(leased(), 'gone').at(12_000));
        return judged(swap(said(script.at(20_000), 'serving'), atMs));
      };
      const dies = (script: Script): Script => script.state(0, 'dead');
      expect(away(20_000 + 500 + 1_900, dies).outcome).toBe('holds');
      expect(away(20_000 + 500 + 1_901, dies).outcome).toBe('violated');
      const back = away(20_500, (script) => script);
      expect(back.explanation).toContain('although discovery had changed 0 times in the 1000 ms before');
    });
  });
});
