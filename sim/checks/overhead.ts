/**
 * check.overhead (real world): what the sidecar adds, from direct and proxied calls interleaved in the same load
 * (`directShare`), so that both saw the same machine. The added latency at a quantile is the difference of the two
 * quantiles; its 95 % interval comes from the binomial order statistics of each side, so it assumes no distribution.
 * Violated only when the whole interval is above the limit. CPU is the sidecar's own, per proxied call.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { CallTable } from './call-table.ts';
import { verdictOf } from './evidence.ts';
import { Histogram } from './histogram.ts';
import { limit } from './params.ts';

const CALLS_MIN = 30;
/** Each side's half width in standard errors: 1.96 / sqrt(2) would be exact for equal sides; 1.96 is on the safe side. */
const Z = 1.96;

export interface OverheadLimits {
  addedP50MsMax?: number;
  addedP99MsMax?: number;
  cpuUsPerCallMax?: number;
}

export function overhead(params: OverheadLimits): CheckSpec {
  for (const [name, value] of Object.entries(params ?? {})) limit(value, name, 'overhead', 0, 1e9);
  const spec: CheckSpec = {
    name: 'overhead',
    params: { ...params },
    worlds: ['real'],
    start: (context) => new Overhead(spec, params, context),
  };
  return spec;
}

class Overhead implements CheckRun {
  readonly kinds = [Kind.callStart, Kind.callEnd, Kind.cpu];
  readonly #spec: CheckSpec;
  readonly #limits: OverheadLimits;
  readonly #world: 'virtual' | 'real';
  readonly #open = new CallTable();
  readonly #proxied = new Histogram();
  readonly #direct = new Histogram();
  #proxiedStarted = 0;
  #cpuUs = -1;

  constructor(spec: CheckSpec, limits: OverheadLimits, { world }: CheckContext) {
    this.#spec = spec;
    this.#limits = limits;
    this.#world = world;
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.cpu) {
      if (event.code === 0) this.#cpuUs = Math.max(0, this.#cpuUs) + event.detail;
      return;
    }
    if (event.kind === Kind.callStart) {
      const slot = this.#open.open(event.call, event.tNs);
      if (slot >= 0) this.#open.note[slot] = event.code;
      if (event.code !== 1) this.#proxiedStarted += 1;
      return;
    }
    const slot = this.#open.find(event.call);
    if (slot < 0) return;
    const took = event.tNs - (this.#open.startNs[slot] as number);
    const histogram = this.#open.note[slot] === 1 ? this.#direct : this.#proxied;
    this.#open.close(slot);
    if (event.code === 0) histogram.record(took);
  }

  finish(): Verdict {
    if (this.#world === 'virtual') {
      const why = 'Virtual time passes no CPU: overhead can only be measured in the real world.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const pairs = Math.min(this.#direct.count, this.#proxied.count);
    if (pairs < CALLS_MIN) {
      const had = `${this.#direct.count} direct and ${this.#proxied.count} proxied calls ended well`;
      const why = `${had}; at least ${CALLS_MIN} of each are needed. Set load.directShare, for example to 0.5.`;
      return verdictOf(this.#spec, 'not exercised', pairs, why);
    }
    const { addedP50MsMax, addedP99MsMax, cpuUsPerCallMax } = this.#limits;
    const found = [this.#added(0.5, 'p50', addedP50MsMax), this.#added(0.99, 'p99', addedP99MsMax)];
    found.push(this.#cpu(cpuUsPerCallMax));
    const outcome = found.some((one) => one.broken) ? 'violated' : 'holds';
    const said = found.filter((one) => one.said !== '').map((one) => one.said);
    return verdictOf(
      this.#spec,
      outcome,
      pairs,
      `The sidecar added ${said.join('; ')} (${pairs} pairs of calls).`,
    );
  }

  #added(share: number, name: string, maxMs: number | undefined): { said: string; broken: boolean } {
    const low = (this.#edgeNs(this.#proxied, share, -1) - this.#edgeNs(this.#direct, share, 1)) / 1e6;
    const high = (this.#edgeNs(this.#proxied, share, 1) - this.#edgeNs(this.#direct, share, -1)) / 1e6;
    const middle = (this.#proxied.quantileNs(share) - this.#direct.quantileNs(share)) / 1e6;
    const broken = maxMs !== undefined && low > maxMs;
    const bound =
      maxMs === undefined ? '' : broken ? `, above the ${maxMs} ms allowed` : `, ${maxMs} ms allowed`;
    const range = `95 % sure between ${low.toFixed(2)} and ${high.toFixed(2)}`;
    return { said: `${middle.toFixed(2)} ms at ${name} (${range}${bound})`, broken };
  }

  /** The quantile's confidence limit: the order statistic that lies Z standard errors below or above it. */
  #edgeNs(histogram: Histogram, share: number, side: 1 | -1): number {
    const count = histogram.count;
    const rank = share * count + side * Z * Math.sqrt(count * share * (1 - share));
    return histogram.rankNs(side < 0 ? Math.floor(rank) : Math.ceil(rank) + 1);
  }

  #cpu(maxUs: number | undefined): { said: string; broken: boolean } {
    if (this.#cpuUs < 0 || this.#proxiedStarted === 0) return { said: '', broken: false };
    const us = this.#cpuUs / this.#proxiedStarted;
    const broken = maxUs !== undefined && us > maxUs;
    const bound = maxUs === undefined ? '' : broken ? `, above the ${maxUs} allowed` : ` of ${maxUs} allowed`;
    return { said: `${us.toFixed(0)} µs of CPU per call${bound}`, broken };
  }
}
