/**
 * Outlier detection: which members are to be left out for what their calls came to (gRFC A50; Envoy's outlier detection, of
 * which the errors in a row are). Pure: results and time come in, `ejectionChanged` goes out.
 */
import type { FailurePercentConfig, OutlierConfig, SuccessRateConfig } from './failover-config.ts';

/** Rates this near to each other are the same: the mean of equal ones may be off by that. */
const ROUNDING = 1e-9;

/** What the detector keeps of one member, made with the member and forgotten with it (FO-28). */
export class OutlierRecord {
  ejected = false;
  /** When its ejection is over; a sweep ends it. */
  untilNs = 0;
  /** Ejections so far, less the good intervals since. */
  multiplier = 0;
  errorsInRow = 0;
  gatewayErrorsInRow = 0;
  /** In this interval. */
  successes = 0;
  failures = 0;
}

export interface OutlierMember {
  readonly outlier: OutlierRecord | null;
  /** `outlier.ejected` is another than before. */
  ejectionChanged(): void;
}

export class OutlierDetector<M extends OutlierMember> {
  /** Ejections so far, those that the cap forbade, and members ejected now. */
  ejections = 0;
  ejectionsOverCap = 0;
  ejected = 0;
  readonly #config: OutlierConfig;
  readonly #random: () => number;
  /** By grpc-status. */
  readonly #isError: boolean[];
  readonly #isGatewayError: boolean[];
  #members: readonly M[] = [];

  /** `random`: uniform in [0, 1). */
  constructor(config: OutlierConfig, random: () => number) {
    this.#config = config;
    this.#random = random;
    this.#isError = marks(config.errorStatuses);
    this.#isGatewayError = marks(config.gatewayStatuses);
  }

  /** An attempt ended with this grpc-status. */
  record(member: M, grpcStatus: number, nowNs: number): void {
    const { outlier: record } = member as { outlier: OutlierRecord };
    if (this.#isError[grpcStatus] !== true) {
      record.successes++;
      record.errorsInRow = 0;
      record.gatewayErrorsInRow = 0;
      return;
    }
    record.failures++;
    if (record.ejected) return;
    const { consecutiveErrors, consecutiveGatewayErrors } = this.#config;
    const tooMany = ++record.errorsInRow === consecutiveErrors;
    if (tooMany) record.errorsInRow = 0;
    const isGatewayError = this.#isGatewayError[grpcStatus] === true;
    record.gatewayErrorsInRow = isGatewayError ? record.gatewayErrorsInRow + 1 : 0;
    const tooManyGateway = isGatewayError && record.gatewayErrorsInRow === consecutiveGatewayErrors;
    if (tooManyGateway) record.gatewayErrorsInRow = 0;
    if (tooMany || tooManyGateway) this.#eject(member, nowNs);
  }

