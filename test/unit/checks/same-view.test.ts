import { describe, expect, test } from 'vitest';
import { sameView } from '../../../sim/checks/same-view.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

const VIEW = sameView({ withinMs: 100 });
const FAULTS = ['xds.pin', 'xds.drop', 'kill'].map((kind) => ({
  kind,
  target: 'sidecar/1',
  instances: [],
  impact: 'degraded' as const,
}));

class Mesh extends Script {
  /** Two instances that two sidecars have, listed; a third that is not there yet. */
  constructor(more: ConstructorParameters<typeof Script>[1] = {}) {
    super(3, { sidecars: 2, faults: FAULTS, ...more });
    for (const instance of [0, 1]) {
      this.member(instance, 'active');
      for (const sidecar of [0, 1]) this.saw(instance, 'added', sidecar);
    }
    this.phase(0);
  }

  upset(kind: 'faultApplied' | 'faultHealed', fault: number, sidecar = 1): this {
    return this.write(Kind[kind], fault, -1, -1, 0, sidecar);
  }

  /** Something happens, so that what was due is looked at. */
  tick(tMs: number): this {
    return this.at(tMs).sent(0, 1, 0);
  }

  both(instance: number, change: 'added' | 'removed'): this {
    return this.saw(instance, change, 0).saw(instance, change, 1);
  }
}

describe('DC-01, DC-22: sameView', () => {
  test('who joined is in every set, and who left in none, just in time', () => {
    const script = new Mesh().at(200).member(2, 'active').member(1, 'removed');
    script.at(299).both(2, 'added').at(300).both(1, 'removed').tick(400).tick(500);
    // Once at the beginning for each of two sidecars and two instances, then for both changes.
    expect(script.verdict(VIEW)).toMatchObject({ outcome: 'holds', exercised: 8 });
  });

  test('one sidecar that still has, or does not have, an instance', () => {
    const late = new Mesh()
      .at(200)
      .member(1, 'removed')
      .at(250)
      .saw(1, 'removed', 0)
      .at(301)
      .saw(1, 'removed', 1);
    const still = late.verdict(VIEW);
    expect(still).toMatchObject({ outcome: 'violated', firstAtMs: 300 });
    expect(still.explanation).toBe(
      'Sidecar 1 still has greeter/1 at 300.0 ms, which discovery has removed since 200.0 ms; 100 ms were allowed.',
    );
    const missing = new Mesh().at(200).member(2, 'active').at(250).saw(2, 'added', 1).tick(400).verdict(VIEW);
    expect(missing.explanation).toContain('Sidecar 0 does not have greeter/2 at 300.0 ms');
  });

  test('an instance that is let go of without a word, or taken although it left', () => {
    const dropped = new Mesh().at(500).saw(1, 'removed', 0).at(510).saw(1, 'added', 0).verdict(VIEW);
    expect(dropped).toMatchObject({ outcome: 'violated', firstAtMs: 500 });
    const taken = new Mesh()
      .at(200)
      .member(1, 'removed')
      .at(210)
      .both(1, 'removed')
      .at(500)
      .saw(1, 'added', 1);
    expect(taken.verdict(VIEW).explanation).toContain('Sidecar 1 still has greeter/1 at 500.0 ms');
  });

  test('what changes again meanwhile, and who drains, is not judged', () => {
    const script = new Mesh().tick(150).at(200).member(1, 'removed').at(250).member(1, 'active');
    expect(script.tick(400).verdict(VIEW)).toMatchObject({ outcome: 'holds', exercised: 6 });
    const drains = new Mesh().tick(150).at(200).member(1, 'draining').at(301).saw(1, 'removed', 0);
    expect(drains.tick(400).verdict(VIEW)).toMatchObject({ outcome: 'holds', exercised: 4 });
  });

  test('a sidecar that is told badly has its time from the end of that on', () => {
    const pinned = (seenMs: number): Script => {
      const script = new Mesh().tick(150).upset('faultApplied', 0).at(200).member(1, 'removed');
      script.at(210).saw(1, 'removed', 0).at(500).upset('faultHealed', 0);
      return script.at(seenMs).saw(1, 'removed', 1).tick(700);
    };
    expect(pinned(599).verdict(VIEW).outcome).toBe('holds');
    expect(pinned(601).verdict(VIEW)).toMatchObject({ outcome: 'violated', firstAtMs: 600 });
  });

  test('what was dropped may stay so until the next change, and no longer', () => {
    const dropped = (): Mesh => {
      const script = new Mesh().tick(150).upset('faultApplied', 1).at(200).member(1, 'removed');
      return script.at(210).saw(1, 'removed', 0).at(300).upset('faultHealed', 1).tick(900) as Mesh;
    };
    expect(dropped().verdict(VIEW)).toMatchObject({ outcome: 'holds', exercised: 5 });
    const after = dropped().at(1_000).member(2, 'active').at(1_010).both(2, 'added').tick(1_200);
    expect(after.verdict(VIEW).explanation).toContain('Sidecar 1 still has greeter/1 at 1.100 s');
  });

  test('faults on others, and on none, change nothing; who was replaced is left alone', () => {
    const killed = new Mesh().tick(150).upset('faultApplied', 2).at(200).member(1, 'removed').tick(400);
    expect(killed.verdict(VIEW).outcome).toBe('violated');
    const replaced = new Mesh().at(160);
    for (const sidecar of [0, 1]) replaced.write(Kind.sidecarState, -1, -1, -1, 1, 1, sidecar);
    expect(replaced.at(200).member(1, 'removed').tick(400).verdict(VIEW)).toMatchObject({
      outcome: 'holds',
      exercised: 4,
    });
  });

  test.each([
    ['leases', { discovery: { kind: 'registry' } }, 'leaseExpiry'],
    ['subsets', { balancer: { name: 'random', subsetSize: 1 } }, 'see subset'],
    [
      'an instance of two clusters',
      { clusters: { a: { instances: [1] }, b: { instances: [1] } }, routes: [] },
      'greeter/1 is in several clusters',
    ],
  ] as const)('says nothing of %s', (_what, sidecar, why) => {
    const verdict = new Mesh({ sidecar }).at(200).member(1, 'removed').tick(400).verdict(VIEW);
    expect(verdict).toMatchObject({ outcome: 'not exercised', exercised: 0 });
    expect(verdict.explanation).toContain(why);
  });

  test('cannot tell across a stall', () => {
    const stalled = new Mesh().at(200).member(1, 'removed').at(1_300).stall(1_050).tick(1_310);
    expect(stalled.verdict(VIEW).outcome).toBe('inconclusive');
    expect(new Mesh().verdict(VIEW).outcome).toBe('not exercised');
    expect(() => sameView({ withinMs: -1 })).toThrow("'withinMs' is -1");
  });
});
