/**
 * check.rateLimit (OV-06, OV-08), per sidecar: its bucket, replayed from first attempts and from refusals (the configured status,
 * made by the sidecar, without an attempt). No more calls begin than burst and rate allow; none is refused while there is a token
 * (as long as every call that took one can be seen: those that wait, or are refused for something else, cannot).
 * A sidecar that was replaced, whose bucket is full again, is not judged.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { RATE_LIMIT_DEFAULTS, type RateLimitSpec } from '../spec/failover.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Replaced } from './replaced.ts';

/** What a real call may take from its caller to its attempt. */
const REAL_TOLERANCE_MS = 50;
const DIRECT = 1;

export function rateLimit(params: { toleranceMs?: number } = {}): CheckSpec {
  const { toleranceMs } = params;
  if (toleranceMs !== undefined) limit(toleranceMs, 'toleranceMs', 'rateLimit', 0, 60_000);
  const spec: CheckSpec = {
    name: 'rateLimit',
    params: { ...params },
    start: (context) => new RateLimit(spec, toleranceMs ?? null, context),
  };
  return spec;
}

class Bucket {
  tokens: number;
  filledNs = 0;

  constructor(burst: number) {
    this.tokens = burst;
  }
}

class RateLimit implements CheckRun {
  readonly kinds = [Kind.callStart, Kind.attemptSent, Kind.sidecarCallEnd, Kind.callEnd, Kind.sidecarState];
  readonly #spec: CheckSpec;
  readonly #policy: Required<RateLimitSpec>;
  readonly #toleranceNs: number;
  /** Tokens by which a bucket may be off. */
  readonly #slack: number;
  readonly #on: boolean;
  readonly #buckets: (Bucket | undefined)[] = [];
  /** When calls began that have neither an attempt nor an end. */
  readonly #unsent = new Map<number, number>();
  /** Some call took a token that the journal does not show, so that buckets may be emptier than they look. */
  #clouded = false;
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  #begun = 0;
  #refused = 0;

  constructor(spec: CheckSpec, toleranceMs: number | null, context: CheckContext) {
    this.#spec = spec;
    const given = context.sidecar?.rateLimit;
    this.#on = given !== undefined;
    this.#policy = { ...RATE_LIMIT_DEFAULTS, ...given };
    const tolerance = toleranceMs ?? (context.world === 'real' ? REAL_TOLERANCE_MS : 0);
    this.#toleranceNs = tolerance * 1e6;
    this.#slack = 1e-6 + (tolerance * this.#policy.perSecond) / 1_000;
  }

  onEvent(event: EventView): void {
    if (!this.#on) return;
    const { call, kind } = event;
    if (kind === Kind.callStart) {
      if (event.code !== DIRECT) this.#unsent.set(call, event.tNs);
      return;
    }
    const isOther = this.#replaced.covers(event);
    const startNs = this.#unsent.get(call);
    if (startNs === undefined) return;
    this.#unsent.delete(call);
    if (kind === Kind.callEnd || isOther) return;
    const { burst, perSecond } = this.#policy;
    const bucket = (this.#buckets[event.sidecar] ??= new Bucket(burst));
    bucket.tokens = Math.min(burst, bucket.tokens + ((event.tNs - bucket.filledNs) * perSecond) / 1e9);
    bucket.filledNs = event.tNs;
    if (kind === Kind.attemptSent) this.#sent(bucket, startNs, event);
    else this.#ended(bucket, event);
  }

  #sent(bucket: Bucket, startNs: number, event: EventView): void {
    this.#begun += 1;
    // It took its token when it came, and waited since.
    if (event.tNs - startNs > this.#toleranceNs) {
      this.#clouded = true;
      return;
    }
    bucket.tokens -= 1;
    if (bucket.tokens >= -this.#slack) return;
    const { burst } = this.#policy;
    this.#break(
      event,
      `let call ${event.call} begin with ${bucket.tokens.toFixed(2)} tokens in a bucket of ${burst}`,
    );
    bucket.tokens = 0;
  }

  #ended(bucket: Bucket, event: EventView): void {
    if (event.detail !== 1 || event.code !== this.#policy.status) {
      this.#clouded = true;
      return;
    }
    this.#refused += 1;
    if (this.#clouded || this.#unsent.size > 0 || bucket.tokens <= 1 + this.#slack) return;
    this.#break(event, `refused call ${event.call} with ${bucket.tokens.toFixed(2)} tokens left`);
  }

  finish(): Verdict {
    const said = `${counted(this.#begun, 'call')} begun, ${this.#refused} refused`;
    if (this.#broken.count > 0) {
      const more = this.#broken.count > 1 ? ` (and ${this.#broken.count - 1} more)` : '';
      return verdictOf(
        this.#spec,
        'violated',
        this.#refused,
        `${this.#broken.first}${more}; ${said}.`,
        this.#broken,
      );
    }
    return verdictOf(this.#spec, this.#refused === 0 ? 'not exercised' : 'holds', this.#refused, `${said}.`);
  }

  #break(event: EventView, what: string): void {
    if (this.#broken.add(event.tNs, event.seq))
      this.#broken.first = `At ${atTime(event.tNs)} sidecar ${event.sidecar} ${what}`;
  }
}
