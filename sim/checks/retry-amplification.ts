/**
 * check.retryAmplification (FO-11): attempts sent by sidecars ÷ first attempts, over the whole load, or with `windowMs`
 * over every window of that length that holds at least 20 first attempts. 1 means no retry at all.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const WINDOW_CALLS_MIN = 20;

export function retryAmplification(params: { max: number; windowMs?: number }): CheckSpec {
  const max = limit(params?.max, 'max', 'retryAmplification', 1, 100);
  const windowMs = params.windowMs;
  if (windowMs !== undefined) limit(windowMs, 'windowMs', 'retryAmplification', 1, 86_400_000);
  const spec: CheckSpec = {
    name: 'retryAmplification',
    params: { ...params },
    start: () =>
      new RetryAmplification(spec, max, windowMs === undefined ? Number.POSITIVE_INFINITY : windowMs * 1e6),
  };
  return spec;
}

class RetryAmplification implements CheckRun {
  readonly kinds = [Kind.attemptSent];
  readonly #spec: CheckSpec;
  readonly #max: number;
  readonly #windowNs: number;
  readonly #broken = new Evidence();
  #calls = 0;
  #attempts = 0;
  #windowFromNs = 0;
  #windowCalls = 0;
  #windowAttempts = 0;
  #worst = 1;
  #lastSeq = -1;

  constructor(spec: CheckSpec, max: number, windowNs: number) {
    this.#spec = spec;
    this.#max = max;
    this.#windowNs = windowNs;
  }

  onEvent(event: EventView): void {
    if (event.tNs >= this.#windowFromNs + this.#windowNs) this.#closeWindow(event.tNs);
    this.#windowAttempts += 1;
    if (event.attempt <= 1) this.#windowCalls += 1;
    else this.#lastSeq = event.seq;
  }

  finish(): Verdict {
    this.#closeWindow(this.#windowFromNs);
    const calls = this.#calls;
    const retries = this.#attempts - calls;
    if (calls === 0) return verdictOf(this.#spec, 'not exercised', 0, 'No attempt was sent.');
    const said = `${counted(this.#attempts, 'attempt')} for ${counted(calls, 'call')}: ${this.#worst.toFixed(3)} per call`;
    if (this.#broken.count > 0) {
      const where = this.#broken.first;
      return verdictOf(
        this.#spec,
        'violated',
        retries,
        `${said}${where}, where at most ${this.#max} is allowed.`,
        this.#broken,
      );
    }
    if (retries === 0) {
      const why = `${said}; nothing was retried, so nothing could have been amplified.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    return verdictOf(this.#spec, 'holds', retries, `${said} at worst, within ${this.#max}.`);
  }

  #closeWindow(nowNs: number): void {
    const calls = this.#windowCalls;
    const whole = this.#windowNs === Number.POSITIVE_INFINITY;
    if (calls >= (whole ? 1 : WINDOW_CALLS_MIN)) {
      const ratio = this.#windowAttempts / calls;
      if (ratio > this.#worst) this.#worst = ratio;
      if (ratio > this.#max && this.#broken.add(this.#windowFromNs, this.#lastSeq) && !whole) {
        this.#broken.first = ` in the worst window of ${atTime(this.#windowNs)}`;
      }
    }
    this.#calls += calls;
    this.#attempts += this.#windowAttempts;
    this.#windowCalls = 0;
    this.#windowAttempts = 0;
    this.#windowFromNs = whole ? 0 : nowNs - (nowNs % this.#windowNs);
  }
}
