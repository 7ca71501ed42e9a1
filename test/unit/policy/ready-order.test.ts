import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReadyOrder } from '../../../proxy/policy/ready-order.ts';
import { TestMember } from './members.ts';

const setOf = (count: number) => Array.from({ length: count }, (_, at) => new TestMember(`m${at}`));

it.each([0, 1, 2, 32, 33, 1_024, 1_025, 40_000])(
  'among %i the next pickable one is found from anywhere, as by looking at each',
  (count) => {
    const places = fc.array(
      fc.record({ place: fc.nat({ max: Math.max(0, count - 1) }), looks: fc.boolean() }),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(places, fc.boolean(), (steps, pickable) => {
        const members = setOf(count);
        for (const member of members) member.pickable = pickable;
        const order = new ReadyOrder<TestMember>();
        order.replace(members, []);
        const naive = (from: number): number => {
          const behind = members.findIndex((member, at) => at >= from && member.pickable);
          return behind < 0 ? members.findIndex((member) => member.pickable) : behind;
        };
        for (const { place, looks } of steps) {
          const member = members[place];
          if (!looks && member !== undefined) {
            member.pickable = !member.pickable;
            order.review(member);
            order.review(member);
          }
          expect(order.next(place)).toBe(naive(place));
          expect(order.next(0)).toBe(naive(0));
        }
        expect(order.count).toBe(members.filter((member) => member.pickable).length);
      }),
      { numRuns: count > 10_000 ? 10 : 100 },
    );
  },
);

it('has nobody before the first order, and passes over those that are in it no more', () => {
  const order = new ReadyOrder<TestMember>();
  expect(order.next(0)).toBe(-1);
  const [a, b] = setOf(2) as [TestMember, TestMember];
  order.replace([a, b], []);
  order.replace([b], [a]);
  a.pickable = false;
  order.review(a);
  expect([order.count, order.next(0), order.items[0]]).toEqual([1, 0, b]);
});
