/**
 * check.retryAmplification (FO-11): attempts sent by sidecars ÷ first attempts, over the whole load, or with `windowMs`
 * over every window of that length, in steps of an eighth of it, that holds at least 20 first attempts. 1 means no retry at all.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

const WINDOW_CALLS_MIN = 20;
/** Of a window: one begins with each. */
const SLICES = 8;

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
  /** The slice that is on, and the last ones by their number modulo `SLICES`. */
  #slice = 0;
  readonly #sliceCalls = new Float64Array(SLICES);
  readonly #sliceAttempts = new Float64Array(SLICES);
  #worst = 1;
  #lastSeq = -1;

  constructor(spec: CheckSpec, max: number, windowNs: number) {
    this.#spec = spec;
    this.#max = max;
    this.#windowNs = windowNs;
  }

  onEvent(event: EventView): void {
    this.#moveTo(Math.floor((SLICES * event.tNs) / this.#windowNs));
    const at = this.#slice % SLICES;
    this.#attempts += 1;
    this.#sliceAttempts[at] = (this.#sliceAttempts[at] as number) + 1;
    if (event.attempt > 1) this.#lastSeq = event.seq;
    else {
      this.#calls += 1;
      this.#sliceCalls[at] = (this.#sliceCalls[at] as number) + 1;
    }
  }

  finish(): Verdict {
    this.#judge();
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

  /** Judges each window that is over by then. */
  #moveTo(slice: number): void {
    for (let passed = 0; this.#slice < slice && passed < SLICES; passed++) {
      this.#judge();
      this.#slice += 1;
      this.#sliceCalls[this.#slice % SLICES] = 0;
      this.#sliceAttempts[this.#slice % SLICES] = 0;
    }
    // After as many without any, all that follow are empty, too.
    this.#slice = Math.max(this.#slice, slice);
  }

  /** The window that ends with the slice that is on. */
  #judge(): void {
    const calls = sumOf(this.#sliceCalls);
    const whole = this.#windowNs === Number.POSITIVE_INFINITY;
    if (calls < (whole ? 1 : WINDOW_CALLS_MIN)) return;
    const ratio = sumOf(this.#sliceAttempts) / calls;
    if (ratio > this.#worst) this.#worst = ratio;
    if (ratio <= this.#max) return;
    const fromNs = whole ? 0 : (Math.max(0, this.#slice - SLICES + 1) * this.#windowNs) / SLICES;
    if (this.#broken.add(fromNs, this.#lastSeq) && !whole)
      this.#broken.first = ` in the worst window of ${atTime(this.#windowNs)}`;
  }
}

function sumOf(counts: Float64Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
