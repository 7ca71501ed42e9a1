/**
 * What all balancers have in common. One of them exists per machine, so a pick is one call through a stable shape. Time and
 * randomness are passed in; a pick allocates nothing. What a balancer keeps of a member lies in the member's `Standing`.
 */
import type { Endpoint } from './config.ts';
import type { LoadReport } from './load-report.ts';

/** A balancer's own record of one member, made with the member; each balancer uses the fields it needs. */
export class Standing {
  /** Index in the balancer's list or heap; -1: in none. */
  place = -1;
  /** What a heap is ordered by, and what decides between equal ones. Weighted round robin: out of the heaps, picks ahead. */
  key = 0;
  tie = 0;
  /** The weight that the balancer counts with. */
  weight = 1;
  /** Weighted round robin: picks in this period, and the slot in which the period began. */
  taken = 0;
  base = 0;
  /** Slow start: how many sixteenths of its weight it has, and since when it grows; -1: since the next pick. */
  step = 16;
  sinceNs = -1;
  /** Peak EWMA: latency in ns, and when it was noted. */
  costNs = 0;
  notedNs = 0;
  /** Groups: the one it is in, null for none, and as what it is counted there. */
  group: object | null = null;
  counted = 0;
}

/** One endpoint as a balancer sees it. */
export interface BalancerMember {
  readonly endpoint: Endpoint;
  /** It may be picked now. */
  readonly pickable: boolean;
  /** Attempts under way there, and calls that wait for room there. */
  readonly active: number;
  readonly standing: Standing;
}

/** How a timed attempt went: its response began; it failed; or it was cut off here, and would have taken longer. */
export type AttemptOutcome = 'answered' | 'failed' | 'cut';

export interface Balancer<M extends BalancerMember> {
  /** It wants `attemptTimed`. */
  readonly timesAttempts: boolean;
  /** For a first attempt; null when none is pickable. `key`: the call's hash, 32 bits, for those that go by it. */
  pick(nowNs: number, key: number): M | null;
  /** For a retry: one not in `tried` if there is one. Does not disturb the order of first attempts. */
  pickRetry(tried: readonly M[], nowNs: number, key: number): M | null;
  /** The set changed: all `members` in their lasting order (known ones never change places), and the difference. */
  membersChanged(members: readonly M[], added: readonly M[], removed: readonly M[]): void;
  /** A member became pickable or unpickable, or has another weight. One that is no member any more is passed over. */
  memberChanged(member: M): void;
  /** Discovery has said all it had to say for now: what is worked out once for many changes may be worked out before the next pick. */
  settle?(): void;
  /** An attempt's response began, or it ended before, `elapsedNs` after it was sent. */
  attemptTimed(member: M, nowNs: number, elapsedNs: number, outcome: AttemptOutcome): void;
  /** An endpoint told of its load; only where weights are learned from that. */
  reported?(member: M, nowNs: number, report: LoadReport): void;
}

/** An endpoint's weight, 1 where none is given. */
export function weightOf(member: BalancerMember): number {
  return member.endpoint.weight ?? 1;
}

/** One of `list` that is not in `tried`, begun at a random place; one in it when there is no other. `random` in [0, 1). */
export function untried<M>(list: readonly M[], tried: readonly M[], random: number): M | null {
  const count = list.length;
  const begin = Math.floor(random * count);
  for (let step = 0; step < count; step++) {
    const at = begin + step;
    const member = list[at < count ? at : at - count] as M;
    if (!tried.includes(member)) return member;
  }
  return list[begin] ?? null;
}
