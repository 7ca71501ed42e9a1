/**
 * check.recovery (FO-35): an instance that was away and is back (started again, resumed, or its blackhole or partition
 * lifted) serves again. Once `withinMs` have passed since then, each sidecar picks it at least once in its next 2 N
 * first picks (N: instances it could pick then, the recovered one included). It is not judged where the instance goes away
 * again or leaves discovery before, or where load ends before those picks were made.
 */
import { ENDPOINT_CHANGES, type EventView, INSTANCE_STATES, Kind, MEMBER_STATES } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Stalls } from './stalls.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
const READY = INSTANCE_STATES.indexOf('ready');
const RESUMED = INSTANCE_STATES.indexOf('resumed');
const ACTIVE = MEMBER_STATES.indexOf('active');
const PENDING_MAX = 100_000;

export function recovery(params: { withinMs: number }): CheckSpec {
  const withinMs = limit(params?.withinMs, 'withinMs', 'recovery', 0, 3_600_000);
  const spec: CheckSpec = {
    name: 'recovery',
    params: { withinMs },
    start: (context) => new Recovery(spec, withinMs * 1e6, context),
  };
  return spec;
}

/** One return of one instance as one sidecar has to notice it. */
interface Return {
  instance: number;
  backNs: number;
  /** How often the instance had gone away then: another number now means that it went again. */
  absences: number;
  /** Set once the time is over: picks of the instance then, and the sidecar's count at which it is judged. */
  picksThen: number;
  judgeAt: number;
  seq: number;
}

class Watch {
  readonly picksOf: Int32Array;
  readonly pickable: Uint8Array;
  picks = 0;
  size = 0;
  /** Returns whose time is not over, then those whose picks are being counted: both in order. */
  waiting: Return[] = [];
  counting: Return[] = [];

  constructor(instances: number) {
    this.picksOf = new Int32Array(instances);
    this.pickable = new Uint8Array(instances);
  }
}

class Recovery implements CheckRun {
  readonly kinds = [
    Kind.attemptSent,
    Kind.endpointChanged,
    Kind.instanceState,
    Kind.memberState,
    Kind.faultApplied,
    Kind.faultHealed,
    Kind.phase,
    Kind.stall,
  ];
  readonly #spec: CheckSpec;
  readonly #withinNs: number;
  readonly #context: CheckContext;
  readonly #watches: Watch[];
  readonly #stalls = new Stalls();
  readonly #missed: { entry: Return; sidecar: number; atNs: number; seq: number }[] = [];
  /** By instance: how often it went away; whether it is running; faults that cut it off; whether discovery lists it. */
  readonly #absences: Int32Array;
  readonly #running: Uint8Array;
  readonly #cut: Int32Array;
  readonly #away: Uint8Array;
  #loaded = false;
  #judged = 0;
  #returns = 0;

  constructor(spec: CheckSpec, withinNs: number, context: CheckContext) {
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#context = context;
    const instances = context.instanceNames.length;
    this.#watches = Array.from({ length: context.sidecars }, () => new Watch(instances));
    this.#absences = new Int32Array(instances);
    this.#running = new Uint8Array(instances);
    this.#cut = new Int32Array(instances);
    this.#away = new Uint8Array(instances);
  }

  onEvent(event: EventView): void {
    const { instance } = event;
    switch (event.kind) {
      case Kind.attemptSent:
        if (event.detail === 1) this.#pick(event);
        return;
      case Kind.endpointChanged:
        if (event.code === PICKABLE) this.#pickable(event, 1);
        else if (event.code === UNPICKABLE) this.#pickable(event, 0);
        return;
      case Kind.instanceState:
        this.#running[instance] = event.code === READY || event.code === RESUMED ? 1 : 0;
        this.#settle(event);
        return;
      case Kind.memberState:
        if (event.code !== ACTIVE) this.#absences[instance] = (this.#absences[instance] as number) + 1;
        return;
      case Kind.phase:
        if (event.code === 0) this.#loaded = true;
        return;
      case Kind.stall:
        this.#stalls.add(event);
        return;
      default: {
        const fault = this.#context.faults[event.call];
        // A fault on a sidecar is on no instance.
        if (
          instance < 0 ||
          fault?.impact !== 'unavailable' ||
          fault.kind === 'kill' ||
          fault.kind === 'pause'
        )
          return;
        const step = event.kind === Kind.faultApplied ? 1 : -1;
        this.#cut[instance] = Math.max(0, (this.#cut[instance] as number) + step);
        this.#settle(event);
      }
    }
  }