  /** The set changed. Who left is not in the cap any more, so that others may have to come back (FO-24, FO-28). */
  membersChanged(members: readonly M[]): void {
    this.#members = members;
    this.ejected = 0;
    for (const { outlier } of members) if (outlier?.ejected === true) this.ejected++;
    while (this.ejected > 0 && !this.#fits(this.ejected - 1)) this.#unejectFirst();
  }

  /** The end of an interval: statistics are judged, ejections end, good intervals count (in this order: FO-25). */
  sweep(nowNs: number): void {
    const { successRate, failurePercent } = this.#config;
    // Whom the one ejects counts among those that the other compares, all the same.
    const compared = failurePercent === null ? [] : this.#judgeable(failurePercent.minRequests);
    if (successRate !== null) this.#judgeSuccessRates(successRate, nowNs);
    if (failurePercent !== null) this.#judgeFailurePercents(failurePercent, compared, nowNs);
    for (const member of this.#members) {
      const { outlier: record } = member as { outlier: OutlierRecord };
      if (!record.ejected) record.multiplier = Math.max(0, record.multiplier - 1);
      else if (nowNs >= record.untilNs) this.uneject(member);
      record.successes = 0;
      record.failures = 0;
    }
  }

  /** Ends an ejection, if there is one. */
  uneject(member: M): void {
    const { outlier: record } = member as { outlier: OutlierRecord };
    if (!record.ejected) return;
    record.ejected = false;
    record.errorsInRow = 0;
    record.gatewayErrorsInRow = 0;
    this.ejected--;
    member.ejectionChanged();
  }

  #judgeSuccessRates(config: SuccessRateConfig, nowNs: number): void {
    const judged = this.#judgeable(config.minRequests);
    if (judged.length === 0 || judged.length < config.minHosts) return;
    let sum = 0;
    for (const member of judged) sum += successRate(member);
    const mean = sum / judged.length;
    let squares = 0;
    for (const member of judged) {
      const away = successRate(member) - mean;
      squares += away * away;
    }
    const least = mean - (Math.sqrt(squares / judged.length) * config.stdevFactor) / 1_000;
    for (const member of judged) {
      if (successRate(member) < least - ROUNDING && this.#draws(config.enforcePercent))
        this.#eject(member, nowNs);
    }
  }

  #judgeFailurePercents(config: FailurePercentConfig, judged: readonly M[], nowNs: number): void {
    if (judged.length < config.minHosts) return;
    for (const member of judged) {
      const { ejected, successes, failures } = member.outlier as OutlierRecord;
      // In whole numbers, so that who is at the threshold is not beyond it.
      const isBeyond = 100 * failures > config.thresholdPercent * (successes + failures);
      if (!ejected && isBeyond && this.#draws(config.enforcePercent)) this.#eject(member, nowNs);
    }
  }

  /** Those in use that had so many calls in this interval, and one at least. */
  #judgeable(minRequests: number): M[] {
    const least = Math.max(1, minRequests);
    return this.#members.filter(({ outlier }) => {
      const record = outlier as OutlierRecord;
      return !record.ejected && record.successes + record.failures >= least;
    });
  }

  #draws(percent: number): boolean {
    return percent >= 100 || 100 * this.#random() < percent;
  }

  #eject(member: M, nowNs: number): void {
    if (!this.#fits(this.ejected)) {
      this.ejectionsOverCap++;
      return;
    }
    const { baseEjectionMs, maxEjectionMs, jitterMs } = this.#config;
    const { outlier: record } = member as { outlier: OutlierRecord };
    record.ejected = true;
    record.errorsInRow = 0;
    record.gatewayErrorsInRow = 0;
    record.multiplier++;
    const lastsMs = Math.min(baseEjectionMs * record.multiplier, Math.max(baseEjectionMs, maxEjectionMs));
    const jitter = jitterMs === 0 ? 0 : jitterMs * this.#random();
    record.untilNs = nowNs + Math.floor((lastsMs + jitter) * 1e6);
    this.ejections++;
    this.ejected++;
    member.ejectionChanged();
  }

  /** May one more be ejected beside `already` (FO-24)? Percents are whole numbers, so that this is exact. */
  #fits(already: number): boolean {
    const { maxEjectionPercent, cap } = this.#config;
    const allowed = maxEjectionPercent * this.#members.length;
    if (cap === 'a50') return 100 * already < allowed;
    return 100 * (already + 1) <= allowed || (cap === 'envoy_at_least_one' && already === 0);
  }

  /** The ejection that would be over first is over now. */
  #unejectFirst(): void {
    let first: M | null = null;
    for (const member of this.#members) {
      const { outlier: record } = member as { outlier: OutlierRecord };
      if (!record.ejected) continue;
      if (first === null || record.untilNs < (first.outlier as OutlierRecord).untilNs) first = member;
    }
    this.uneject(first as M);
  }
}

/** Share of calls that went well, of one that had some. */
function successRate({ outlier }: OutlierMember): number {
  const { successes, failures } = outlier as OutlierRecord;
  return successes / (successes + failures);
}

function marks(statuses: readonly number[]): boolean[] {
  return Array.from({ length: 17 }, (_, status) => statuses.includes(status));
}
