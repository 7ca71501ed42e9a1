import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Timer, TimerTable } from '../../../proxy/core/timers.ts';

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
        (_, n) => new Timer({ handleTimer: () => void fired.push(n) }),
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
