import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Timer } from '../../../proxy/core/timers.ts';
import { OwnedTimer, TimerTable } from '../../../proxy/core/timers.ts';

it('timers end exactly when they are due, in any mix of arming and cancelling (against a plain list)', () => {
  const step = fc.record({
    timer: fc.nat(30),
    durationNs: fc.oneof(fc.constantFrom(10, 20, 50), fc.integer({ min: 1, max: 200 })),
    cancel: fc.boolean(),
    passNs: fc.nat(40),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new TimerTable(4);
      const fired: number[] = [];
      const timers = Array.from(
        { length: 31 },
        (_, n) => new OwnedTimer({ handleTimer: () => void fired.push(n) }),
      );
      const model = new Map<number, number>();
      let nowNs = 0;
      for (const { timer, durationNs, cancel, passNs } of steps) {
        const one = timers[timer] as Timer;
        if (cancel || one.armed) {
          table.cancel(one);
          model.delete(timer);
        } else {
          table.arm(one, nowNs, durationNs);
          model.set(timer, nowNs + durationNs);
        }
        nowNs += passNs;
        expect(table.nextNs).toBeLessThanOrEqual(Math.min(Infinity, ...model.values()));
        fired.length = 0;
        table.fire(nowNs);
        const due = [...model].filter(([, at]) => at <= nowNs).map(([n]) => n);
        expect([...fired].sort((a, b) => a - b)).toEqual(due.sort((a, b) => a - b));
        for (const n of due) model.delete(n);
        expect(table.nextNs).toBe(Math.min(Infinity, ...model.values()));
      }
    }),
    { numRuns: 200 },
  );
});

it('timers beyond the lists end in the order of their time, from a heap', () => {
  const table = new TimerTable(1);
  const fired: number[] = [];
  const timer = (n: number): Timer => new OwnedTimer({ handleTimer: () => void fired.push(n) });
  table.arm(timer(-1), 0, 1_000_000);
  const durations = Array.from({ length: 101 }, (_, n) => 1 + ((n * 37) % 101));
  for (const durationNs of durations) table.arm(timer(durationNs), 0, durationNs);
  for (let nowNs = 0; nowNs <= 101; nowNs++) table.fire(nowNs);
  expect(fired).toEqual(durations.toSorted((a, b) => a - b));
});

it('a timer without any time to go waits for the next look', () => {
  const table = new TimerTable();
  const fired: number[] = [];
  table.arm(new OwnedTimer({ handleTimer: () => void fired.push(1) }), 5, 0);
  table.fire(5);
  expect([fired, table.nextNs]).toEqual([[], 6]);
  table.fire(6);
  expect(fired).toEqual([1]);
});

it('a timer that waits in the heap can be put to rest, wherever it stands', () => {
  const table = new TimerTable(1);
  const fired: number[] = [];
  const timers = Array.from({ length: 6 }, (_, at) => new OwnedTimer({ handleTimer: () => fired.push(at) }));
  timers.forEach((timer, at) => table.arm(timer, 0, 10 + ((at * 7) % 5)));
  for (const at of [2, 5]) table.cancel(timers[at] as OwnedTimer);
  table.fire(100);
  expect(fired.sort()).toEqual([0, 1, 3, 4]);
  expect(table.nextNs).toBe(Infinity);
});

it('durations that come again take the list of one that is no longer used, where one is empty', () => {
  const table = new TimerTable(2);
  let nowNs = 0;
  for (let round = 0; round < 6; round++) {
    const due: number[] = [];
    const fired: number[] = [];
    for (const durationNs of [10, 20, 30, 40]) {
      for (let again = 0; again < 3; again++) {
        due.push(nowNs + durationNs);
        table.arm(new OwnedTimer({ handleTimer: () => void fired.push(nowNs) }), nowNs, durationNs);
      }
      // In every other round each duration has all lists to itself.
      if (round % 2 === 0) for (const end = nowNs + 100; nowNs < end; nowNs++) table.fire(nowNs);
    }
    for (const end = nowNs + 100; nowNs < end; nowNs++) table.fire(nowNs);
    expect(fired.toSorted((a, b) => a - b)).toEqual(due.toSorted((a, b) => a - b));
  }
});
