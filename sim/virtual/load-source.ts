/** One load: clients that call through the sidecars in turn, each call with a deadline that the client itself keeps. */
import type { Random } from '../base/random.ts';
import { exponentialSampler, type Sampler } from '../base/sampler.ts';
import { Kind } from '../journal/events.ts';
import type { LoadSpec } from '../spec/scenario.ts';
import type { HeaderBlock } from '../../proxy/wire/headers.ts';
import { ClientCall } from './caller-link.ts';
import type { DemoService } from './demo-service.ts';
import { type Kernel, Op } from './kernel.ts';
import { messageHash, requestBlock, textMessage } from './messages.ts';
import type { SidecarHost } from './sidecar-host.ts';
import type { Sidecars } from './sidecars.ts';

export type FullLoad = LoadSpec & {
  method: string;
  deadlineMs: number;
  requestName: string;
  directShare: number;
};

const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;
/** The client's own timer is behind the sidecar's by this much: it acts only when the sidecar did not keep the deadline. */
const CLIENT_LATE_NS = 1_000_000;
/** A client needs at least this long between an answer and its next call. */
const THINK_MIN_NS = 50_000;
const IDLE_MAX = 4_096;

/** Numbers calls over all loads of a run. */
export interface CallCounter {
  next: number;
}

export class LoadSource {
  /** Calls without an answer. */
  open = 0;
  readonly #kernel: Kernel;
  readonly #sidecars: Sidecars;
  readonly #demo: DemoService;
  readonly #load: FullLoad;
  readonly #index: number;
  readonly #counter: CallCounter;
  /** One for each key, or the one of all calls. */
  readonly #requests: readonly HeaderBlock[];
  readonly #body: Uint8Array;
  readonly #random: Random;
  readonly #gaps: Sampler | null;
  readonly #startNs: number;
  readonly #endNs: number;
  readonly #deadlineNs: number;
  readonly #thinkNs: number;
  readonly #idle: ClientCall[] = [];
  #arrivals = 0;
  #first: ClientCall | null = null;
  #last: ClientCall | null = null;
  #deadlineArmed = false;
  #knownReply: Uint8Array | null = null;
  #knownHash = 0;

