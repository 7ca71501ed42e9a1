/** The figures of a run, counted while it goes on: calls, statuses, latencies, and each instance's share actual and expected. */
import { CallTable } from '../checks/call-table.ts';
import { placeOf } from '../checks/endpoint-view.ts';
import { Histogram } from '../checks/histogram.ts';
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import { groupSettings } from '../spec/balancer.ts';
import { clustersOfInstance } from '../spec/routing.ts';
import type { InstanceStats, Quantiles, RunStats } from '../spec/run-record.ts';
import type { SidecarSpec } from '../spec/scenario.ts';
import type { GroupFacts } from '../spec/balancer.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
const PROBE_MAX = 10_000_000; // instance × sidecar pairs whose expected share is kept exactly

export class Stats {
  readonly kinds = [
    Kind.callStart,
    Kind.callEnd,
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.endpointChanged,
    Kind.cpu,
  ];
  readonly #names: readonly string[];
  readonly #weights: readonly number[];
  /** By instance: in several clusters. Which of them lost it nobody tells, so what it got is what is expected of it. */
  readonly #shared: readonly boolean[];
  /** By instance: which clusters it is in, and of those which group of endpoints. */
  readonly #groups: readonly number[];
  readonly #groupCount: number;
  readonly #open = new CallTable();
  readonly #latency = new Histogram();
  readonly #direct = new Histogram();
  readonly #statuses = new Map<number, number>();
  readonly #attempts: Int32Array;
  readonly #picks: Int32Array;
  readonly #failures: Int32Array;
  readonly #expected: Float64Array;
  readonly #shares: Share[] = [];
  #calls = 0;
  #proxied = 0;
  #ok = 0;
  #failed = 0;
  #attemptCount = 0;
  #retries = 0;
  #cpuUs = -1;

  /** `weights` by instance; 1 behind the end. */
  constructor(
    names: readonly string[],
    weights: readonly number[],
    sidecar: SidecarSpec = {},
    facts: readonly GroupFacts[] = [],
  ) {
    const settings = groupSettings(sidecar.balancer);
    const groups = names.map((_name, instance) => {
      const { priority, locality } = placeOf(facts[instance], settings);
      return `${clustersOfInstance(sidecar, instance).join()} ${priority} ${locality}`;
    });
    this.#shared = names.map((_name, instance) => clustersOfInstance(sidecar, instance).length > 1);
    const known = [...new Set(groups)];
    this.#groupCount = known.length;
    const places = new Map(known.map((group, at) => [group, at]));
    this.#groups = groups.map((group) => places.get(group) as number);
    this.#names = names;
    this.#weights = weights;
    this.#attempts = new Int32Array(names.length);
    this.#picks = new Int32Array(names.length);
    this.#failures = new Int32Array(names.length);
    this.#expected = new Float64Array(names.length);
  }

  get calls(): number {
    return this.#calls;
  }

  get failed(): number {
    return this.#failed;
  }

