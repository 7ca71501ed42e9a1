/**
 * Smooth weighted round robin, exact: after any n picks from a set that stays as it is, each member has had its share
 * n × weight ÷ all weights, rounded down or up. Picks are slots; the k-th pick of a member may not come before slot
 * ⌊k × W ÷ w⌋ and is due by ⌈(k + 1) × W ÷ w⌉; of those that may come, the one due first does, for which all are always in time
 * (unit jobs, the earliest deadline first). With equal weights this is round robin.
 *
 * Why not others: the usual smooth one (nginx's) costs O(N) a pick; deadlines alone (Envoy's) let a heavy member have all its
 * picks of a period before the light ones; the static stride of gRFC A58 looks at O(N) members where one is heavy. This is O(log N).
 */
import { type Balancer, type BalancerMember, untried, weightOf } from './balancer.ts';
import { MemberHeap } from './member-heap.ts';

export class WeightedRoundRobin<M extends BalancerMember> implements Balancer<M> {
  readonly timesAttempts = false;
  readonly #random: () => number;
  /** Those whose next pick may come, by when it is due; the others, by when it may come. */
  readonly #due = new MemberHeap<M>();
  readonly #later = new MemberHeap<M>();
  #members: readonly M[] = [];
  #ready: M[] = [];
  #stale = false;
  /** Slots so far. */
  #slot = 0;
  /** All weights. */
  #total = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick(): M | null {
    if (this.#stale) this.#rebuild();
    const due = this.#due;
    const later = this.#later;
    const slot = this.#slot;
    const total = this.#total;
    for (let next = later.items[0]; next !== undefined && next.standing.key <= slot; next = later.items[0]) {
      later.remove(next);
      const { standing } = next;
      standing.key = Math.ceil(standing.base + ((standing.taken + 1) * total) / standing.weight);
      due.push(next);
    }
    // None may come when one left that others had waited for: then the one that may come first does.
    const member = due.pop() ?? later.pop();
    if (member === null) return null;
    this.#slot = slot + 1;
    const { standing } = member;
    standing.taken++;
    if (standing.taken === standing.weight) {
      standing.taken = 0;
      standing.base += total;
    }
    standing.key = Math.floor(standing.base + (standing.taken * total) / standing.weight);
    later.push(member);
    return member;
  }

  /** By chance, without regard to weights: a retry has no share to keep. */
  pickRetry(tried: readonly M[]): M | null {
    if (this.#stale) this.#rebuild();
    return untried(this.#ready, tried, this.#random());
  }

  membersChanged(members: readonly M[], added: readonly M[]): void {
    this.#members = members;
    for (const { standing } of added) standing.tie = this.#random();
    this.#stale = true;
  }

  memberChanged(): void {
    this.#stale = true;
  }

  attemptTimed(): void {}

  /** Takes the set as it is now. What each member is ahead of its share or behind it goes with it. */
  #rebuild(): void {
    this.#stale = false;
    const slot = this.#slot;
    const before = this.#total;
    const ready = this.#members.filter((member) => member.pickable);
    let ahead = 0;
    let total = 0;
    for (const member of ready) {
      const { standing } = member;
      const stays = standing.place >= 0;
      // Until the new bases are set, `base` holds by how many picks a member is ahead.
      standing.base = stays ? standing.taken - ((slot - standing.base) * standing.weight) / before : 0;
      standing.weight = weightOf(member);
      ahead += standing.base;
      total += standing.weight;
    }
    for (const member of this.#ready) member.standing.place = -1;
    this.#due.clear();
    this.#later.clear();
    this.#ready = ready;
    this.#total = total;
    for (const member of ready) {
      const { standing } = member;
      // Together they are neither ahead nor behind: what one took with it is everybody's.
      standing.base = slot + ((standing.base - (ahead * standing.weight) / total) * total) / standing.weight;
      standing.taken = 0;
      standing.key = Math.floor(standing.base);
      this.#later.push(member);
    }
  }
}
