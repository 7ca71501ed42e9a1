/** Which calls an instance fails on purpose: the rules of its faults, drawn from the run's seed per call and attempt. */
import type { FailRule } from '../../faults/controls.ts';
import { draw } from '../draw.ts';

export class FailRules {
  readonly #rules = new Map<number, FailRule>();
  readonly #seed: number;
  readonly #instance: number;

  constructor(seed: number, instance: number) {
    this.#seed = seed;
    this.#instance = instance;
  }

  /** `rule` null lifts the fault's rule. */
  set(fault: number, rule: FailRule | null): void {
    if (rule === null) this.#rules.delete(fault);
    else this.#rules.set(fault, rule);
  }

  /** The first rule that hits, in the order the faults came. */
  match(method: string, call: number, attempt: number): FailRule | null {
    return this.#match(method, call, attempt, false);
  }

  /** The same, of rules that name the method: health is not failed by the way. */
  matchOnly(method: string, call: number, attempt: number): FailRule | null {
    return this.#match(method, call, attempt, true);
  }

  #match(method: string, call: number, attempt: number, byName: boolean): FailRule | null {
    for (const [fault, rule] of this.#rules) {
      if (rule.method === null ? byName : rule.method !== method) continue;
      if (draw(this.#seed, fault, this.#instance, call, attempt) < rule.share) return rule;
    }
    return null;
  }
}
