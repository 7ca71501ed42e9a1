/**
 * check.sameView (DC-01, DC-10, DC-22): what discovery says of an instance is what every sidecar has. Once an instance has been listed
 * for `withinMs`, each sidecar has it in its set, and does not let go of it; once it has been removed for as long, none has it, or takes
 * it. A sidecar whose control plane a fault treats badly has as long from the fault's end on; after `xds.drop` from the next change on.
 * With a registry of leases, where the dead leave by themselves, `leaseExpiry` says what must hold, and with subsets, of
 * which each sidecar has its own, `subset`; instances of several clusters are not judged. Sidecars that were replaced are not judged.
 */
import { ENDPOINT_CHANGES, type EventView, Kind, MEMBER_STATES } from '../journal/events.ts';
import { groupSettings } from '../spec/balancer.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { sharedInstance } from '../spec/routing.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Stalls } from './stalls.ts';

const ADDED = ENDPOINT_CHANGES.indexOf('added');
const REMOVED = ENDPOINT_CHANGES.indexOf('removed');
const LISTED = MEMBER_STATES.indexOf('active');
const GONE = MEMBER_STATES.indexOf('removed');
/** As Kind.phase has it. */
const LOAD_BEGINS = 0;
const WRONG_MAX = 10_000;

export function sameView(params: { withinMs: number }): CheckSpec {
  const withinMs = limit(params?.withinMs, 'withinMs', 'sameView', 0, 3_600_000);
  const spec: CheckSpec = {
    name: 'sameView',
    params: { withinMs },
    start: (context) => new SameView(spec, withinMs * 1e6, context),
  };
  return spec;
}

/** What discovery says of an instance; null while it says neither (draining, or not yet anything). */
interface Truth {
  listed: boolean | null;
  sinceNs: number;
  seq: number;
}

interface View {
  readonly has: Uint8Array;
  /** Faults on what it is told, of the control plane; it counts as well from then on. Infinity: not before the next change. */
  faults: number;
  wellNs: number;
  replaced: boolean;
}

/** A moment at which a sidecar has to have an instance as it is, if nothing comes between. */
interface Due {
  atNs: number;
  instance: number;
  sidecar: number;
}

class SameView implements CheckRun {
  readonly kinds = [
    Kind.memberState,
    Kind.endpointChanged,
    Kind.faultApplied,
    Kind.faultHealed,
    Kind.sidecarState,
    Kind.attemptSent,
    Kind.phase,
    Kind.stall,
  ];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  readonly #context: CheckContext;
  readonly #truths: readonly Truth[];
  readonly #views: readonly View[];
  /** In order of time. */
  readonly #due: Due[] = [];
  readonly #wrong: { fromNs: number; atNs: number; said: string; seqs: readonly number[] }[] = [];
  readonly #stalls = new Stalls();
  /** Why nothing is judged; null: all is. */
  readonly #aside: string | null;
  /** What comes before the load is how the mesh begins. */
  #loaded = false;
  #judged = 0;

