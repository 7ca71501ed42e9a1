/**
 * check.ejection (FO-22, FO-24, FO-25): the outlier detection of each sidecar, replayed from the ends of its attempts. After
 * exactly so many errors in a row an instance is ejected, unless the cap forbids; nobody is without (where no statistics are
 * judged); the ejected share stays within the cap as its dialect reads it, and within `maxShare`; no attempt goes to an ejected
 * instance; the n-th ejection in a row lasts n times the base up to the longest, and ends within an interval after that.
 */
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { OUTLIER_DEFAULTS, type OutlierSpec } from '../spec/failover.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const END = {
  complete: ATTEMPT_ENDS.indexOf('complete'),
  reset: ATTEMPT_ENDS.indexOf('reset'),
  lost: ATTEMPT_ENDS.indexOf('connection_lost'),
  tried: ATTEMPT_ENDS.indexOf('per_try_timeout'),
  deadline: ATTEMPT_ENDS.indexOf('deadline'),
} as const;
const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;
/** How late a real process's timers may be. */
const REAL_TOLERANCE_MS = 250;

/** `maxShare`: beside the policy's own cap, at most this share of the members is ejected at any time. */
export function ejection(params: { maxShare?: number; toleranceMs?: number } = {}): CheckSpec {
  const { maxShare, toleranceMs } = params;
  if (maxShare !== undefined) limit(maxShare, 'maxShare', 'ejection', 0, 1);
  if (toleranceMs !== undefined) limit(toleranceMs, 'toleranceMs', 'ejection', 0, 60_000);
  const spec: CheckSpec = {
    name: 'ejection',
    params: { ...params },
    start: (context) => new Ejection(spec, maxShare ?? 1, toleranceMs ?? null, context),
  };
  return spec;
}

type Policy = Required<Omit<OutlierSpec, 'successRate' | 'failurePercent'>>;

/** One instance in the eyes of one sidecar. */
class Seen {
  member = false;
  ejected = false;
  errorsInRow = 0;
  gatewayErrorsInRow = 0;
  /** What the multiplier may be, for the moment of a sweep is not in the journal. */
  least = 0;
  most = 0;
  atNs = -1;
}

class View {
  readonly seen: Seen[];
  /** The instance that has to be ejected now; -1: none. */
  due = -1;
  dueNs = 0;
  dueSeq = -1;
  /** When a member left last. */
  leftNs = -1;

  constructor(instances: number) {
    this.seen = Array.from({ length: instances }, () => new Seen());
  }

  count(which: 'member' | 'ejected'): number {
    return this.seen.filter((one) => one[which]).length;
  }
}

