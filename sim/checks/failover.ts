/**
 * check.failover (FO-05, FO-11, FO-34, MS-07). Unavailable means: dead, paused, not started yet, or behind a fault that
 * makes it so (blackhole, partition). Four rules:
 *  1. a call that ends in a retryable status although one instance was available, not listed as draining or removed, and
 *     free of degrading faults, from `withinMs` before the call began until its end, is a failover that did not happen
 *     (a call whose response headers had reached the caller cannot be retried and is exempt);
 *  2. no attempt is sent to an instance that has been unavailable for longer than `withinMs`;
 *  3. no attempt is sent for a call after its response headers were passed on;
 *  4. a call ends once.
 */
import { ATTEMPT_ENDS, type EventView, INSTANCE_STATES, Kind, MEMBER_STATES } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { CallTable } from './call-table.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Stalls } from './stalls.ts';

const STATE = {
  ready: INSTANCE_STATES.indexOf('ready'),
  resumed: INSTANCE_STATES.indexOf('resumed'),
  draining: INSTANCE_STATES.indexOf('draining'),
} as const;
const ACTIVE = MEMBER_STATES.indexOf('active');
const COMPLETE = ATTEMPT_ENDS.indexOf('complete');
const CANCELLED = ATTEMPT_ENDS.indexOf('cancelled');
const DIRECT = 1;
const COMMITTED = 2;
const LATE_MAX = 256;

export function failover(params: { withinMs: number }): CheckSpec {
  const withinMs = limit(params?.withinMs, 'withinMs', 'failover', 0, 3_600_000);
  const spec: CheckSpec = {
    name: 'failover',
    params: { withinMs },
    start: (context) => new Failover(spec, withinMs * 1e6, context),
  };
  return spec;
}

