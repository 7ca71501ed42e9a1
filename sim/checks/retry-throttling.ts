/**
 * check.retryThrottling (FO-10): the bucket of each sidecar, replayed from the ends of its attempts: it starts full, a failure
 * that may be retried takes a token, a success gives `tokenRatio` back. No attempt follows one that failed when the bucket was
 * half empty or less. What never began (a refused stream) and what failed after its headers were passed on do not count.
 * A sidecar that was replaced, whose bucket is full again, is not judged.
 */
import { ATTEMPT_ENDS, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { THROTTLING_DEFAULTS, type ThrottlingSpec } from '../spec/failover.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { Replaced } from './replaced.ts';

const COMPLETE = ATTEMPT_ENDS.indexOf('complete');
const FAILED = [
  ATTEMPT_ENDS.indexOf('reset'),
  ATTEMPT_ENDS.indexOf('connection_lost'),
  ATTEMPT_ENDS.indexOf('per_try_timeout'),
];
const UNAVAILABLE = 14;

export function retryThrottling(): CheckSpec {
  const spec: CheckSpec = {
    name: 'retryThrottling',
    params: {},
    start: (context) => new RetryThrottling(spec, context),
  };
  return spec;
}

class RetryThrottling implements CheckRun {
  readonly kinds = [
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.responseStarted,
    Kind.sidecarCallEnd,
    Kind.sidecarState,
  ];
  readonly #spec: CheckSpec;
  readonly #policy: Required<ThrottlingSpec> | null;
  readonly #retryable: readonly number[];
  /** By sidecar, in thousandths of a token. */
  readonly #tokens: (number | undefined)[] = [];
  /** Calls that may not be tried again, and those whose response has begun. */
  readonly #forbidden = new Map<number, number>();
  readonly #begun = new Set<number>();
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  #refused = 0;
  #least = Number.POSITIVE_INFINITY;

  constructor(spec: CheckSpec, context: CheckContext) {
    this.#spec = spec;
    const given = context.sidecar?.retryThrottling;
    this.#policy = given === undefined ? null : { ...THROTTLING_DEFAULTS, ...given };
    this.#retryable = context.retryableStatuses;
  }

  onEvent(event: EventView): void {
    const { kind, call } = event;
    if (this.#policy === null || this.#replaced.covers(event)) return;
    if (kind === Kind.responseStarted) this.#begun.add(call);
    else if (kind === Kind.sidecarCallEnd) {
      this.#begun.delete(call);
      if (this.#forbidden.delete(call)) this.#refused += 1;
    } else if (kind === Kind.attemptEnded) this.#ended(event, this.#policy);
    else this.#sent(event);
  }

  finish(): Verdict {
    if (this.#refused + this.#broken.count === 0) {
      return verdictOf(this.#spec, 'not exercised', 0, 'The bucket was never half empty when a call failed.');
    }
    const said = `${counted(this.#refused, 'call')} failed without another attempt at ${this.#least} tokens or more`;
    if (this.#broken.count > 0) {
      const words = `${this.#broken.first} (${this.#broken.count} such); ${said}.`;
      return verdictOf(this.#spec, 'violated', this.#refused, words, this.#broken);
    }
    return verdictOf(this.#spec, 'holds', this.#refused, `${said}.`);
  }

  #ended(event: EventView, { maxTokens, tokenRatio }: Required<ThrottlingSpec>): void {
    const { sidecar, call, code, detail } = event;
    const max = 1_000 * maxTokens;
    const tokens = this.#tokens[sidecar] ?? max;
    if (detail === COMPLETE && code === 0) {
      this.#tokens[sidecar] = Math.min(max, tokens + Math.floor(1_000 * tokenRatio + 1e-6));
      return;
    }
    if (this.#begun.has(call)) return;
    const failed = detail === COMPLETE && this.#retryable.includes(code);
    if (!failed && !(FAILED.includes(detail) && this.#retryable.includes(UNAVAILABLE))) return;
    const left = Math.max(0, tokens - 1_000);
    this.#tokens[sidecar] = left;
    if (2 * left > max) return;
    this.#least = Math.min(this.#least, left / 1_000);
    this.#forbidden.set(call, left / 1_000);
  }

  #sent(event: EventView): void {
    const tokens = this.#forbidden.get(event.call);
    if (tokens === undefined || event.attempt <= 1) return;
    this.#forbidden.delete(event.call);
    if (!this.#broken.add(event.tNs, event.seq)) return;
    const { maxTokens } = this.#policy as Required<ThrottlingSpec>;
    this.#broken.first = `At ${atTime(event.tNs)} sidecar ${event.sidecar} tried call ${event.call} again although ${tokens} of ${maxTokens} tokens were left`;
  }
}
