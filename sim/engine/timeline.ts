/** What the HTML page draws, gathered while the run goes on: lanes of states, bands of faults, counts per time bucket. */
import { CallTable } from '../checks/call-table.ts';
import { Histogram } from '../checks/histogram.ts';
import { ENDPOINT_CHANGES, type EventView, INSTANCE_STATES, Kind } from '../journal/events.ts';
import type { Timeline } from '../spec/run-record.ts';
import type { PlannedFault } from './plan.ts';

const LANES_MAX = 256;
const BUCKETS = 100;
const BUCKET_COUNT_MAX = 100_000;
const STATES_MAX = 1_000;
const WIDTHS_MS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000];
const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');

interface Lane {
  instance: string;
  states: { fromMs: number; state: string }[];
  seen: { fromMs: number; pickable: boolean }[];
  attempts: number[];
  failures: number[];
}

export class TimelineBuilder {
  readonly kinds = [
    Kind.callStart,
    Kind.callEnd,
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.endpointChanged,
    Kind.instanceState,
    Kind.faultApplied,
    Kind.faultHealed,
  ];
  readonly #bucketNs: number;
  readonly #names: readonly string[];
  /** By instance; holes where nothing happened yet. */
  readonly #lanes: (Lane | undefined)[] = [];
  #laneCount = 0;
  readonly #open = new CallTable();
  readonly #calls: number[] = [];
  readonly #failed: number[] = [];
  readonly #retries: number[] = [];
  readonly #p99Ms: number[] = [];
  readonly #latency = new Histogram();
  readonly #bands = new Map<number, { fromMs: number; toMs: number | null; open: number }>();
  #latencyBucket = 0;
  #bucket = 0;
  #bucketFromNs = 0;

  /** `expectedNs`: about how long the run lasts, which sets the width of a bucket. */
  constructor(names: readonly string[], expectedNs: number) {
    this.#names = names;
    const wantedMs = expectedNs / 1e6 / BUCKETS;
    this.#bucketNs = (WIDTHS_MS.find((width) => width >= wantedMs) ?? 3_600_000) * 1e6;
  }

  onEvent(event: EventView): void {
    const bucket = this.#bucketOf(event.tNs);
    switch (event.kind) {
      case Kind.callStart:
        if (event.code !== 1) this.#open.open(event.call, event.tNs);
        return;
      case Kind.callEnd:
        this.#end(event, bucket);
        return;
      case Kind.attemptSent:
        if (event.attempt > 1) bump(this.#retries, bucket);
        bump(this.#lane(event.instance)?.attempts, bucket);
        return;
      case Kind.attemptEnded:
        if (event.code !== 0) bump(this.#lane(event.instance)?.failures, bucket);
        return;
      case Kind.endpointChanged:
        if (event.code === PICKABLE || event.code === UNPICKABLE) this.#see(event);
        return;
      case Kind.instanceState: {
        const states = this.#lane(event.instance)?.states;
        const state = INSTANCE_STATES[event.code] ?? 'unknown';
        if (states !== undefined && states.length < STATES_MAX)
          states.push({ fromMs: event.tNs / 1e6, state });
        return;
      }
      default:
        this.#band(event);
    }
  }

  /** Fills the gaps and gives the timeline; `observed` says which faults showed an effect. */
  finish(faults: readonly PlannedFault[], observed: (fault: number) => boolean): Timeline {
    this.#closeLatency(this.#latencyBucket + 1);
    const lanes = this.#lanes.filter((lane) => lane !== undefined);
    const counted = [this.#calls, this.#failed, this.#retries, this.#p99Ms];
    for (const lane of lanes) counted.push(lane.attempts, lane.failures);
    const length = Math.max(0, ...counted.map((list) => list.length));
    for (const list of counted) for (let at = 0; at < length; at++) list[at] ??= 0;
    const bands = faults
      .filter((fault) => this.#bands.has(fault.index))
      .map((fault) => {
        const { fromMs, toMs } = this.#bands.get(fault.index) as { fromMs: number; toMs: number | null };
        const instances = fault.instances.map((index) => this.#names[index] ?? String(index));
        const { kind } = fault.definition;
        return { kind, target: fault.target, instances, fromMs, toMs, observed: observed(fault.index) };
      });
    return {
      bucketMs: this.#bucketNs / 1e6,
      lanes,
      faults: bands,
      calls: this.#calls,
      failed: this.#failed,
      retries: this.#retries,
      p99Ms: this.#p99Ms,
    };
  }

  /** Time goes on, so the bucket is mostly the last one. */
  #bucketOf(tNs: number): number {
    if (tNs >= this.#bucketFromNs && tNs < this.#bucketFromNs + this.#bucketNs) return this.#bucket;
    this.#bucket = Math.min(BUCKET_COUNT_MAX, Math.floor(tNs / this.#bucketNs));
    this.#bucketFromNs = this.#bucket * this.#bucketNs;
    return this.#bucket;
  }

  #end(event: EventView, bucket: number): void {
    const slot = this.#open.find(event.call);
    if (slot < 0) return;
    const took = event.tNs - (this.#open.startNs[slot] as number);
    this.#open.close(slot);
    bump(this.#calls, bucket);
    if (event.code !== 0) bump(this.#failed, bucket);
    if (bucket > this.#latencyBucket) this.#closeLatency(bucket);
    this.#latency.record(took);
  }

  #closeLatency(next: number): void {
    if (this.#latency.count > 0) this.#p99Ms[this.#latencyBucket] = this.#latency.quantileNs(0.99) / 1e6;
    this.#latency.clear();
    this.#latencyBucket = next;
  }

  /** With several sidecars a lane shows the first one's view. */
  #see(event: EventView): void {
    const seen = this.#lane(event.instance)?.seen;
    if (event.sidecar !== 0 || seen === undefined || seen.length >= STATES_MAX) return;
    seen.push({ fromMs: event.tNs / 1e6, pickable: event.code === PICKABLE });
  }

  #band(event: EventView): void {
    const band = this.#bands.get(event.call);
    if (event.kind === Kind.faultApplied) {
      if (band === undefined) this.#bands.set(event.call, { fromMs: event.tNs / 1e6, toMs: null, open: 1 });
      else band.open += 1;
    } else if (band !== undefined) {
      band.open -= 1;
      if (band.open === 0) band.toMs = event.tNs / 1e6;
    }
  }

  #lane(instance: number): Lane | undefined {
    const lane = this.#lanes[instance];
    if (lane !== undefined || instance < 0 || this.#laneCount >= LANES_MAX) return lane;
    this.#laneCount += 1;
    while (this.#lanes.length <= instance) this.#lanes.push(undefined);
    const made: Lane = {
      instance: this.#names[instance] ?? String(instance),
      states: [],
      seen: [],
      attempts: [],
      failures: [],
    };
    this.#lanes[instance] = made;
    return made;
  }
}

/** Counts one in a bucket, filling the gap before it so that the list stays dense. */
function bump(list: number[] | undefined, bucket: number): void {
  if (list === undefined) return;
  while (list.length <= bucket) list.push(0);
  list[bucket] = (list[bucket] as number) + 1;
}