  onEvent(event: EventView): void {
    switch (event.kind) {
      case Kind.callStart: {
        this.#calls += 1;
        if (event.code !== 1) this.#proxied += 1;
        const slot = this.#open.open(event.call, event.tNs);
        if (slot >= 0) this.#open.note[slot] = event.code;
        return;
      }
      case Kind.callEnd:
        this.#end(event);
        return;
      case Kind.attemptSent:
        this.#sent(event);
        return;
      case Kind.attemptEnded:
        if (event.code !== 0) this.#failures[event.instance] = (this.#failures[event.instance] ?? 0) + 1;
        return;
      case Kind.endpointChanged:
        if (event.code === PICKABLE) this.#shareOf(event).enter(event.instance);
        else if (event.code === UNPICKABLE && this.#shared[event.instance] !== true)
          this.#shareOf(event).leave(event.instance);
        return;
      default:
        if (event.code === 0) this.#cpuUs = Math.max(0, this.#cpuUs) + event.detail;
    }
  }

  finish(): RunStats {
    for (const share of this.#shares) share?.close();
    const statuses = [...this.#statuses].sort((a, b) => a[0] - b[0]);
    if (this.#ok > 0) statuses.unshift([0, this.#ok]);
    const instances: InstanceStats[] = this.#names.map((name, index) => ({
      name,
      attempts: this.#attempts[index] as number,
      picks: this.#picks[index] as number,
      expectedPicks: Math.round((this.#expected[index] as number) * 100) / 100,
      failures: this.#failures[index] as number,
    }));
    return {
      calls: this.#calls,
      ok: this.#ok,
      statuses: Object.fromEntries(statuses),
      unanswered: this.#open.size,
      attempts: this.#attemptCount,
      retries: this.#retries,
      latency: quantiles(this.#latency),
      directLatency: this.#direct.count === 0 ? null : quantiles(this.#direct),
      sidecarCpuUsPerCall: this.#cpuUs < 0 || this.#proxied === 0 ? null : this.#cpuUs / this.#proxied,
      instances,
    };
  }

  #end(event: EventView): void {
    const slot = this.#open.find(event.call);
    if (slot < 0) return;
    const took = event.tNs - (this.#open.startNs[slot] as number);
    const direct = this.#open.note[slot] === 1;
    this.#open.close(slot);
    (direct ? this.#direct : this.#latency).record(took);
    if (event.code === 0) this.#ok += 1;
    else {
      this.#statuses.set(event.code, (this.#statuses.get(event.code) ?? 0) + 1);
      this.#failed += 1;
    }
  }

  #sent(event: EventView): void {
    const { instance } = event;
    this.#attemptCount += 1;
    this.#attempts[instance] = (this.#attempts[instance] ?? 0) + 1;
    if (event.attempt > 1) this.#retries += 1;
    if (event.detail !== 1) return;
    this.#picks[instance] = (this.#picks[instance] ?? 0) + 1;
    this.#shareOf(event).pick();
  }

  /** That of the event's sidecar and its instance's group. */
  #shareOf({ sidecar, instance }: EventView): Share {
    const index = sidecar * this.#groupCount + (this.#groups[instance] ?? 0);
    let share = this.#shares[index];
    if (share === undefined) {
      share = new Share(this.#expected, this.#weights);
      this.#shares[index] = share;
    }
    return share;
  }
}

/** Expected share per instance, of one sidecar and one group: each pick in it gives weight ÷ all weights to every pickable one, added up lazily in O(1) per pick. */
class Share {
  readonly #expected: Float64Array;
  readonly #since = new Map<number, number>();
  #given = 0;
  readonly #weights: readonly number[];
  /** All weights of those in it. */
  #total = 0;

  constructor(expected: Float64Array, weights: readonly number[]) {
    this.#expected = expected;
    this.#weights = weights;
  }

  enter(instance: number): void {
    if (this.#since.has(instance) || this.#since.size >= PROBE_MAX) return;
    this.#since.set(instance, this.#given);
    this.#total += this.#weights[instance] ?? 1;
  }

  leave(instance: number): void {
    const since = this.#since.get(instance);
    if (since === undefined) return;
    this.#since.delete(instance);
    const weight = this.#weights[instance] ?? 1;
    this.#total -= weight;
    this.#expected[instance] = (this.#expected[instance] ?? 0) + weight * (this.#given - since);
  }

  pick(): void {
    if (this.#total > 0) this.#given += 1 / this.#total;
  }

  close(): void {
    for (const instance of this.#since.keys()) this.leave(instance);
  }
}

/** Quantiles of a histogram in ms. */
function quantiles(histogram: Histogram): Quantiles {
  return {
    count: histogram.count,
    p50Ms: histogram.quantileNs(0.5) / 1e6,
    p90Ms: histogram.quantileNs(0.9) / 1e6,
    p99Ms: histogram.quantileNs(0.99) / 1e6,
    p999Ms: histogram.quantileNs(0.999) / 1e6,
    maxMs: histogram.maxNs / 1e6,
  };
}