  constructor(
    index: number,
    load: FullLoad,
    service: string,
    kernel: Kernel,
    sidecars: Sidecars,
    demo: DemoService,
    counter: CallCounter,
  ) {
    this.#index = index;
    this.#load = load;
    this.#kernel = kernel;
    this.#sidecars = sidecars;
    this.#demo = demo;
    this.#counter = counter;
    this.#deadlineNs = Math.round(load.deadlineMs * 1e6);
    const { keys = 0 } = load;
    this.#requests = Array.from({ length: Math.max(1, keys) }, (_, key) =>
      requestBlock(service, load.method, this.#deadlineNs, keys === 0 ? null : String(key)),
    );
    this.#body = textMessage(load.requestName);
    demo.learn(this.#body);
    this.#random = kernel.random.fork('load').fork(index);
    const poisson = load.kind === 'open' && load.arrivals === 'poisson';
    this.#gaps = poisson ? exponentialSampler(1e9 / load.ratePerSecond) : null;
    this.#startNs = kernel.nowNs;
    this.#endNs = kernel.nowNs + Math.round(load.forMs * 1e6);
    this.#thinkNs = load.kind === 'closed' ? Math.max(THINK_MIN_NS, Math.round(load.thinkMs * 1e6)) : 0;
  }

  /** The first calls are put on the calendar. */
  begin(): void {
    const load = this.#load;
    if (load.kind === 'open') return this.#arm(this.#nextArrivalNs());
    // Clients do not begin in one instant: they are spread over the first think time.
    for (let client = 0; client < load.clients; client++) {
      this.#arm(this.#startNs + Math.floor((client * this.#thinkNs) / load.clients));
    }
  }

  /** A client's moment to call. */
  handleArrival(): void {
    if (this.#kernel.nowNs >= this.#endNs) return;
    if (this.#load.kind === 'open') this.#arm(this.#nextArrivalNs());
    this.#call();
  }

  /** Clients give up on calls that are past their deadline. */
  handleDeadline(): void {
    this.#deadlineArmed = false;
    const { nowNs } = this.#kernel;
    for (let call = this.#first; call !== null && call.deadlineNs <= nowNs; call = this.#first) {
      (call.host as SidecarHost).callers.giveUp(call, DEADLINE_EXCEEDED);
    }
    this.#armDeadline();
  }

  /** The machine has returned, and this call has its answer. */
  handleCallEnd(call: ClientCall): void {
    const { nowNs, journal } = this.#kernel;
    const host = call.host as SidecarHost;
    journal.write(Kind.callEnd, nowNs, call.number, -1, -1, call.status, call.replyHash, host.index);
    this.open--;
    if (call.previous === null) this.#first = call.next;
    else call.previous.next = call.next;
    if (call.next === null) this.#last = call.previous;
    else call.next.previous = call.previous;
    call.previous = null;
    call.next = null;
    call.user = null;
    call.pieces = null;
    if (this.#idle.length < IDLE_MAX) this.#idle.push(call);
    if (this.#load.kind === 'closed') this.#arm(nowNs + this.#thinkNs);
  }

  /** FNV-1a 32 of a whole framed reply, as a signed word. */
  hashOf(reply: Uint8Array): number {
    if (reply === this.#knownReply) return this.#knownHash;
    const hash = messageHash(reply) | 0;
    if (this.#demo.isShared(reply)) {
      this.#knownReply = reply;
      this.#knownHash = hash;
    }
    return hash;
  }

  openCalls(): ClientCall[] {
    const calls: ClientCall[] = [];
    for (let call = this.#first; call !== null; call = call.next) calls.push(call);
    return calls;
  }

  #call(): void {
    const { nowNs, journal } = this.#kernel;
    const number = this.#counter.next++;
    const sidecar = this.#sidecars.turnOf(number);
    const host = this.#sidecars.connection(sidecar);
    if (host === null) return this.#refuse(number, sidecar);
    const call = this.#idle.pop() ?? new ClientCall(this);
    call.number = number;
    call.status = 0;
    call.replyHash = 0;
    call.ended = false;
    call.deadlineNs = this.#deadlineNs === 0 ? Infinity : nowNs + this.#deadlineNs + CLIENT_LATE_NS;
    call.previous = this.#last;
    if (this.#last === null) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
    this.open++;
    journal.write(Kind.callStart, nowNs, number, -1, -1, 0, this.#load.deadlineMs, host.index);
    this.#armDeadline();
    host.callers.call(call, this.#requests[number % this.#requests.length] as HeaderBlock, this.#body);
  }

  /** Nobody listens: the client knows at once. */
  #refuse(number: number, sidecar: number): void {
    const { nowNs, journal } = this.#kernel;
    journal.write(Kind.callStart, nowNs, number, -1, -1, 0, this.#load.deadlineMs, sidecar);
    journal.write(Kind.callEnd, nowNs, number, -1, -1, UNAVAILABLE, 0, sidecar);
    if (this.#load.kind === 'closed') this.#arm(nowNs + this.#thinkNs);
  }

  /** Constant arrivals are counted from the start, so that rounding never adds up. */
  #nextArrivalNs(): number {
    const load = this.#load;
    if (load.kind !== 'open') return this.#endNs;
    if (this.#gaps !== null) return this.#kernel.nowNs + this.#gaps.sampleNs(this.#random);
    return this.#startNs + Math.floor((this.#arrivals++ * 1e9) / load.ratePerSecond);
  }

  #arm(tNs: number): void {
    if (tNs < this.#endNs) this.#kernel.schedule(tNs, Op.arrival, this.#index);
  }

  #armDeadline(): void {
    const first = this.#first;
    if (this.#deadlineArmed || first === null || first.deadlineNs === Infinity) return;
    this.#deadlineArmed = true;
    this.#kernel.schedule(first.deadlineNs, Op.deadline, this.#index);
  }
}
