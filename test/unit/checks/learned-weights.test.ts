import { describe, expect, test } from 'vitest';
import { learnedWeights } from '../../../sim/checks/learned-weights.ts';
import { Kind } from '../../../sim/journal/events.ts';
import type { BalancerSpec } from '../../../sim/spec/balancer.ts';
import type { GroupFacts } from '../../../sim/spec/balancer.ts';
import { Script } from './journal-script.ts';

/** What an instance says: utilization, calls and errors a second. */
type Load = readonly [utilization: number, calls: number, errors?: number];

/** Two instances (or so many loads) that a sidecar sees; weights are looked at every 100 ms, after a blackout of 1 s. */
class Mesh {
  readonly script: Script;

  constructor(count = 2, more: Partial<BalancerSpec> = {}, groups: readonly GroupFacts[] = []) {
    const learning = { loadReports: true, blackoutMs: 1_000, weightUpdateMs: 100, expirationMs: 5_000 };
    const sidecar = { balancer: { name: 'weighted_round_robin', ...learning, ...more } } as const;
    this.script = new Script(count, { sidecar, groups }).up(count);
  }

  /** Calls that go round in this order, one a millisecond, each answered with its instance's load. */
  calls(
    count: number,
    order: readonly number[],
    loads: readonly (Load | null)[],
    end: 'complete' | 'deadline' = 'complete',
  ): this {
    const { script } = this;
    for (let at = 0; at < count; at++) {
      const instance = order[at % order.length] as number;
      const call = script.begin();
      script.sent(call, 1, instance);
      (loads[instance] ?? []).forEach((value = 0, measure) => {
        if (value > 0) script.write(Kind.loadReported, call, 1, instance, value * 10_000, measure, -1);
      });
      script.ended(call, 1, instance, 0, end).at(script.tMs + 1);
    }
    return this;
  }

  verdict(errorMax = 0) {
    return this.script.phase(1).verdict(learnedWeights({ errorMax }));
  }
}

/** 0.25 and 0.75 at 100 calls a second: 3 to 1. */
const LOADS: Load[] = [
  [0.25, 100],
  [0.75, 100],
];
const EVEN = [0, 1];
const LEARNED = [0, 1, 0, 0];

