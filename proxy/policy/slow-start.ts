/**
 * Slow start: a member that became pickable gets a growing share of its weight, max(floor, age ÷ window), as Envoy has it with
 * aggression 1, in sixteenths, so that schedules can count in whole numbers. When all are new, all grow alike and nothing is lost.
 */
import { type BalancerMember, weightOf } from './balancer.ts';
import type { Weigher } from './weigher.ts';

const STEPS = 16;

export class SlowStart<M extends BalancerMember> implements Weigher<M> {
  readonly #windowNs: number;
  readonly #first: number;
  readonly #warming = new Set<M>();
  #nextNs = 0;

  /** `windowMs` 0: none. `floor`: the share at the beginning, above 0 to 1. */
  constructor(windowMs: number, floor: number) {
    this.#windowNs = windowMs * 1e6;
    this.#first = Math.max(2, Math.round(floor * STEPS));
  }

  /** The member became pickable. */
  begin(member: M): void {
    if (this.#windowNs === 0) return;
    const { standing } = member;
    standing.step = this.#first;
    standing.sinceNs = -1;
    this.#warming.add(member);
    this.#nextNs = 0;
  }

  end(member: M): void {
    this.#warming.delete(member);
  }

  /** The weight to count with: in sixteenths where there is slow start. */
  weigh(member: M): number {
    return this.#windowNs === 0 ? weightOf(member) : weightOf(member) * member.standing.step;
  }

  /** Some may have grown. Asked at each pick. */
  isDue(nowNs: number): boolean {
    return this.#warming.size > 0 && nowNs >= this.#nextNs;
  }

  /** Those that have grown and are still pickable. */
  grown(nowNs: number): M[] {
    this.#nextNs = nowNs + this.#windowNs / (2 * STEPS);
    const grown: M[] = [];
    for (const member of this.#warming) {
      const { standing } = member;
      if (standing.place < 0) {
        this.#warming.delete(member);
        continue;
      }
      if (standing.sinceNs < 0) standing.sinceNs = nowNs;
      const age = Math.floor((STEPS * (nowNs - standing.sinceNs)) / this.#windowNs);
      const step = Math.min(STEPS, Math.max(this.#first, age));
      if (step === STEPS) this.#warming.delete(member);
      if (step === standing.step) continue;
      standing.step = step;
      grown.push(member);
    }
    return grown;
  }
}
