/**
 * check.hedging (FO-16, FO-17, FO-18), per call: an attempt follows another only after the delay, or at once after one that
 * failed; there are never more than `attempts`; an attempt alone for longer than the delay has a hedge, but for `missedShareMax`
 * of them (where budget or throttle forbid); when the response begins or the call ends the other attempts are cancelled; a call
 * whose attempts have all ended ends, or goes on, at once. With `winShareMin`, so many of the calls with hedges end by one.
 */
import { ATTEMPT_ENDS, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { HEDGING_DEFAULTS } from '../spec/failover.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const CANCELLED = ATTEMPT_ENDS.indexOf('cancelled');
const DEADLINE = ATTEMPT_ENDS.indexOf('deadline');
/** grpc-status. */
const CANCELLED_BY_CALLER = 1;
const REAL_TOLERANCE_MS = 100;

interface HedgingParams {
  winShareMin?: number;
  missedShareMax?: number;
  toleranceMs?: number;
}

export function hedging(params: HedgingParams = {}): CheckSpec {
  const { winShareMin = 0, missedShareMax = 0, toleranceMs } = params;
  limit(winShareMin, 'winShareMin', 'hedging', 0, 1);
  limit(missedShareMax, 'missedShareMax', 'hedging', 0, 1);
  if (toleranceMs !== undefined) limit(toleranceMs, 'toleranceMs', 'hedging', 0, 60_000);
  const spec: CheckSpec = {
    name: 'hedging',
    params: { ...params },
    start: (context) => new Hedging(spec, { winShareMin, missedShareMax }, toleranceMs ?? null, context),
  };
  return spec;
}

/** One call that has been sent and has not ended. */
class Sent {
  attempts = 0;
  alive = 0;
  sentNs = -1;
  /** When an attempt failed last. */
  failedNs = -1;
  /** The response began, and by which attempt. */
  begun = false;
  winner = 0;
  missed = false;
}

class Hedging implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.attemptEnded, Kind.responseStarted, Kind.sidecarCallEnd];
  readonly #spec: CheckSpec;
  readonly #bounds: { winShareMin: number; missedShareMax: number };
  readonly #attempts: number;
  readonly #delayNs: number;
  readonly #toleranceNs: number;
  readonly #open = new Map<number, Sent>();
  readonly #broken = new Evidence();
  readonly #on: boolean;
  #hedged = 0;
  #won = 0;
  #due = 0;
  #missed = 0;

  constructor(
    spec: CheckSpec,
    bounds: { winShareMin: number; missedShareMax: number },
    toleranceMs: number | null,
    context: CheckContext,
  ) {
    this.#spec = spec;
    this.#bounds = bounds;
    const given = context.sidecar?.hedging;
    this.#on = given !== undefined;
    const { attempts, delayMs } = { ...HEDGING_DEFAULTS, ...given };
    this.#attempts = attempts;
    this.#delayNs = delayMs * 1e6;
    this.#toleranceNs = (toleranceMs ?? (context.world === 'real' ? REAL_TOLERANCE_MS : 0)) * 1e6;
  }

  onEvent(event: EventView): void {
    if (!this.#on) return;
    const { kind, call } = event;
    if (kind === Kind.attemptSent) return this.#sent(event);
    const sent = this.#open.get(call);
    if (sent === undefined) return;
    if (kind === Kind.attemptEnded) this.#ended(sent, event);
    else if (kind === Kind.responseStarted) {
      if (sent.begun) this.#break(event, `began a second response for call ${call}`);
      sent.begun = true;
      sent.winner = event.attempt;
      if (sent.alive > 1)
        this.#break(event, `passed a response of call ${call} on with ${sent.alive} attempts alive`);
    } else this.#callEnded(sent, event);
  }

  finish(): Verdict {
    const { winShareMin, missedShareMax } = this.#bounds;
    const share = this.#hedged === 0 ? 0 : this.#won / this.#hedged;
    const won = `${counted(this.#hedged, 'call')} with hedges, ${(100 * share).toFixed(1)} % of them won by one`;
    const said = `${won}; ${this.#missed} of ${this.#due} that were slow had none`;
    if (this.#broken.count > 0) {
      const more = this.#broken.count > 1 ? ` (and ${this.#broken.count - 1} more)` : '';
      return verdictOf(
        this.#spec,
        'violated',
        this.#hedged,
        `${this.#broken.first}${more}; ${said}.`,
        this.#broken,
      );
    }
    if (this.#missed > missedShareMax * this.#due) {
      const words = `${said}, where ${(100 * missedShareMax).toFixed(1)} % may have none.`;
      return verdictOf(this.#spec, 'violated', this.#due, words, this.#broken);
    }
    if (this.#hedged === 0) return verdictOf(this.#spec, 'not exercised', 0, 'No call had a hedge.');
    if (share < winShareMin) {
      const words = `${said}, where hedges had to win ${(100 * winShareMin).toFixed(1)} %.`;
      return verdictOf(this.#spec, 'violated', this.#hedged, words, this.#broken);
    }
    return verdictOf(this.#spec, 'holds', this.#hedged, `${said}.`);
  }

  #sent(event: EventView): void {
    const { call, tNs } = event;
    let sent = this.#open.get(call);
    if (sent === undefined) {
      sent = new Sent();
      this.#open.set(call, sent);
    } else {
      const afterFailure = tNs - sent.failedNs <= this.#toleranceNs && sent.failedNs >= 0;
      if (tNs - sent.sentNs < this.#delayNs - this.#toleranceNs && !afterFailure)
        this.#break(
          event,
          `sent attempt ${event.attempt} of call ${call} ${atTime(tNs - sent.sentNs)} after the last`,
        );
      if (sent.alive === 0 && !afterFailure)
        this.#break(event, `let call ${call} wait ${atTime(tNs - sent.failedNs)} with no attempt alive`);
      if (sent.begun)
        this.#break(event, `sent attempt ${event.attempt} of call ${call} after its response had begun`);
      if (sent.attempts === 1) this.#hedged += 1;
      this.#judgeWait(sent, tNs, true);
    }
    sent.attempts += 1;
    sent.alive += 1;
    sent.sentNs = tNs;
    if (sent.attempts > this.#attempts) this.#break(event, `sent attempt ${event.attempt} of call ${call}`);
  }

  #ended(sent: Sent, event: EventView): void {
    sent.alive -= 1;
    if (event.detail === CANCELLED || event.detail === DEADLINE) return;
    sent.failedNs = event.tNs;
    sent.winner = event.attempt;
    this.#judgeWait(sent, event.tNs, false);
  }

  /** Whether the last attempt was left alone for longer than the delay although more could have followed. */
  #judgeWait(sent: Sent, nowNs: number, hedges: boolean): void {
    if (sent.attempts >= this.#attempts || sent.missed || sent.begun) return;
    const waitedNs = nowNs - sent.sentNs;
    if (waitedNs < this.#delayNs) return;
    this.#due += 1;
    sent.missed = !hedges && waitedNs > this.#delayNs + this.#toleranceNs;
    if (sent.missed) this.#missed += 1;
  }

  #callEnded(sent: Sent, event: EventView): void {
    const { call, tNs } = event;
    this.#open.delete(call);
    if (sent.alive > 0) this.#break(event, `ended call ${call} with ${counted(sent.alive, 'attempt')} alive`);
    if (sent.attempts > 1 && event.code === 0 && sent.winner > 1) this.#won += 1;
    if (sent.failedNs < 0 || sent.alive > 0 || sent.begun || event.code === CANCELLED_BY_CALLER) return;
    const gapNs = tNs - sent.failedNs;
    if (gapNs > this.#toleranceNs)
      this.#break(event, `ended call ${call} only ${atTime(gapNs)} after its last attempt`);
  }

  #break(event: EventView, what: string): void {
    if (this.#broken.add(event.tNs, event.seq))
      this.#broken.first = `At ${atTime(event.tNs)} sidecar ${event.sidecar} ${what}`;
  }
}
