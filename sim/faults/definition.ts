/** What one fault is: its parameters, its controls, and the sign by which the journal shows that it had an effect. */
import type { EventView } from '../journal/events.ts';
import type { FaultImpact } from '../spec/check.ts';
import type { Step } from './controls.ts';

/** Where a fault strikes. `dead`: the plan knows that the instance is not running at that moment. */
export interface FaultSite {
  /** -1 for a fault on a sidecar. */
  instance: number;
  /** Index of the sidecar; -1 for a fault on an instance. */
  sidecar: number;
  /** Index of the fault in the plan. */
  fault: number;
  dead: boolean;
  /** Place of this instance among the fault's running ones, from 0, for faults that take turns. */
  turn: number;
}

/** What is known when an event is judged, besides the event itself. */
export interface FaultSight<P> {
  params: P;
  /** How long the attempt took that this event ends, ns; -1 when the event ends none that began in sight. */
  attemptNs: number;
}

export interface FaultDefinition<P = never> {
  readonly kind: string;
  readonly impact: FaultImpact;
  /** `service`: it makes new instances, so its target is a service and not an instance. */
  readonly on: 'instance' | 'service' | 'sidecar' | 'registry' | 'plane';
  /** A start of the same instance ends this fault (a killed instance is healed by a restart). */
  readonly healedByStart?: boolean;
  /** Checks and completes parameters. Throws MeshwrightError MW_SCENARIO that names `place` and the remedy. */
  parse(params: Readonly<Record<string, unknown>>, place: string): P;
  /** Pure: the controls for one instance, in order of time. */
  steps(params: P, site: FaultSite): readonly Step[];
  /**
   * Pure: which signs of an effect this event shows, as bits. Called for events on the fault's instance (or sidecar) from the moment
   * the fault was requested; the fault counts as observed when all bits of `allSigns` have been seen, in any order.
   */
  observed(event: EventView, sight: FaultSight<P>): number;
  readonly allSigns: number;
}

/** Checks a definition's types where it is written, and hides its parameter type from the table. */
export function defineFault<P>(definition: FaultDefinition<P>): FaultDefinition {
  return definition as unknown as FaultDefinition;
}
