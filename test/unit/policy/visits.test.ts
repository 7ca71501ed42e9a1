import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Visits } from '../../../proxy/policy/visits.ts';

it('holds who came by each slot and went not back, in however little room it began', () => {
  const visit = fc.record({ slot: fc.nat({ max: 4 }), who: fc.nat({ max: 9 }) });
  fc.assert(
    fc.property(fc.array(visit, { maxLength: 60 }), (steps) => {
      const visits = new Visits(5, 1);
      const model = Array.from({ length: 5 }, () => new Set<number>());
      for (const { slot, who } of steps) {
        const there = model[slot] as Set<number>;
        if (there.delete(who)) visits.remove(slot, who);
        else {
          there.add(who);
          visits.add(slot, who);
        }
      }
      model.forEach((there, slot) => {
        const found: number[] = [];
        for (let entry = visits.first(slot); entry >= 0; entry = visits.next(entry))
          found.push(visits.who(entry));
        expect(found.sort()).toEqual([...there].sort());
      });
    }),
    { numRuns: 300 },
  );
});