class Ejection implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.attemptEnded, Kind.endpointChanged, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #maxShare: number;
  readonly #toleranceNs: number;
  readonly #context: CheckContext;
  readonly #policy: OutlierSpec & Policy;
  readonly #byStatistics: boolean;
  readonly #views: (View | undefined)[] = [];
  readonly #broken = new Evidence();
  #ejections = 0;
  #forbidden = 0;
  #mostEjected = 0;
  #endNs = 0;

  constructor(spec: CheckSpec, maxShare: number, toleranceMs: number | null, context: CheckContext) {
    this.#spec = spec;
    this.#maxShare = maxShare;
    this.#toleranceNs = (toleranceMs ?? (context.world === 'real' ? REAL_TOLERANCE_MS : 0)) * 1e6;
    this.#context = context;
    const given = context.sidecar?.outlier ?? { consecutiveErrors: 0 };
    this.#policy = { ...OUTLIER_DEFAULTS, ...given };
    this.#byStatistics = given.successRate !== undefined || given.failurePercent !== undefined;
  }

  onEvent(event: EventView): void {
    this.#endNs = event.tNs;
    if (event.kind === Kind.phase || event.instance < 0) return;
    const view = (this.#views[event.sidecar] ??= new View(this.#context.instanceNames.length));
    const seen = view.seen[event.instance];
    if (seen === undefined) return;
    const change = event.kind === Kind.endpointChanged ? ENDPOINT_CHANGES[event.code] : undefined;
    const inTime = event.tNs <= view.dueNs + this.#toleranceNs;
    const answersDue = change === 'ejected' && event.instance === view.due && inTime;
    if (view.due >= 0 && !answersDue && (event.kind === Kind.attemptSent || event.tNs > view.dueNs))
      this.#missed(view, event.sidecar);
    if (event.kind === Kind.attemptEnded) this.#ended(view, seen, event);
    else if (event.kind === Kind.attemptSent) {
      if (seen.ejected)
        this.#break(event, `sent an attempt to ${this.#name(event)}, ejected at ${atTime(seen.atNs)}`);
    } else if (change === 'added' || change === 'removed') {
      if (change === 'removed') view.leftNs = event.tNs;
      view.seen[event.instance] = new Seen();
      (view.seen[event.instance] as Seen).member = change === 'added';
    } else if (change === 'ejected') this.#ejected(view, seen, event);
    else if (change === 'unejected') this.#unejected(view, seen, event);
  }

  finish(): Verdict {
    this.#views.forEach((view, sidecar) => {
      if (view === undefined) return;
      if (view.due >= 0) this.#missed(view, sidecar);
      view.seen.forEach((seen, instance) => this.#outlasting(seen, sidecar, instance));
    });
    const exercised = this.#ejections + this.#forbidden;
    const said =
      `${counted(this.#ejections, 'ejection')}, at most ${this.#mostEjected} at a time; ` +
      `the cap forbade ${this.#forbidden}`;
    if (this.#broken.count > 0) {
      const more = this.#broken.count > 1 ? ` (and ${this.#broken.count - 1} more)` : '';
      return verdictOf(
        this.#spec,
        'violated',
        exercised,
        `${this.#broken.first}${more}; ${said}.`,
        this.#broken,
      );
    }
    if (exercised === 0)
      return verdictOf(this.#spec, 'not exercised', 0, 'Nobody failed so much as to be ejected.');
    return verdictOf(this.#spec, 'holds', exercised, `${said}.`);
  }

  #ended(view: View, seen: Seen, event: EventView): void {
    const status = judgedStatus(event);
    if (status < 0 || !seen.member) return;
    const policy = this.#policy;
    if (!policy.errorStatuses.includes(status)) {
      seen.errorsInRow = 0;
      seen.gatewayErrorsInRow = 0;
      return;
    }
    if (seen.ejected) return;
    const isGatewayError = policy.gatewayStatuses.includes(status);
    seen.errorsInRow += 1;
    seen.gatewayErrorsInRow = isGatewayError ? seen.gatewayErrorsInRow + 1 : 0;
    const tooMany = seen.errorsInRow === policy.consecutiveErrors;
    const tooManyGateway = isGatewayError && seen.gatewayErrorsInRow === policy.consecutiveGatewayErrors;
    if (!tooMany && !tooManyGateway) return;
    if (tooMany) seen.errorsInRow = 0;
    if (tooManyGateway) seen.gatewayErrorsInRow = 0;
    if (!this.#fits(view, view.count('ejected'))) {
      this.#forbidden += 1;
      return;
    }
    view.due = event.instance;
    view.dueNs = event.tNs;
    view.dueSeq = event.seq;
  }

  #ejected(view: View, seen: Seen, event: EventView): void {
    this.#ejections += 1;
    if (!this.#fits(view, view.count('ejected'))) {
      const { maxEjectionPercent, cap } = this.#policy;
      const now = `${view.count('ejected')} of ${view.count('member')} were ejected already`;
      this.#break(
        event,
        `ejected ${this.#name(event)} while ${now}, beyond ${maxEjectionPercent} % as ${cap} reads it`,
      );
    }
    if (view.due === event.instance) view.due = -1;
    else if (!this.#byStatistics) {
      const { consecutiveErrors } = this.#policy;
      this.#break(event, `ejected ${this.#name(event)} without ${consecutiveErrors} errors in a row`);
    }
    if (seen.atNs >= 0) {
      const awayNs = event.tNs - seen.atNs;
      const intervalNs = this.#policy.intervalMs * 1e6;
      const tolerance = this.#toleranceNs;
      seen.least = Math.max(0, seen.least - Math.floor((awayNs + tolerance) / intervalNs));
      seen.most = Math.max(0, seen.most - Math.max(0, Math.ceil((awayNs - tolerance) / intervalNs) - 1));
    }
    seen.least += 1;
    seen.most += 1;
    seen.ejected = true;
    seen.atNs = event.tNs;
    seen.errorsInRow = 0;
    seen.gatewayErrorsInRow = 0;
    const ejected = view.count('ejected');
    this.#mostEjected = Math.max(this.#mostEjected, ejected);
    if (ejected > this.#maxShare * view.count('member')) {
      this.#break(
        event,
        `has ${ejected} of ${view.count('member')} ejected, more than ${100 * this.#maxShare} %`,
      );
    }
  }

  #unejected(view: View, seen: Seen, event: EventView): void {
    const tookNs = event.tNs - seen.atNs;
    const { intervalMs, jitterMs, healthyCheckUnejects } = this.#policy;
    const early = healthyCheckUnejects || view.leftNs === event.tNs;
    const leastNs = this.#lastsNs(seen.least) - this.#toleranceNs;
    const mostNs = this.#lastsNs(seen.most) + (intervalMs + jitterMs) * 1e6 + this.#toleranceNs;
    if ((tookNs < leastNs && !early) || tookNs > mostNs) {
      const times = seen.least === seen.most ? `${seen.most}` : `${seen.least} to ${seen.most}`;
      const want = `between ${atTime(Math.max(0, leastNs))} and ${atTime(mostNs)} (times ${times})`;
      this.#break(event, `let ${this.#name(event)} back after ${atTime(tookNs)}, where it had to be ${want}`);
    }
    seen.ejected = false;
    seen.atNs = event.tNs;
    seen.errorsInRow = 0;
    seen.gatewayErrorsInRow = 0;
  }

  /** An ejection that should have been over before the run was. */
  #outlasting(seen: Seen, sidecar: number, instance: number): void {
    if (!seen.ejected) return;
    const { intervalMs, jitterMs } = this.#policy;
    const tookNs = this.#endNs - seen.atNs;
    if (tookNs <= this.#lastsNs(seen.most) + (intervalMs + jitterMs) * 1e6 + this.#toleranceNs) return;
    if (!this.#broken.add(seen.atNs)) return;
    const name = this.#context.instanceNames[instance] ?? String(instance);
    this.#broken.first = `Sidecar ${sidecar} still has ${name} ejected after ${atTime(tookNs)}`;
  }

  #missed(view: View, sidecar: number): void {
    const { due, dueNs, dueSeq } = view;
    view.due = -1;
    if (!this.#broken.add(dueNs, dueSeq)) return;
    const name = this.#context.instanceNames[due] ?? String(due);
    this.#broken.first = `At ${atTime(dueNs)} sidecar ${sidecar} did not eject ${name} after ${this.#policy.consecutiveErrors} errors in a row`;
  }

  #lastsNs(times: number): number {
    const { baseEjectionMs, maxEjectionMs } = this.#policy;
    return Math.min(baseEjectionMs * times, Math.max(baseEjectionMs, maxEjectionMs)) * 1e6;
  }

  #fits(view: View, already: number): boolean {
    const { maxEjectionPercent, cap } = this.#policy;
    const allowed = maxEjectionPercent * view.count('member');
    if (cap === 'a50') return 100 * already < allowed;
    return 100 * (already + 1) <= allowed || (cap === 'envoy_at_least_one' && already === 0);
  }

  #break(event: EventView, what: string): void {
    if (this.#broken.add(event.tNs, event.seq))
      this.#broken.first = `At ${atTime(event.tNs)} sidecar ${event.sidecar} ${what}`;
  }

  #name(event: EventView): string {
    return this.#context.instanceNames[event.instance] ?? String(event.instance);
  }
}

/** What an attempt's end says about its instance; -1: nothing. */
function judgedStatus({ code, detail }: EventView): number {
  if (detail === END.complete) return code >= 0 ? code : UNAVAILABLE;
  if (detail === END.reset || detail === END.lost) return UNAVAILABLE;
  return detail === END.tried || detail === END.deadline ? DEADLINE_EXCEEDED : -1;
}
