/**
 * Weights learned from load reports (gRFC A58): calls a second ÷ (utilization + penalty × share of errors). One counts only after the
 * blackout and until it expires; who has none gets the mean of those who have; with fewer than two known all are equal. What changed is
 * given out few at a time, so that no pick pays for all.
 */
import type { BalancerMember } from './balancer.ts';
import type { BalancerConfig } from './config.ts';
import type { LoadReport } from './load-report.ts';
import type { Weigher } from './weigher.ts';

/** What the mean weighs when weights are scaled anew, and the most that one can weigh. */
const MEAN = 1_000;
const MOST = 100_000;
/** A weight above this is none: a sum of them has to stay a number. */
const BELIEVED_MAX = 1e300;
/** Looked at in one pick. */
const LOOKS = 4;
/** Less of a change is not worth a place in the schedule. */
const NOTABLE = 0.01;

/** What is known of one member. */
class LoadRecord {
  weight = 0;
  /** When the first and the last of its reports came; -1: none. */
  sinceNs = -1;
  lastNs = -1;
  /** It counts: blackout over, not expired. */
  usable = false;
}

export class LearnedWeights<M extends BalancerMember> implements Weigher<M> {
  readonly #blackoutNs: number;
  readonly #expirationNs: number;
  readonly #updateNs: number;
  readonly #penalty: number;
  readonly #records = new Map<M, LoadRecord>();
  /** Of the usable ones. */
  #known = 0;
  #sum = 0;
  /** From a weight to what the schedule counts with. */
  #scale = 1;
  #sweep: Iterator<[M, LoadRecord]> | null = null;
  #nextNs = 0;
  readonly #changed: M[] = [];

  constructor(config: BalancerConfig) {
    this.#blackoutNs = config.blackoutMs * 1e6;
    this.#expirationNs = config.expirationMs * 1e6;
    this.#updateNs = config.weightUpdateMs * 1e6;
    this.#penalty = config.errorPenalty;
  }

  begin(member: M): void {
    this.#records.set(member, new LoadRecord());
  }

  end(member: M): void {
    const record = this.#records.get(member);
    if (record === undefined) return;
    this.#use(record, false);
    this.#records.delete(member);
  }

  weigh(member: M): number {
    if (this.#known < 2) return MEAN;
    const record = this.#records.get(member);
    const weight = record?.usable === true ? record.weight : this.#sum / this.#known;
    const scaled = Math.round(weight * this.#scale);
    return scaled < 1 ? 1 : scaled > MOST ? MOST : scaled;
  }

  isDue(nowNs: number): boolean {
    return this.#sweep !== null || nowNs >= this.#nextNs;
  }

  grown(nowNs: number): readonly M[] {
    const changed = this.#changed;
    changed.length = 0;
    if (this.#sweep === null) {
      this.#nextNs = nowNs + this.#updateNs;
      this.#rescale();
      this.#sweep = this.#records.entries();
    }
    for (let look = 0; look < LOOKS && changed.length === 0; look++) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = null;
        break;
      }
      const [member, record] = next.value;
      this.#use(record, this.#isUsable(record, nowNs));
      const { weight } = member.standing;
      if (Math.abs(this.weigh(member) - weight) > NOTABLE * weight) changed.push(member);
    }
    return changed;
  }

  reported(member: M, nowNs: number, report: LoadReport): void {
    const record = this.#records.get(member);
    const { callsPerSecond: calls, errorsPerSecond: errors } = report;
    const own = report.applicationUtilization;
    const busy = own > 0 ? own : report.cpuUtilization;
    // Nothing can be told from it: what was known stays.
    if (record === undefined || calls <= 0 || busy <= 0) return;
    const weight = calls / (busy + (errors / calls) * this.#penalty);
    if (!(weight > 0 && weight < BELIEVED_MAX)) return;
    if (record.usable) this.#sum += weight - record.weight;
    record.weight = weight;
    if (record.sinceNs < 0) record.sinceNs = nowNs;
    record.lastNs = nowNs;
  }

  #isUsable(record: LoadRecord, nowNs: number): boolean {
    if (record.lastNs < 0) return false;
    if (nowNs - record.lastNs >= this.#expirationNs) {
      // What comes after this begins a blackout of its own.
      record.sinceNs = -1;
      record.lastNs = -1;
      return false;
    }
    return nowNs - record.sinceNs >= this.#blackoutNs;
  }

  #use(record: LoadRecord, usable: boolean): void {
    if (record.usable === usable) return;
    record.usable = usable;
    this.#known += usable ? 1 : -1;
    this.#sum += usable ? record.weight : -record.weight;
    if (usable && this.#known === 2) this.#rescale();
  }

  /**
   * So that rounding to whole weights stays below one in some hundreds. The sum is taken anew, since one that grew and shrank by weights of very
   * different sizes is off by what rounding took.
   */
  #rescale(): void {
    this.#sum = 0;
    for (const { usable, weight } of this.#records.values()) if (usable) this.#sum += weight;
    if (this.#known === 0) return;
    const mean = this.#sum / this.#known;
    const scaled = mean * this.#scale;
    if (scaled < MEAN / 2 || scaled > MEAN * 2) this.#scale = MEAN / mean;
  }
}