  finish(): Verdict {
    const broken = new Evidence();
    let excused: string | null = null;
    for (const { entry, sidecar, atNs, seq } of this.#missed) {
      const stall = this.#stalls.within(entry.backNs, atNs);
      if (stall !== null) excused ??= stall;
      else if (broken.add(atNs, entry.seq, seq)) {
        const name = this.#context.instanceNames[entry.instance] ?? String(entry.instance);
        const back = `${name} was back at ${atTime(entry.backNs)}, but sidecar ${sidecar} had not picked it by`;
        const allowed = `${this.#withinNs / 1e6} ms were allowed, and two rounds of picks more`;
        broken.first = `${back} ${atTime(atNs)}; ${allowed}.`;
      }
    }
    if (broken.count > 0) {
      const more =
        broken.count > 1 ? ` ${broken.count} of ${counted(this.#judged, 'return')} failed so.` : '';
      return verdictOf(this.#spec, 'violated', this.#judged, broken.first + more, broken);
    }
    if (excused !== null) {
      const said = `A recovered instance was not picked in time, but ${excused}, so the run cannot tell.`;
      return verdictOf(this.#spec, 'inconclusive', this.#judged, said);
    }
    if (this.#judged === 0) {
      const why =
        this.#returns === 0
          ? 'No instance came back from being unavailable.'
          : `${counted(this.#returns, 'instance')} came back, but load ended before its recovery could be judged.`;
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const said = `${counted(this.#judged, 'return')} of instances: each was picked again within ${this.#withinNs / 1e6} ms`;
    return verdictOf(this.#spec, 'holds', this.#judged, `${said} and two rounds.`);
  }

  /** Notes going away and coming back. */
  #settle(event: EventView): void {
    const { instance } = event;
    const away = this.#running[instance] === 0 || (this.#cut[instance] as number) > 0 ? 1 : 0;
    if (this.#away[instance] === away) return;
    this.#away[instance] = away;
    if (away === 1) {
      this.#absences[instance] = (this.#absences[instance] as number) + 1;
      return;
    }
    if (!this.#loaded || this.#absences[instance] === 0) return;
    this.#returns += 1;
    for (const watch of this.#watches) {
      if (watch.waiting.length >= PENDING_MAX) continue;
      const absences = this.#absences[instance] as number;
      watch.waiting.push({ instance, backNs: event.tNs, absences, picksThen: 0, judgeAt: 0, seq: event.seq });
    }
  }

  #pickable(event: EventView, pickable: 0 | 1): void {
    const watch = this.#watches[event.sidecar];
    if (watch === undefined || watch.pickable[event.instance] === pickable) return;
    watch.pickable[event.instance] = pickable;
    watch.size += pickable === 1 ? 1 : -1;
  }

  #pick(event: EventView): void {
    const watch = this.#watches[event.sidecar];
    if (watch === undefined) return;
    if (watch.waiting.length > 0) this.#timeOver(watch, event.tNs);
    watch.picks += 1;
    watch.picksOf[event.instance] = (watch.picksOf[event.instance] as number) + 1;
    if (watch.counting.length > 0) this.#judge(watch, event);
  }

  /** Returns whose time is over begin to be counted. */
  #timeOver(watch: Watch, nowNs: number): void {
    for (let head = watch.waiting[0]; head !== undefined; head = watch.waiting[0]) {
      if (nowNs <= head.backNs + this.#withinNs) return;
      watch.waiting.shift();
      if (this.#absences[head.instance] !== head.absences) continue;
      const rest = watch.pickable[head.instance] === 1 ? watch.size : watch.size + 1;
      head.picksThen = watch.picksOf[head.instance] as number;
      head.judgeAt = watch.picks + 2 * rest;
      watch.counting.push(head);
    }
  }

  #judge(watch: Watch, event: EventView): void {
    for (let head = watch.counting[0]; head !== undefined; head = watch.counting[0]) {
      const stale = this.#absences[head.instance] !== head.absences;
      const picked = (watch.picksOf[head.instance] as number) > head.picksThen;
      if (!stale && !picked && watch.picks < head.judgeAt) return;
      watch.counting.shift();
      if (stale) continue;
      this.#judged += 1;
      if (picked || this.#missed.length >= PENDING_MAX) continue;
      this.#missed.push({ entry: head, sidecar: event.sidecar, atNs: event.tNs, seq: event.seq });
    }
  }
}
