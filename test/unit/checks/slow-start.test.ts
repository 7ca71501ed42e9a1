import { describe, expect, test } from 'vitest';
import { slowStart } from '../../../sim/checks/slow-start.ts';
import type { GroupFacts } from '../../../sim/spec/balancer.ts';
import type { SidecarSpec } from '../../../sim/spec/scenario.ts';
import { Script } from './journal-script.ts';

const WINDOW_MS = 1_600;
const SIDECAR: SidecarSpec = { balancer: { name: 'weighted_round_robin', slowStartMs: WINDOW_MS } };

/** greeter/0 is warm; greeter/1 comes. `shareAt` of its age, 0 to 2, says which part of the picks it gets. */
function joined(shareAt: (age: number) => number, more: { weights?: number[]; sidecar?: SidecarSpec } = {}) {
  const script = new Script(2, { sidecar: SIDECAR, ...more }).saw(0, 'pickable').phase(0);
  script.picks(Array.from({ length: 2 * WINDOW_MS }, () => 0)).saw(1, 'pickable');
  let owed = 0;
  for (let at = 0; at <= 2 * WINDOW_MS; at++) {
    owed += shareAt(at / WINDOW_MS);
    const instance = owed >= 1 ? 1 : 0;
    owed -= instance;
    const call = script.begin();
    script.sent(call, 1, instance).ended(call, 1, instance, 0, 'complete');
    script.tMs += 1;
  }
  return script.verdict(slowStart());
}

const ramp = (age: number, floor = 0.125): number => Math.min(1, Math.max(floor, age));

describe('LB-15, LB-16: slowStart', () => {
  test('a share that grows with the ramp holds, also in steps and by weight', () => {
    const even = joined((age) => ramp(age) / (1 + ramp(age)));
    expect(even).toMatchObject({ outcome: 'holds', exercised: 16 });
    expect(joined((age) => ramp(Math.floor(16 * age) / 16) / (1 + ramp(age))).outcome).toBe('holds');
    const heavy = joined((age) => (3 * ramp(age)) / (1 + 3 * ramp(age)), { weights: [1, 3] });
    expect(heavy.outcome).toBe('holds');
    const floor: SidecarSpec = {
      balancer: { name: 'weighted_round_robin', slowStartMs: WINDOW_MS, slowStartFloor: 0.5 },
    };
    expect(joined((age) => ramp(age, 0.5) / (1 + ramp(age, 0.5)), { sidecar: floor }).outcome).toBe('holds');
    expect(joined((age) => ramp(age) / (1 + ramp(age)), { sidecar: floor }).outcome).toBe('violated');
  });

  test('the whole share at once, the floor for ever, and a share above the ramp are violations', () => {
    const ignored = joined(() => 0.5);
    expect(ignored).toMatchObject({ outcome: 'violated' });
    expect(ignored.explanation).toMatch(
      /In \d parts of 16 .* up to 3\.\d+ s greeter\/1 had 100 picks of sidecar 0 at an age of 0 to 13 % of the window, where its ramp makes it 22\.2, give or take 13\.0/,
    );
    const stuck = joined(() => ramp(0) / (1 + ramp(0)));
    expect(stuck).toMatchObject({ outcome: 'violated' });
    // Just inside of the tolerance, and just outside.
    const above = (part: number) => joined((age) => ramp(age) / (1 + ramp(age)) + part);
    expect(above(0.055).outcome).toBe('holds');
    expect(above(0.09).outcome).toBe('violated');
  });

  test('within its own priority, whoever is new in another', () => {
    const even = (age: number) => ramp(age) / (1 + ramp(age));
    const judge = (groups: GroupFacts[]) => {
      const script = new Script(3, { sidecar: SIDECAR, groups }).saw(0, 'pickable').phase(0);
      script
        .picks(Array.from({ length: 2 * WINDOW_MS }, () => 0))
        .saw(1, 'pickable')
        .saw(2, 'pickable');
      let owed = 0;
      for (let at = 0; at <= 2 * WINDOW_MS; at++) {
        owed += even(at / WINDOW_MS);
        script.picks([owed >= 1 ? 1 : 0]);
        owed -= Math.floor(owed);
      }
      return script.verdict(slowStart()).outcome;
    };
    expect(judge([{}, {}, { priority: 1 }])).toBe('holds');
    expect(judge([{}, {}, {}])).toBe('violated');
  });

  test('after the window nothing of it is left', () => {
    const owing = joined((age) => (age < 1 ? ramp(age) / (1 + ramp(age)) : 0.4));
    expect(owing.outcome).toBe('violated');
    expect(owing.explanation).toContain('at an age of 100 to 113 % of the window');
  });

  test('LB-17: those that are new together share alike', () => {
    const script = (order: number[]): Script => {
      const begun = new Script(2, { sidecar: SIDECAR }).up(2);
      for (let at = 0; at < WINDOW_MS / order.length; at++) begun.picks(order);
      return begun;
    };
    const even = script([0, 1]).verdict(slowStart());
    expect(even.outcome).toBe('holds');
    expect(even.explanation).toContain('1600 picks were among new ones only');
    expect(script([0, 0, 1]).verdict(slowStart()).outcome).toBe('violated');
  });

  test('least request: who has more under way has less', () => {
    const sidecar: SidecarSpec = { balancer: { name: 'least_request', slowStartMs: WINDOW_MS } };
    const judge = (order: number[]) => {
      const script = new Script(2, { sidecar }).up(2);
      // One call of greeter/0 stays under way: it counts half.
      script.sent(script.begin(), 2, 0);
      for (let at = 0; at < 3 * WINDOW_MS; at++) {
        const instance = order[at % order.length] as number;
        const call = script.begin();
        script.sent(call, 1, instance).ended(call, 1, instance, 0, 'complete');
        script.tMs += 1;
      }
      return script.verdict(slowStart()).outcome;
    };
    expect(judge([0, 1, 1])).toBe('holds');
    expect(judge([0, 1])).toBe('violated');
  });

  test('who goes away again in the middle is not judged, and begins anew', () => {
    const script = new Script(2, { sidecar: SIDECAR }).saw(0, 'pickable').phase(0);
    script.picks([0, 0]).saw(1, 'pickable').picks([1, 1, 1, 1, 1, 1]).saw(1, 'unpickable').picks([0, 0]);
    expect(script.verdict(slowStart())).toMatchObject({ outcome: 'not exercised', exercised: 0 });
  });

  test('without slow start, or with too few picks, nothing is shown', () => {
    expect(new Script(2).up(2).picks([0, 1]).verdict(slowStart()).outcome).toBe('not exercised');
    expect(new Script(2, { sidecar: SIDECAR }).up(2).picks([0, 1]).verdict(slowStart()).outcome).toBe(
      'not exercised',
    );
    expect(() => slowStart({ tolerance: 2 })).toThrow("'tolerance' is 2");
    expect(() => slowStart({ errorMax: 0 })).toThrow("'errorMax' is 0");
  });
});