  constructor(spec: CheckSpec, withinNs: number, context: CheckContext) {
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#context = context;
    const count = context.instanceNames.length;
    this.#truths = context.instanceNames.map(() => ({ listed: null, sinceNs: 0, seq: -1 }));
    this.#views = Array.from({ length: context.sidecars }, () => ({
      has: new Uint8Array(count),
      faults: 0,
      wellNs: 0,
      replaced: false,
    }));
    this.#aside = whyAside(context);
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.stall) return this.#stalls.add(event);
    if (this.#aside !== null) return;
    for (let head = this.#due[0]; head !== undefined && head.atNs < event.tNs; head = this.#due[0]) {
      this.#due.shift();
      this.#judge(head, event);
    }
    if (event.kind === Kind.memberState) this.#said(event);
    else if (event.kind === Kind.endpointChanged) this.#changed(event);
    else if (event.kind === Kind.faultApplied || event.kind === Kind.faultHealed) this.#fault(event);
    else if (event.kind === Kind.phase && event.code === LOAD_BEGINS) {
      this.#loaded = true;
      for (const sidecar of this.#views.keys()) this.#isWell(sidecar, event.tNs);
    } else if (event.kind === Kind.sidecarState) {
      const view = this.#views[event.sidecar];
      if (view !== undefined) view.replaced = true;
    }
  }

  finish(): Verdict {
    const broken = new Evidence();
    let excused: string | null = null;
    for (const { fromNs, atNs, said, seqs } of this.#wrong) {
      const stall = this.#stalls.within(fromNs, atNs);
      if (stall !== null) excused ??= stall;
      else if (broken.add(atNs, ...seqs)) broken.first = said;
    }
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` ${broken.count} times it was so.` : '';
      return verdictOf(this.#spec, 'violated', this.#judged, broken.first + more, broken);
    }
    if (excused !== null) {
      const said = `A sidecar's set was not what discovery said, but ${excused}, so the run cannot tell.`;
      return verdictOf(this.#spec, 'inconclusive', this.#judged, said);
    }
    if (this.#judged === 0) {
      const why = this.#aside ?? 'No change of discovery had its time.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const said = `${counted(this.#judged, 'time')} a sidecar had ${this.#withinNs / 1e6} ms for a change: its set was what discovery said.`;
    return verdictOf(this.#spec, 'holds', this.#judged, said);
  }

  #said({ instance, code, tNs, seq }: EventView): void {
    const truth = this.#truths[instance];
    if (truth === undefined) return;
    truth.listed = code === LISTED ? true : code === GONE ? false : null;
    truth.sinceNs = tNs;
    truth.seq = seq;
    if (!this.#loaded) return;
    for (const [sidecar, view] of this.#views.entries()) {
      // The first change after lost ones: with it comes all that was lost.
      if (view.wellNs === Infinity && view.faults === 0) this.#isWell(sidecar, tNs);
      else this.#due.push({ atNs: tNs + this.#withinNs, instance, sidecar });
    }
  }

  #isWell(sidecar: number, tNs: number): void {
    (this.#views[sidecar] as View).wellNs = tNs;
    for (let instance = 0; instance < this.#truths.length; instance++)
      this.#due.push({ atNs: tNs + this.#withinNs, instance, sidecar });
  }

  #fault(event: EventView): void {
    const fault = this.#context.faults[event.call];
    const view = this.#views[event.detail];
    if (view === undefined || fault?.kind.startsWith('xds.') !== true) return;
    if (event.kind === Kind.faultApplied) view.faults += 1;
    else {
      view.faults -= 1;
      if (fault.kind === 'xds.drop') view.wellNs = Infinity;
      else if (view.faults === 0 && view.wellNs !== Infinity) this.#isWell(event.detail, event.tNs);
    }
  }

  /** It lets go of an instance, or takes one, of which discovery has said something else for long enough. */
  #changed(event: EventView): void {
    if (event.code !== ADDED && event.code !== REMOVED) return;
    const view = this.#views[event.sidecar];
    if (view === undefined || view.has[event.instance] === undefined) return;
    view.has[event.instance] = event.code === ADDED ? 1 : 0;
    const { instance, sidecar } = event;
    const sinceNs = Math.max((this.#truths[instance] as Truth).sinceNs, view.wellNs);
    if (this.#loaded && event.tNs > sinceNs + this.#withinNs)
      this.#judge({ atNs: event.tNs, instance, sidecar }, event);
  }

  #judge({ atNs, instance, sidecar }: Due, event: EventView): void {
    const { listed, sinceNs, seq } = this.#truths[instance] as Truth;
    const view = this.#views[sidecar] as View;
    if (listed === null || view.replaced || view.faults > 0) return;
    const fromNs = Math.max(sinceNs, view.wellNs);
    if (fromNs + this.#withinNs > atNs) return;
    this.#judged += 1;
    if ((view.has[instance] === 1) === listed || this.#wrong.length >= WRONG_MAX) return;
    const name = this.#context.instanceNames[instance] ?? String(instance);
    const said =
      `Sidecar ${sidecar} ${listed ? 'does not have' : 'still has'} ${name} at ${atTime(atNs)}, which discovery has ` +
      `${listed ? 'listed' : 'removed'} since ${atTime(sinceNs)}; ${this.#withinNs / 1e6} ms were allowed.`;
    this.#wrong.push({ fromNs, atNs, said, seqs: [seq, event.seq] });
  }
}

function whyAside({ sidecar = {}, instanceNames }: CheckContext): string | null {
  if (sidecar.discovery?.kind === 'registry') return 'With a registry of leases see leaseExpiry.';
  if (groupSettings(sidecar.balancer).subsetSize > 0)
    return 'Each sidecar uses a subset of its own: see subset.';
  const shared = sharedInstance(sidecar, instanceNames);
  return shared === null
    ? null
    : `${shared} is in several clusters: of which one a change is cannot be told.`;
}
