/** Watches whether each fault had an effect: from the moment it is requested, its rule judges the events on its instances. */
import { type EventView, Kind } from '../journal/events.ts';
import type { FaultSight } from '../faults/definition.ts';
import type { PlannedFault } from './plan.ts';

/** Attempts in sight at once per instance; more are not needed to see one effect. */
const ATTEMPTS_MAX = 256;
/** Keys of sidecars go downwards from here, those of instances upwards from 0. */
const SIDECARS = -2;
const NOBODY = -1;

interface Sight {
  fault: PlannedFault;
  signs: number;
  /** When each attempt that began in sight was sent, by call and attempt. */
  sent: Map<number, number>;
}

export class Sightings {
  readonly kinds = [
    Kind.faultRequested,
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.attemptArrived,
    Kind.attemptAnswered,
    Kind.endpointChanged,
    Kind.instanceState,
    Kind.memberState,
    Kind.sidecarState,
    Kind.config,
    Kind.registry,
  ];
  readonly #faults: PlannedFault[];
  readonly #observed = new Set<number>();
  /** By instance, or by sidecar below zero. */
  readonly #sights = new Map<number, Sight[]>();
  readonly #seen: FaultSight<unknown> = { params: null, attemptNs: -1 };

  /** `faults` may grow while the run goes on (imperative bodies). */
  constructor(faults: PlannedFault[]) {
    this.#faults = faults;
  }

  observed(fault: number): boolean {
    return this.#observed.has(fault);
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.faultRequested) {
      this.#open(event);
      return;
    }
    if (this.#sights.size === 0) return;
    const ofSidecar = event.kind === Kind.sidecarState || event.kind === Kind.config;
    const key = ofSidecar ? SIDECARS - event.sidecar : event.instance;
    this.#judgeAt(key, event);
    // What happens to the control plane shows at any sidecar.
    if (event.kind === Kind.config) this.#judgeAt(NOBODY, event);
  }

  #judgeAt(key: number, event: EventView): void {
    const sights = this.#sights.get(key);
    if (sights === undefined) return;
    for (const sight of sights) this.#judge(sight, event);
    const left = sights.filter((sight) => !this.#observed.has(sight.fault.index));
    if (left.length === 0) this.#sights.delete(key);
    else if (left.length < sights.length) this.#sights.set(key, left);
  }

  #open(event: EventView): void {
    const fault = this.#faults[event.call];
    if (fault === undefined || this.#observed.has(fault.index)) return;
    const key = event.detail >= 0 ? SIDECARS - event.detail : event.instance;
    const sights = this.#sights.get(key) ?? [];
    sights.push({ fault, signs: 0, sent: new Map() });
    this.#sights.set(key, sights);
  }

  #judge(sight: Sight, event: EventView): void {
    const key = event.call * 16 + event.attempt;
    const seen = this.#seen;
    seen.params = sight.fault.params;
    seen.attemptNs = -1;
    if (event.kind === Kind.attemptSent && sight.sent.size < ATTEMPTS_MAX) sight.sent.set(key, event.tNs);
    else if (event.kind === Kind.attemptEnded) {
      const sentNs = sight.sent.get(key);
      if (sentNs !== undefined) seen.attemptNs = event.tNs - sentNs;
      sight.sent.delete(key);
    }
    const { definition, index } = sight.fault;
    sight.signs |= definition.observed(event, seen as FaultSight<never>);
    if ((sight.signs & definition.allSigns) === definition.allSigns) this.#observed.add(index);
  }
}
