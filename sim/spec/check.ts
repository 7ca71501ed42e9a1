/** What a check is: a consumer of journal events that ends in one of four verdicts. */
import type { EventView, Kind } from '../journal/events.ts';
import type { GroupFacts } from './balancer.ts';
import type { SidecarSpec } from './scenario.ts';

/**
 * `holds`: exercised and true. `violated`: with the first time and evidence. `not exercised`: nothing in the run
 * could have broken it. `inconclusive`: the run cannot tell (a stall inside a window, a fault without effect).
 */
export type Outcome = 'holds' | 'violated' | 'not exercised' | 'inconclusive';

export interface Verdict {
  /** Name of the check, such as 'roundRobin'. */
  check: string;
  /** Its parameters as the scenario gave them. */
  params: Readonly<Record<string, unknown>>;
  outcome: Outcome;
  /** How often the check's trigger occurred. */
  exercised: number;
  /** One or two sentences for people: what holds, or what was broken, where and by how much. */
  explanation: string;
  /** First moment of a violation, ms since the run began; null when there is none. */
  firstAtMs: number | null;
  /** Sequence numbers of journal events that show it, at most 20. */
  evidence: readonly number[];
}

/** What a check may know besides the events: names, and what the plan promised. */
export interface CheckContext {
  world: 'virtual' | 'real';
  /** Names by instance index ('greeter/0'). */
  instanceNames: readonly string[];
  /** Faults by index in the plan. */
  faults: readonly { kind: string; target: string; instances: readonly number[]; impact: FaultImpact }[];
  sidecars: number;
  /** Weights by instance index; 1 behind the end. */
  weights: readonly number[];
  /** Priority and locality by instance; behind the end none. */
  groups?: readonly GroupFacts[];
  /** How many keys the load's calls have; 0: none. */
  keys: number;
  /** grpc-status numbers that the sidecar's retry policy may retry. */
  retryableStatuses: readonly number[];
  /** What the scenario says of its sidecar. */
  sidecar?: SidecarSpec;
}

/** unavailable: the instance cannot answer; degraded: it answers worse; membership: the set changes. */
export type FaultImpact = 'unavailable' | 'degraded' | 'membership';

/** One check at work in one run. */
export interface CheckRun {
  /** Only events of these kinds are shown to it, in journal order. */
  readonly kinds: readonly Kind[];
  onEvent(event: EventView): void;
  finish(): Verdict;
}

/** What `check.x(params)` returns and a scenario lists. */
export interface CheckSpec {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Worlds that can exercise it; elsewhere `not exercised` does not count against the run. Default both. */
  readonly worlds?: readonly ('virtual' | 'real')[];
  start(context: CheckContext): CheckRun;
}