class Failover implements CheckRun {
  readonly kinds = [
    Kind.callStart,
    Kind.callEnd,
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.responseStarted,
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
  readonly #open = new CallTable();
  readonly #stalls = new Stalls();
  readonly #broken = new Evidence();
  /** Attempts that came too late for rule 2: judged at the end, when all stalls are known. */
  readonly #late: { fromNs: number; atNs: number; seq: number; instance: number }[] = [];
  #lateCount = 0;
  /** By instance: not running, or behind so many faults that cut it off; since when (-1: available). */
  readonly #down: Int32Array;
  readonly #downSinceNs: Float64Array;
  /** By instance: degrading faults on it; since when it has been available and free of them (Infinity: it is not). */
  readonly #degraded: Int32Array;
  readonly #soundSinceNs: Float64Array;
  readonly #stopped: Uint8Array;
  /** By instance: discovery lists it as draining or not at all, so that no call may be sent there. */
  readonly #unlisted: Uint8Array;
  readonly #retryable: readonly number[];
  #loaded = false;
  #troubles = 0;

  constructor(spec: CheckSpec, withinNs: number, context: CheckContext) {
    this.#spec = spec;
    this.#withinNs = withinNs;
    this.#context = context;
    this.#retryable = context.retryableStatuses;
    const instances = context.instanceNames.length;
    this.#down = new Int32Array(instances);
    this.#downSinceNs = new Float64Array(instances).fill(0);
    this.#degraded = new Int32Array(instances);
    this.#soundSinceNs = new Float64Array(instances).fill(Number.POSITIVE_INFINITY);
    this.#stopped = new Uint8Array(instances).fill(1);
    this.#unlisted = new Uint8Array(instances);
  }

  onEvent(event: EventView): void {
    switch (event.kind) {
      case Kind.callStart: {
        const slot = this.#open.open(event.call, event.tNs);
        if (slot >= 0 && event.code === 1) this.#open.mark[slot] = DIRECT;
        return;
      }
      case Kind.callEnd:
        this.#ended(event);
        return;
      case Kind.attemptSent:
        this.#sent(event);
        return;
      case Kind.attemptEnded:
        if (
          event.detail !== CANCELLED &&
          (event.detail !== COMPLETE || this.#retryable.includes(event.code))
        ) {
          this.#troubles += 1;
        }
        return;
      case Kind.responseStarted: {
        const slot = this.#open.find(event.call);
        if (slot >= 0) this.#open.mark[slot] = (this.#open.mark[slot] as number) | COMMITTED;
        return;
      }
      case Kind.stall:
        this.#stalls.add(event);
        return;
      case Kind.phase:
        if (event.code === 0) this.#loadBegins();
        return;
      case Kind.instanceState:
        this.#state(event);
        return;
      case Kind.memberState:
        this.#unlisted[event.instance] = event.code === ACTIVE ? 0 : 1;
        this.#settle(event.instance, event.tNs);
        return;
      default:
        this.#fault(event, event.kind === Kind.faultApplied ? 1 : -1);
    }
  }

  finish(): Verdict {
    const excused = this.#judgeLate();
    const broken = this.#broken;
    const exercised = this.#troubles;
    if (broken.count > 0) return verdictOf(this.#spec, 'violated', exercised, broken.first, broken);
    if (excused !== null) {
      const said = `${counted(this.#lateCount, 'attempt')} went to an unavailable instance too late, but`;
      return verdictOf(this.#spec, 'inconclusive', exercised, `${said} ${excused}, so the run cannot tell.`);
    }
    if (exercised === 0) {
      const why = 'No instance became unavailable and no attempt failed, so nothing had to fail over.';
      return verdictOf(this.#spec, 'not exercised', 0, why);
    }
    const held =
      'no call failed that another instance could have answered, and none was sent to a lost one after';
    const said = `Through ${counted(exercised, 'trouble')} (instances lost, attempts failed), ${held}`;
    return verdictOf(this.#spec, 'holds', exercised, `${said} ${this.#withinNs / 1e6} ms.`);
  }

  #sent(event: EventView): void {
    const { instance } = event;
    const slot = this.#open.find(event.call);
    if (slot >= 0 && ((this.#open.mark[slot] as number) & COMMITTED) !== 0) {
      this.#violate(event, () => {
        const what = `sent attempt ${event.attempt} of call ${event.call} after response headers of that call`;
        return `At ${atTime(event.tNs)} sidecar ${event.sidecar} ${what} had been passed to the caller.`;
      });
    }
    const sinceNs = this.#downSinceNs[instance] as number;
    if (sinceNs < 0 || event.tNs - sinceNs <= this.#withinNs) return;
    this.#lateCount += 1;
    if (this.#late.length < LATE_MAX) {
      this.#late.push({ fromNs: sinceNs, atNs: event.tNs, seq: event.seq, instance });
    }
  }

  #ended(event: EventView): void {
    const slot = this.#open.find(event.call);
    if (slot < 0) {
      this.#violate(event, () => `Call ${event.call} ended a second time at ${atTime(event.tNs)}.`);
      return;
    }
    const startNs = this.#open.startNs[slot] as number;
    const mark = this.#open.mark[slot] as number;
    this.#open.close(slot);
    if (event.code === 0 || mark !== 0 || !this.#retryable.includes(event.code)) return;
    const sound = this.#soundSince(startNs - this.#withinNs);
    if (sound < 0) return;
    this.#violate(event, () => {
      const name = this.#name(sound);
      const what = `Call ${event.call} failed with status ${event.code} at ${atTime(event.tNs)}`;
      return `${what} although ${name} was available all the time since it began at ${atTime(startNs)}.`;
    });
  }

  /** An instance that has been available and free of degrading faults since then; -1 when there is none. */
  #soundSince(ns: number): number {
    const since = this.#soundSinceNs;
    for (let index = 0; index < since.length; index++) if ((since[index] as number) <= ns) return index;
    return -1;
  }

  #state(event: EventView): void {
    const { instance, code } = event;
    if (code === STATE.draining) {
      this.#soundSinceNs[instance] = Number.POSITIVE_INFINITY;
      return;
    }
    const stopped = code === STATE.ready || code === STATE.resumed ? 0 : 1;
    if (this.#stopped[instance] === stopped) return;
    this.#stopped[instance] = stopped;
    this.#settle(instance, event.tNs);
  }

  #fault(event: EventView, step: 1 | -1): void {
    const impact = this.#context.faults[event.call]?.impact;
    const counts = impact === 'unavailable' ? this.#down : impact === 'degraded' ? this.#degraded : null;
    const { instance } = event;
    // A fault whose end is the start of the instance shows in its state already.
    if (counts === null || this.#context.faults[event.call]?.kind === 'kill') return;
    counts[instance] = Math.max(0, (counts[instance] as number) + step);
    this.#settle(instance, event.tNs);
  }

  /** Sets both clocks of an instance to what is true of it now. */
  #settle(instance: number, nowNs: number): void {
    const down = this.#stopped[instance] === 1 || (this.#down[instance] as number) > 0;
    if (!down) this.#downSinceNs[instance] = -1;
    else if ((this.#downSinceNs[instance] as number) < 0) {
      this.#downSinceNs[instance] = nowNs;
      if (this.#loaded) this.#troubles += 1;
    }
    const sound = !down && this.#degraded[instance] === 0 && this.#unlisted[instance] === 0;
    if (!sound) this.#soundSinceNs[instance] = Number.POSITIVE_INFINITY;
    else if (this.#soundSinceNs[instance] === Number.POSITIVE_INFINITY) this.#soundSinceNs[instance] = nowNs;
  }

  /** What is up when load begins has been up for long enough. */
  #loadBegins(): void {
    this.#loaded = true;
    for (let index = 0; index < this.#soundSinceNs.length; index++) {
      if (this.#soundSinceNs[index] !== Number.POSITIVE_INFINITY) {
        this.#soundSinceNs[index] = Number.NEGATIVE_INFINITY;
      }
    }
  }

  /** Late attempts that no stall excuses become violations; returns the stall that excused one, in words. */
  #judgeLate(): string | null {
    let excused: string | null = null;
    for (const { fromNs, atNs, seq, instance } of this.#late) {
      const stall = this.#stalls.within(fromNs, atNs);
      if (stall !== null) {
        excused ??= stall;
        continue;
      }
      if (!this.#broken.add(atNs, seq)) continue;
      const name = this.#name(instance);
      const what = `At ${atTime(atNs)} an attempt was sent to ${name}, unavailable since ${atTime(fromNs)}`;
      const allowed = `${this.#withinNs / 1e6} ms were allowed for noticing`;
      this.#broken.first = `${what}; ${allowed}. ${counted(this.#lateCount, 'attempt')} came too late in all.`;
    }
    return excused;
  }

  #violate(event: EventView, how: () => string): void {
    if (this.#broken.add(event.tNs, event.seq)) this.#broken.first = how();
  }

  #name(instance: number): string {
    return this.#context.instanceNames[instance] ?? String(instance);
  }
}
