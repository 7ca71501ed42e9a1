/** The steps of every network fault: the effect begins at once and, where the fault has an end, is lifted then. */
import type { NetworkEffect, Step } from './controls.ts';
import type { FaultSite } from './definition.ts';

export function networkSteps({ instance, fault }: FaultSite, effect: NetworkEffect, forNs: number): Step[] {
  const steps: Step[] = [{ afterNs: 0, control: { op: 'network', instance, fault, effect } }];
  if (forNs !== Number.POSITIVE_INFINITY) {
    steps.push({ afterNs: forNs, control: { op: 'network', instance, fault, effect: null }, heals: true });
  }
  return steps;
}
