/** What a balancer by weight asks for the weights that it counts with: discovery's, growing ones (slow start), or learned ones. */
import type { BalancerMember } from './balancer.ts';
import type { LoadReport } from './load-report.ts';

export interface Weigher<M extends BalancerMember> {
  /** The member became pickable; it is not any more. */
  begin(member: M): void;
  end(member: M): void;
  /** The weight to count with, a whole number. */
  weigh(member: M): number;
  /** Some may weigh something else by now. Asked at each pick. */
  isDue(nowNs: number): boolean;
  /** Those that do, and are still pickable. Read only, and until the next call. */
  grown(nowNs: number): readonly M[];
  /** An endpoint told of its load. Only where weights are learned. */
  reported?(member: M, nowNs: number, report: LoadReport): void;
}
