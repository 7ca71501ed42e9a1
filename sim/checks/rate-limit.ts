/**
 * check.rateLimit (OV-06, OV-08), per sidecar: its bucket, replayed from first attempts and from refusals (the configured status,
 * made by the sidecar, without an attempt). No more calls begin than burst and rate allow; none is refused while there is a token.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { RATE_LIMIT_DEFAULTS, type RateLimitSpec } from '../spec/failover.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';

/** What a real call may take from its admission to its attempt, ms. */
const REAL_TOLERANCE_MS = 20;

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
  readonly kinds = [Kind.attemptSent, Kind.sidecarCallEnd];
  readonly #spec: CheckSpec;
  readonly #policy: Required<RateLimitSpec>;
  /** Tokens by which a bucket may be off. */
  readonly #slack: number;
  readonly #on: boolean;
  readonly #buckets: (Bucket | undefined)[] = [];
  readonly #sent = new Set<number>();
  readonly #broken = new Evidence();
  #begun = 0;
  #refused = 0;

  constructor(spec: CheckSpec, toleranceMs: number | null, context: CheckContext) {
    this.#spec = spec;
    const given = context.sidecar?.rateLimit;
    this.#on = given !== undefined;
    this.#policy = { ...RATE_LIMIT_DEFAULTS, ...given };
    const tolerance = toleranceMs ?? (context.world === 'real' ? REAL_TOLERANCE_MS : 0);
    this.#slack = 1e-6 + (tolerance * this.#policy.perSecond) / 1_000;
  }

  onEvent(event: EventView): void {
    if (!this.#on) return;
    const { call, sidecar, tNs } = event;
    const { perSecond, burst, status } = this.#policy;
    const bucket = (this.#buckets[sidecar] ??= new Bucket(burst));
    bucket.tokens = Math.min(burst, bucket.tokens + ((tNs - bucket.filledNs) * perSecond) / 1e9);
    bucket.filledNs = tNs;
    if (event.kind === Kind.attemptSent) {
      if (event.attempt !== 1) return;
      this.#sent.add(call);
      this.#begun += 1;
      bucket.tokens -= 1;
      if (bucket.tokens >= -this.#slack) return;
      this.#break(
        event,
        `let call ${call} begin with ${bucket.tokens.toFixed(2)} tokens in a bucket of ${burst}`,
      );
      bucket.tokens = 0;
    } else if (!this.#sent.delete(call) && event.detail === 1 && event.code === status) {
      this.#refused += 1;
      if (bucket.tokens > 1 + this.#slack)
        this.#break(event, `refused call ${call} with ${bucket.tokens.toFixed(2)} tokens left`);
    }
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