describe('learnedWeights', () => {
  test('LB-26: in equal shares through the blackout, by calls ÷ utilization after it', () => {
    const good = new Mesh().calls(1_002, EVEN, LOADS).calls(1_000, LEARNED, LOADS).verdict();
    expect(good).toMatchObject({ outcome: 'holds' });
    expect(good.explanation).toMatch(/\d+ picks by learned weights and \d+ before in equal shares/);
    const early = new Mesh().calls(500, EVEN, LOADS).calls(502, LEARNED, LOADS).calls(500, LEARNED, LOADS);
    expect(early.verdict().explanation).toContain('calls to greeter/0, where what it heard of load makes it');
    const never = new Mesh().calls(2_000, EVEN, LOADS).verdict();
    expect(never).toMatchObject({ outcome: 'violated' });
    expect(never.explanation).toMatch(
      /From 1\.00\d s to 2\.000 s sidecar 0 sent \d+ of \d+ calls to greeter\/0/,
    );
  });

  test('LB-05: three picks from its share hold, more do not, but for what is allowed', () => {
    const off = (extra: number, errorMax = 0) =>
      new Mesh()
        .calls(1_002, EVEN, LOADS)
        .calls(600, LEARNED, LOADS)
        // Each is a quarter of a pick more than its share.
        .calls(extra, [0], LOADS)
        .verdict(errorMax).outcome;
    expect(off(8)).toBe('holds');
    expect(off(16)).toBe('violated');
    expect(off(16, 0.05)).toBe('holds');
  });

  test('LB-10, LB-26: errors count against it, by the penalty', () => {
    // 0.25 + 0.5 for half of all calls: as busy as the other.
    const loads: Load[] = [[0.25, 100, 50], LOADS[1] as Load];
    const run = (order: number[], errorPenalty = 1) =>
      new Mesh(2, { errorPenalty }).calls(1_002, EVEN, loads).calls(500, order, loads).verdict().outcome;
    expect(run(EVEN)).toBe('holds');
    expect(run(LEARNED)).toBe('violated');
    expect(run(LEARNED, 0)).toBe('holds');
  });

  test('LB-26: one that says nothing weighs the mean; one alone that does makes no difference', () => {
    // 300 and 100 make 200: 3 to 1 to 2.
    const three: (Load | null)[] = [...LOADS, null];
    const run = (order: number[]) =>
      new Mesh(3).calls(1_005, [0, 1, 2], three).calls(600, order, three).verdict().outcome;
    expect(run([0, 2, 0, 1, 2, 0])).toBe('holds');
    expect(run([0, 2, 0, 1, 0, 0])).toBe('violated');
    expect(new Mesh().calls(2_000, EVEN, [LOADS[0] as Load, null]).verdict().outcome).toBe('not exercised');
    expect(new Mesh().calls(2_000, LEARNED, [LOADS[0] as Load, null]).verdict().outcome).toBe('violated');
  });

  test('LB-26: a weight expires; one that comes back begins anew', () => {
    const silent = [null, null];
    const expired = (order: number[]) =>
      new Mesh().calls(1_002, EVEN, LOADS).calls(5_000, LEARNED, silent).calls(500, order, silent).verdict()
        .outcome;
    expect(expired(EVEN)).toBe('holds');
    expect(expired(LEARNED)).toBe('violated');
    const back = (order: number[]) => {
      const mesh = new Mesh().calls(1_002, EVEN, LOADS).calls(500, LEARNED, LOADS);
      mesh.script.saw(1, 'unpickable').saw(1, 'pickable');
      return mesh.calls(900, order, LOADS).verdict().outcome;
    };
    expect(back(EVEN)).toBe('holds');
    expect(back(LEARNED)).toBe('violated');
  });

  test('each group learns by itself', () => {
    const groups = [{}, {}, { priority: 1 }, { priority: 1 }];
    const loads: Load[] = [...LOADS, ...LOADS];
    const run = (order: number[], priorities: 'envoy' | 'ignore') =>
      new Mesh(4, { priorities }, groups)
        .calls(1_006, [0, 1, 2, 3], loads)
        .calls(800, order, loads)
        .verdict();
    // Within a priority 3 to 1, whatever the other has.
    expect(run([0, 1, 0, 0], 'envoy').outcome).toBe('holds');
    expect(run([0, 1, 0, 0], 'ignore').outcome).toBe('violated');
    expect(run([0, 1, 0, 0, 2, 3, 2, 2], 'ignore').outcome).toBe('holds');
    const zones = new Mesh(2, {}, [{ locality: 'a' }, { locality: 'b' }]);
    expect(zones.calls(1_002, EVEN, LOADS).calls(500, LEARNED, LOADS).verdict().outcome).toBe('holds');
  });

  test('retries, answers that were cut and directions that change show nothing', () => {
    const mesh = new Mesh().calls(1_002, EVEN, LOADS).calls(500, LEARNED, LOADS);
    for (let call = 0; call < 50; call++) mesh.script.sent(call, 2, 1);
    expect(mesh.calls(500, LEARNED, LOADS).verdict().outcome).toBe('holds');
    const cut = (order: number[]) =>
      new Mesh().calls(2_000, order, LOADS, 'deadline').calls(900, order, LOADS).verdict().outcome;
    expect(cut(EVEN)).toBe('not exercised');
    expect(cut(LEARNED)).toBe('violated');
    expect(new Mesh().calls(15, [0], LOADS).verdict().outcome).toBe('not exercised');
    expect(new Mesh(2, { loadReports: false }).calls(900, [0], LOADS).verdict()).toMatchObject({
      outcome: 'not exercised',
      explanation: 'The sidecar learns no weights from load reports.',
    });
    expect(() => learnedWeights({ errorMax: -1 })).toThrow("'errorMax' is -1");
  });
});
