/**
 * check.circuitBreaker (OV-01, OV-04, OV-06). Per sidecar: attempts in flight never go beyond `maxRequests`, nor beyond
 * `endpointMaxRequests` to one instance; a call that was refused (UNAVAILABLE, made by the sidecar, without any attempt, while
 * an instance could be picked) ends within `quickMs`, and is not refused while there is room.
 * A sidecar that was replaced is not judged.
 */
import { ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { BREAKER_DEFAULTS, type BreakerSpec } from '../spec/failover.ts';
import { CallTable } from './call-table.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Replaced } from './replaced.ts';

const PICKABLE = ENDPOINT_CHANGES.indexOf('pickable');
const UNPICKABLE = ENDPOINT_CHANGES.indexOf('unpickable');
const UNAVAILABLE = 14;
const DIRECT = 1;
/** What a real caller needs to be served at all on a busy machine. */
const QUICK_REAL_MS = 250;

export function circuitBreaker(params: { quickMs?: number } = {}): CheckSpec {
  const { quickMs } = params;
  if (quickMs !== undefined) limit(quickMs, 'quickMs', 'circuitBreaker', 0, 60_000);
  const spec: CheckSpec = {
    name: 'circuitBreaker',
    params: { ...params },
    start: (context) => new CircuitBreaker(spec, quickMs ?? null, context),
  };
  return spec;
}

class View {
  alive = 0;
  pickable = 0;
  /** When an instance came or went last: calls that waited for it, or on it, may be refused then. */
  changedNs = -1;
  readonly aliveOn: Int32Array;

  constructor(instances: number) {
    this.aliveOn = new Int32Array(instances);
  }
}

class CircuitBreaker implements CheckRun {
  readonly kinds = [
    Kind.callStart,
    Kind.callEnd,
    Kind.attemptSent,
    Kind.attemptEnded,
    Kind.sidecarCallEnd,
    Kind.endpointChanged,
    Kind.sidecarState,
  ];
  readonly #spec: CheckSpec;
  readonly #quickNs: number;
  readonly #context: CheckContext;
  readonly #policy: Required<BreakerSpec>;
  /** mark: attempts alive; note: attempts so far. */
  readonly #open = new CallTable();
  /** Open calls with an attempt alive. */
  #working = 0;
  readonly #views: (View | undefined)[] = [];
  readonly #broken = new Evidence();
  readonly #replaced = new Replaced();
  #refused = 0;
  #most = 0;

  constructor(spec: CheckSpec, quickMs: number | null, context: CheckContext) {
    this.#spec = spec;
    this.#context = context;
    this.#quickNs = (quickMs ?? (context.world === 'real' ? QUICK_REAL_MS : 0)) * 1e6;
    const given = context.sidecar?.circuitBreaker ?? { maxRequests: 0 };
    this.#policy = { ...BREAKER_DEFAULTS, ...given };
  }

  onEvent(event: EventView): void {
    const { kind, call } = event;
    if (kind === Kind.callStart) {
      if (event.code !== DIRECT) this.#open.open(call, event.tNs);
      return;
    }
    if (kind === Kind.callEnd) {
      const slot = this.#open.find(call);
      if (slot < 0) return;
      if ((this.#open.mark[slot] as number) > 0) this.#working -= 1;
      this.#open.close(slot);
      return;
    }
    if (this.#replaced.covers(event)) return;
    const view = (this.#views[event.sidecar] ??= new View(this.#context.instanceNames.length));
    if (kind === Kind.endpointChanged) {
      if (event.code === PICKABLE) view.pickable += 1;
      else if (event.code === UNPICKABLE) view.pickable -= 1;
      if (event.code === PICKABLE || event.code === UNPICKABLE) view.changedNs = event.tNs;
    } else if (kind === Kind.attemptSent) this.#sent(view, event);
    else if (kind === Kind.attemptEnded) this.#ended(view, event);
    else this.#callEnded(view, event);
  }

  finish(): Verdict {
    const said = `${counted(this.#refused, 'call')} refused; at most ${counted(this.#most, 'attempt')} in flight`;
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

  #sent(view: View, event: EventView): void {
    const { maxRequests, endpointMaxRequests } = this.#policy;
    const slot = this.#open.find(event.call);
    if (slot >= 0) {
      const alive = (this.#open.mark[slot] as number) + 1;
      this.#open.mark[slot] = alive;
      this.#open.note[slot] = (this.#open.note[slot] as number) + 1;
      if (alive === 1) this.#working += 1;
    }
    view.alive += 1;
    const here = (view.aliveOn[event.instance] as number) + 1;
    view.aliveOn[event.instance] = here;
    this.#most = Math.max(this.#most, view.alive);
    if (maxRequests > 0 && view.alive > maxRequests) {
      this.#break(event, `has ${view.alive} attempts in flight, more than ${maxRequests}`);
    } else if (endpointMaxRequests > 0 && here > endpointMaxRequests) {
      const name = this.#context.instanceNames[event.instance] ?? String(event.instance);
      this.#break(event, `has ${here} attempts in flight to ${name}, more than ${endpointMaxRequests}`);
    }
  }

  #ended(view: View, event: EventView): void {
    view.alive -= 1;
    view.aliveOn[event.instance] = (view.aliveOn[event.instance] as number) - 1;
    const slot = this.#open.find(event.call);
    if (slot < 0) return;
    const alive = (this.#open.mark[slot] as number) - 1;
    this.#open.mark[slot] = alive;
    if (alive === 0) this.#working -= 1;
  }

  #callEnded(view: View, event: EventView): void {
    const slot = this.#open.find(event.call);
    const madeHere = event.detail === 1 && event.code === UNAVAILABLE;
    if (slot < 0 || !madeHere || this.#open.note[slot] !== 0 || view.pickable === 0) return;
    this.#refused += 1;
    const startNs = this.#open.startNs[slot] as number;
    const tookNs = event.tNs - startNs;
    if (tookNs > this.#quickNs && view.changedNs < startNs) {
      this.#break(event, `refused call ${event.call} only after ${atTime(tookNs)}`);
      return;
    }
    const { maxRequests, maxPending, endpointMaxRequests, endpointMaxPending } = this.#policy;
    if (maxRequests === 0 || maxPending + endpointMaxRequests + endpointMaxPending > 0) return;
    // Something else may have refused it.
    const { concurrency, loadShed, rateLimit } = this.#context.sidecar ?? {};
    if (concurrency !== undefined || loadShed !== undefined || rateLimit?.status === UNAVAILABLE) return;
    // Whoever is open without an attempt may be waiting, and counts then; this call does not.
    const most = view.alive + this.#open.size - this.#working - 1;
    if (most < maxRequests) {
      this.#break(event, `refused call ${event.call} with ${most} of ${maxRequests} in flight or waiting`);
    }
  }

  #break(event: EventView, what: string): void {
    if (this.#broken.add(event.tNs, event.seq))
      this.#broken.first = `At ${atTime(event.tNs)} sidecar ${event.sidecar} ${what}`;
  }
}
