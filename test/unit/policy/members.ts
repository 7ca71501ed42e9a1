/** Members by name for tests of balancers, and a set of them that changes whole. */
import { type Balancer, Standing } from '../../../proxy/policy/balancer.ts';
import type { Endpoint } from '../../../proxy/policy/config.ts';
import type { GroupMember } from '../../../proxy/policy/grouped.ts';

export class TestMember implements GroupMember {
  endpoint: Endpoint;
  pickable = true;
  warming = false;
  active = 0;
  picks = 0;
  readonly standing = new Standing();

  constructor(name: string, weight?: number) {
    const endpoint = { address: name, id: name, draining: false };
    this.endpoint = weight === undefined ? endpoint : { ...endpoint, weight };
  }

  get well(): boolean {
    return this.pickable;
  }

  get name(): string {
    return this.endpoint.id;
  }
}

/** Drives a balancer by names. */
export class Wheel {
  readonly balancer: Balancer<TestMember>;
  readonly members = new Map<string, TestMember>();

  constructor(balancer: Balancer<TestMember>) {
    this.balancer = balancer;
  }

  replace(names: readonly string[], pickable: (name: string) => boolean): void {
    const gone = [...this.members.values()].filter(({ name }) => !names.includes(name));
    for (const { name } of gone) this.members.delete(name);
    const fresh = names.filter((name) => !this.members.has(name)).map((name) => new TestMember(name));
    for (const member of fresh) {
      member.pickable = pickable(member.name);
      this.members.set(member.name, member);
    }
    const all = names.map((name) => this.members.get(name) as TestMember);
    if (gone.length + fresh.length > 0) this.balancer.membersChanged(all, fresh, gone);
    for (const member of all) this.set(member.name, pickable(member.name));
  }

  set(name: string, pickable: boolean): void {
    const member = this.members.get(name) as TestMember;
    if (member.pickable === pickable) return;
    member.pickable = pickable;
    this.balancer.memberChanged(member);
  }

  pick(key = 0, nowNs = 0): string | null {
    return this.balancer.pick(nowNs, key)?.name ?? null;
  }

  pickRetry(tried: readonly string[], key = 0): string | null {
    const members = tried.map((name) => this.members.get(name) as TestMember);
    return this.balancer.pickRetry(members, 0, key)?.name ?? null;
  }
}

/** Uniform in [0, 1), the same each time (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 4_294_967_296;
  };
}
