import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemberHeap } from '../../../proxy/policy/member-heap.ts';
import { TestMember } from './members.ts';

it('a heap gives its members in order, whoever was taken out of its midst', () => {
  const one = fc.record({ key: fc.nat({ max: 30 }), tie: fc.nat({ max: 5 }), out: fc.boolean() });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 60 }), (given) => {
      const heap = new MemberHeap<TestMember>();
      const members = given.map(({ key, tie }, at) => {
        const member = new TestMember(String(at));
        Object.assign(member.standing, { key, tie });
        heap.push(member);
        return member;
      });
      members.forEach((member, at) => {
        if (given[at]?.out) heap.remove(member);
      });
      const stay = members.filter((_, at) => !given[at]?.out);
      stay.sort((a, b) => a.standing.key - b.standing.key || a.standing.tie - b.standing.tie);
      for (const { standing } of stay) {
        const popped = heap.pop()?.standing;
        expect([popped?.key, popped?.tie, popped?.place]).toEqual([standing.key, standing.tie, -1]);
      }
      expect(heap.pop()).toBeNull();
    }),
    { numRuns: 300 },
  );
});
