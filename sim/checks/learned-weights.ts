/**
 * check.learnedWeights (LB-05, LB-10, LB-26). What instances say of their load, as each sidecar hears it with the answers, makes weights (gRFC A58):
 * calls a second ÷ (utilization + `errorPenalty` × errors ÷ calls). One counts from `blackoutMs` after the first report since its instance can be
 * picked, until `expirationMs` after the last; those that do not count weigh the mean of those that do; with fewer than two all weigh the same.
 * Per sidecar, and within each group of endpoints where the balancer goes by priorities or localities, while the set it can pick from and those that count do not change, over first picks: each instance has had the sum of its
 * shares at each pick, give or take `errorMax` of it and three picks. A change has until two times `weightUpdateMs`, and two rounds of picks, to take effect. A sidecar that was replaced,
 * and so knows nothing, is not judged.
 */
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, type EventView, Kind, LOAD_MEASURES } from '../journal/events.ts';
import { type GroupSettings, groupSettings } from '../spec/balancer.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { placeOf } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Replaced } from './replaced.ts';

const COMPLETE = ATTEMPT_ENDS.indexOf('complete');
/** As Kind.phase has it. */
const LOAD_ENDS = 1;
const PICKS_MORE = 3;
const UNHEARD_MAX = 10_000;
/** Fewer for each instance show nothing. */
const PICKS_EACH_MIN = 10;

export function learnedWeights(params: { errorMax?: number } = {}): CheckSpec {
  const errorMax = limit(params.errorMax ?? 0.1, 'errorMax', 'learnedWeights', 0, 10);
  const spec: CheckSpec = {
    name: 'learnedWeights',
    params: { errorMax },
    start: (context) => new LearnedWeights(spec, errorMax, context),
  };
  return spec;
}

/** What one sidecar knows of one instance, and how often it picked it since that last changed. */
class Known {
  pickable = false;
  weight = 0;
  /** First and last report; -1: none. */
  sinceNs = -1;
  lastNs = -1;
  counts = false;
  picks = 0;
  due = 0;
}

/** One group of endpoints in the eyes of one sidecar: each learns by itself. */
class View {
  readonly sidecar: number;
  /** By instance; those of other groups are never pickable. */
  readonly known: readonly Known[];
  /** Since when nothing changed but weights, and picks since then. */
  sinceNs = 0;
  picks = 0;
  /** Of these, those that are judged; and whether weights are known. */
  judged = 0;
  isLearned = false;

  constructor(sidecar: number, instances: number) {
    this.sidecar = sidecar;
    this.known = Array.from({ length: instances }, () => new Known());
  }

  get pickable(): Known[] {
    return this.known.filter((one) => one.pickable);
  }
}

class LearnedWeights implements CheckRun {
  readonly kinds = [
    Kind.loadReported,
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.endpointChanged,
    Kind.sidecarState,
    Kind.phase,
  ];
  readonly #spec: CheckSpec;
  readonly #errorMax: number;
  readonly #names: readonly string[];
  readonly #settings: GroupSettings;
  /** By instance and call: what it said, by measure, in an answer that is on its way. */
  readonly #said: readonly Map<number, number[]>[];
  /** By instance: which group it is in. */
  readonly #groups: readonly string[];
  readonly #views = new Map<string, View>();
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  /** Picks that were judged while weights were known, and before. */
  #learned = 0;
  #even = 0;
  #worst = 0;

