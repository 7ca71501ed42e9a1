/** What all parts of one machine share: time, configuration, counters, pools, the balancer, and calls that wait for an endpoint. */
import type { SidecarConfig } from '../policy/config.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import { ATTEMPTS_MAX } from '../policy/retry.ts';
import { RoundRobin } from '../policy/round-robin.ts';
import { Answers } from './answers.ts';
import { Attempt } from './attempt.ts';
import { Call } from './call.ts';
import type { SidecarEnvironment } from './machine.ts';
import type { Observer } from './observer.ts';
import { Counters } from './counters.ts';
import { isTaggable, Tagger } from './tagger.ts';
import { TimerTable } from './timers.ts';
import type { Upstream } from './upstream.ts';
import { WaitList } from './wait-list.ts';

/** Idle records kept for reuse. */
const POOL_MAX = 4_096;

export class Context {
  readonly config: SidecarConfig;
  readonly environment: SidecarEnvironment;
  readonly observer: Observer | null;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly attemptsMax: number;
  readonly perTryNs: number;
  readonly callNs: number;
  readonly timers = new TimerTable();
  readonly answers = new Answers();
  readonly counters = new Counters();
  readonly balancer: RoundRobin<Upstream>;
  /** Calls for which no endpoint is pickable yet. */
  readonly waiting = new WaitList(this.counters);
  /** Members in their lasting order. */
  members: Upstream[] = [];
  /** Members that have not shown yet whether they can be reached. */
  warming = 0;
  pickable = 0;
  nowNs = 0;
  draining = false;
  #stale = false;
  readonly #tag: Uint8Array | null;
  readonly #calls: Call[] = [];
  /** Every record there is, alive or idle, each at its `slot`. */
  readonly #allCalls: Call[] = [];
  readonly #attempts: Attempt[] = [];

  constructor(
    config: SidecarConfig,
    environment: SidecarEnvironment,
    observer: Observer | null,
    random: () => number,
  ) {
    this.config = config;
    this.environment = environment;
    this.observer = observer;
    this.random = random;
    this.attemptsMax = Math.max(1, Math.min(config.retry.attempts, ATTEMPTS_MAX));
    this.perTryNs = config.retry.perTryTimeoutMs * 1e6;
    this.callNs = config.timeout.callMs * 1e6;
    this.#tag = config.tag === null || config.tag === '' ? null : new TextEncoder().encode(config.tag);
    this.balancer = new RoundRobin<Upstream>(random());
  }

  /** The pickable set changed: it is built anew at the next pick, once for any number of changes. */
  membersChanged(): void {
    this.#stale = true;
  }

  pickFirst(): Upstream | null {
    if (this.#stale) this.#rebuild();
    return this.balancer.pick();
  }

  pickRetry(tried: readonly Upstream[]): Upstream | null {
    if (this.#stale) this.#rebuild();
    return this.balancer.pickRetry(tried);
  }

  /** Lets waiting calls go on: to an endpoint that became pickable, or to their end when there is none to wait for. */
  releaseWaiting(): void {
    if (this.waiting.head === null || (this.pickable === 0 && this.warming > 0)) return;
    for (const call of this.waiting.takeAll()) call.pickAgain();
  }

  /** Why nothing can be picked, for people. */
  trouble(): string {
    if (this.members.length === 0) return 'no endpoint is known';
    const told = this.members.slice(0, 3).map((member) => `${member.name}: ${member.condition()}`);
    const more = this.members.length > 3 ? `; and ${this.members.length - 3} more` : '';
    return `no endpoint can be used (${told.join('; ')}${more})`;
  }

  /** What tags a reply that begins with these headers; null when it passes untouched. */
  taggerFor(isGrpc: boolean, block: HeaderBlock): Tagger | null {
    if (this.#tag === null || !isGrpc || !isTaggable(block)) return null;
    return new Tagger(this.#tag);
  }

  takeCall(): Call {
    return this.#calls.pop() ?? this.#makeCall();
  }

  giveCall(call: Call): void {
    if (this.#calls.length < POOL_MAX) this.#calls.push(call);
    else this.#forgetCall(call);
  }

  /** Every record there is now; those of calls that are alive have a stream. */
  callRecords(): Call[] {
    return [...this.#allCalls];
  }

  takeAttempt(): Attempt {
    return this.#attempts.pop() ?? new Attempt();
  }

  giveAttempt(attempt: Attempt): void {
    if (this.#attempts.length < POOL_MAX) this.#attempts.push(attempt);
  }

  #makeCall(): Call {
    const call = new Call(this);
    call.slot = this.#allCalls.push(call) - 1;
    return call;
  }

  #forgetCall(call: Call): void {
    const last = this.#allCalls.pop();
    if (last === undefined || last === call) return;
    this.#allCalls[call.slot] = last;
    last.slot = call.slot;
  }

  #rebuild(): void {
    this.#stale = false;
    this.balancer.replace(this.members, isPickable);
  }
}

function isPickable(member: Upstream): boolean {
  return member.pickable;
}