  constructor(spec: CheckSpec, errorMax: number, { instanceNames, sidecar, groups = [] }: CheckContext) {
    this.#spec = spec;
    this.#errorMax = errorMax;
    this.#names = instanceNames;
    const settings = groupSettings(sidecar?.balancer);
    this.#settings = settings;
    this.#groups = instanceNames.map((_name, instance) => {
      const { priority, locality } = placeOf(groups[instance], settings);
      return `${priority} ${locality}`;
    });
    this.#said = instanceNames.map(() => new Map());
  }

  onEvent(event: EventView): void {
    const { kind, instance, code, detail, tNs } = event;
    if (!this.#settings.loadReports) return;
    if (kind === Kind.phase) {
      if (code === LOAD_ENDS) for (const view of this.#views.values()) this.#close(view, tNs, -1);
      return;
    }
    if (kind === Kind.loadReported) return this.#report(event);
    if (this.#replaced.covers(event)) return;
    const view = this.#viewOf(event);
    const known = view.known[instance];
    if (known === undefined) return;
    if (kind === Kind.attemptSent) {
      if (detail === 1) this.#pick(view, known, event);
    } else if (kind === Kind.attemptEnded) {
      this.#hear(known, event);
    } else this.#change(view, known, event);
  }

  finish(): Verdict {
    const broken = this.#broken;
    const exercised = this.#learned + this.#even;
    if (!this.#settings.loadReports)
      return verdictOf(this.#spec, 'not exercised', 0, 'The sidecar learns no weights from load reports.');
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` So ${counted(broken.count, 'time')}.` : '';
      return verdictOf(this.#spec, 'violated', exercised, `${broken.first}.${more}`, broken);
    }
    if (this.#learned === 0) {
      const why = 'Not enough picks were made while two weights or more were known.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const before = this.#even === 0 ? '' : ` and ${this.#even} before in equal shares`;
    const said = `${counted(this.#learned, 'pick')} by learned weights${before}, never more than ${this.#worst.toFixed(1)} picks from a share.`;
    return verdictOf(this.#spec, 'holds', exercised, said);
  }

  #viewOf({ sidecar, instance }: EventView): View {
    const key = `${sidecar} ${this.#groups[instance]}`;
    const view = this.#views.get(key) ?? new View(sidecar, this.#names.length);
    this.#views.set(key, view);
    return view;
  }

  #report({ instance, call, code: parts, detail: measure }: EventView): void {
    const said = this.#said[instance];
    if (said === undefined) return;
    const figures = said.get(call) ?? LOAD_MEASURES.map(() => 0);
    figures[measure] = parts;
    said.set(call, figures);
    // Answers that got lost stay: the oldest go.
    if (said.size > UNHEARD_MAX) said.delete(said.keys().next().value as number);
  }

  /** An answer arrived, with what its instance says of itself. */
  #hear(known: Known, { instance, call, detail, tNs }: EventView): void {
    const said = this.#said[instance];
    const [utilization = 0, calls = 0, errors = 0] = said?.get(call) ?? [];
    said?.delete(call);
    if (detail !== COMPLETE) return;
    const busy = utilization + (10_000 * this.#settings.errorPenalty * errors) / (calls || 1);
    if (!known.pickable || utilization === 0 || calls === 0) return;
    known.weight = calls / busy;
    if (known.sinceNs < 0) known.sinceNs = tNs;
    known.lastNs = tNs;
  }

  #change(view: View, known: Known, { code, tNs, seq }: EventView): void {
    const what = ENDPOINT_CHANGES[code];
    const pickable = what === 'pickable';
    if ((!pickable && what !== 'unpickable') || known.pickable === pickable) return;
    this.#close(view, tNs, seq);
    // What was known of it goes with it.
    Object.assign(known, new Known(), { pickable });
  }

  #pick(view: View, picked: Known, { tNs, seq }: EventView): void {
    let moved = false;
    for (const known of view.known) {
      const counts = this.#counts(known, tNs);
      if (counts !== known.counts) moved = true;
      known.counts = counts;
    }
    if (moved) this.#close(view, tNs, seq);
    if (!picked.pickable) return;
    view.picks += 1;
    const among = view.pickable;
    if (tNs < view.sinceNs + 2 * this.#settings.weightUpdateMs * 1e6 || view.picks <= 2 * among.length)
      return;
    const weights = weightsOf(among);
    const sum = weights.reduce((all, one) => all + one, 0);
    among.forEach((known, at) => (known.due += (weights[at] as number) / sum));
    picked.picks += 1;
    view.judged += 1;
    view.isLearned = among.filter(({ counts }) => counts).length >= 2;
  }

  #counts(known: Known, nowNs: number): boolean {
    const { blackoutMs, expirationMs } = this.#settings;
    if (known.lastNs < 0) return false;
    if (nowNs - known.lastNs >= expirationMs * 1e6) {
      known.sinceNs = -1;
      known.lastNs = -1;
      return false;
    }
    return nowNs - known.sinceNs >= blackoutMs * 1e6;
  }

  /** Judges what was picked since the last change. */
  #close(view: View, tNs: number, seq: number): void {
    const among = view.pickable;
    if (among.length >= 2 && view.judged >= PICKS_EACH_MIN * among.length) {
      if (view.isLearned) this.#learned += view.judged;
      else this.#even += view.judged;
      for (const known of among) this.#judge(view, known, tNs, seq);
    }
    for (const known of view.known) known.picks = known.due = 0;
    view.sinceNs = tNs;
    view.picks = 0;
    view.judged = 0;
  }

  #judge(view: View, known: Known, tNs: number, seq: number): void {
    const { picks, due } = known;
    const error = Math.abs(picks - due);
    if (error > this.#worst) this.#worst = error;
    if (error <= this.#errorMax * due + PICKS_MORE || !this.#broken.add(view.sinceNs, seq)) return;
    const name = this.#names[view.known.indexOf(known)];
    this.#broken.first =
      `From ${atTime(view.sinceNs)} to ${atTime(tNs)} sidecar ${view.sidecar} sent ${picks} of ${view.judged} calls to ${name}, ` +
      `where what it heard of load makes it ${due.toFixed(1)}`;
  }
}

function weightsOf(among: readonly Known[]): number[] {
  const counting = among.filter(({ counts }) => counts);
  if (counting.length < 2) return among.map(() => 1);
  const mean = counting.reduce((sum, { weight }) => sum + weight, 0) / counting.length;
  return among.map(({ counts, weight }) => (counts ? weight : mean));
}
