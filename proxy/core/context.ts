/** What all parts of one machine share: time, configuration, counters, pools, the balancer, and calls that wait for an endpoint. */
import type { AttemptOutcome, Balancer } from '../policy/balancer.ts';
import { ConcurrencyLimit } from '../policy/concurrency-limit.ts';
import { hashes, type SidecarConfig } from '../policy/config.ts';
import { hashText } from '../policy/hash.ts';
import type { Grouped } from '../policy/grouped.ts';
import { LOAD_REPORT_TRAILER, readLoadReport } from '../policy/load-report.ts';
import { makeBalancer, makeGroups } from '../policy/make-balancer.ts';
import type { HeaderBlock } from '../wire/headers.ts';
import { ATTEMPTS_MAX } from '../policy/retry.ts';
import { RetryThrottle } from '../policy/throttle.ts';
import { Answers } from './answers.ts';
import { Attempt } from './attempt.ts';
import { Breaker } from './breaker.ts';
import { Call } from './call.ts';
import type { SidecarEnvironment } from './machine.ts';
import type { AttemptEnd, Observer } from './observer.ts';
import { Outliers } from './outliers.ts';
import { Counters } from './counters.ts';
import { Gate } from './gate.ts';
import { HedgedCall } from './hedged-call.ts';
import { GRPC } from './statuses.ts';
import { isTaggable, Tagger } from './tagger.ts';
import type { Router } from './router.ts';
import { TimerTable } from './timers.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamSession } from './upstream-session.ts';
import { WaitList } from './wait-list.ts';

/** Idle records kept for reuse. */
const POOL_MAX = 4_096;

/** What a context shares: with the machine's first one, and with that of its cluster when it is a route's towards it. */
export interface Kin {
  readonly base: Context;
  /** Null: it is a cluster's own. */
  readonly cluster: Context | null;
  /** Null: the cluster's. */
  readonly counters: Counters | null;
  /** Another target of the same route, with which it shares the route's rate limit; null: none, or the first. */
  readonly sibling: Context | null;
}

export class Context {
  readonly config: SidecarConfig;
  readonly environment: SidecarEnvironment;
  readonly observer: Observer | null;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly attemptsMax: number;
  readonly perTryNs: number;
  /** The deadline of a call that brings none, 0: none; and the longest of any. */
  readonly callNs: number;
  readonly callMaxNs: number;
  readonly timers: TimerTable;
  readonly answers: Answers;
  readonly counters: Counters;
  /** Whose endpoints it picks from: itself, but for what routes have of their own. */
  readonly cluster: Context;
  /** The cluster's; '' where there is only one. */
  name = '';
  /** The cluster's policies, as a text to compare with. */
  said = '';
  /** How a call ends that finds no endpoint known. */
  emptyStatus: number = GRPC.unavailable;
  emptyReason = 'no endpoint is known';
  /** Null: there are no routes. */
  router: Router | null = null;
  readonly balancer: Balancer<Upstream>;
  /** The balancer, where endpoints have priorities or localities; null: they mean nothing. */
  readonly groups: Grouped<Upstream> | null;
  /** Trailers are looked at for reports of load. */
  readonly readsReports: boolean;
  /** Somebody wants to know how long attempts take. */
  readonly timesAttempts: boolean;
  /** The request header that the balancer hashes; null: it hashes nothing. */
  readonly #hashHeader: string | null;
  /** Null: nobody is ejected. */
  readonly outliers: Outliers | null;
  readonly throttle: RetryThrottle | null;
  readonly breaker: Breaker | null;
  /** What its cluster bears, learned; null: not asked. */
  readonly concurrency: ConcurrencyLimit | null;
  /** Null: every call may begin. */
  readonly gate: Gate | null;
  /** Calls for which no endpoint is pickable yet. */
  readonly waiting: WaitList;
  /** Members in their lasting order. */
  members: Upstream[] = [];
  /** Members that have not shown yet whether they can be reached. */
  warming = 0;
  pickable = 0;
  /** Connections to its members that are being made. */
  dialling = 0;
  /** Members that are not draining and whose health is known, and those of them that are well. */
  checked = 0;
  healthy = 0;
  /** So few are well that health does not count (Envoy's panic mode). */
  panic = false;
  nowNs = 0;
  draining = false;
  readonly #tag: Uint8Array | null;
  readonly #calls: Call[] = [];
  /** Every record there is, alive or idle, each at its `slot`. */
  readonly #allCalls: Call[] = [];
  readonly #attempts: Attempt[];

  constructor(
    config: SidecarConfig,
    environment: SidecarEnvironment,
    observer: Observer | null,
    random: () => number,
    kin: Kin | null = null,
  ) {
    const base = kin === null ? null : kin.base;
    const cluster = kin === null ? null : kin.cluster;
    this.timers = base === null ? new TimerTable() : base.timers;
    this.answers = base === null ? new Answers() : base.answers;
    this.counters = kin?.counters ?? cluster?.counters ?? new Counters();
    this.#attempts = base === null ? [] : base.#attempts;
    this.waiting = new WaitList(this.counters);
    this.cluster = cluster ?? this;
    this.config = config;
    this.environment = environment;
    this.observer = observer;
    this.random = random;
    this.attemptsMax = Math.max(1, Math.min(config.retry.attempts, ATTEMPTS_MAX));
    this.perTryNs = config.retry.perTryTimeoutMs * 1e6;
    const { callMs, callMaxMs } = config.timeout;
    this.callMaxNs = callMaxMs === 0 ? Infinity : callMaxMs * 1e6;
    this.callNs = callMs === 0 ? callMaxMs * 1e6 : Math.min(callMs * 1e6, this.callMaxNs);
    this.#tag = config.tag === null || config.tag === '' ? null : new TextEncoder().encode(config.tag);
    this.groups = cluster === null ? makeGroups<Upstream>(config.balancer, random) : cluster.groups;
    if (cluster !== null) this.balancer = cluster.balancer;
    else this.balancer = this.groups ?? makeBalancer<Upstream>(config.balancer, random);
    this.readsReports = config.balancer.loadReports;
    if (cluster !== null) this.concurrency = cluster.concurrency;
    else this.concurrency = config.concurrency === null ? null : new ConcurrencyLimit(config.concurrency);
    this.timesAttempts = this.balancer.timesAttempts || this.concurrency !== null;
    this.#hashHeader = hashes(config.balancer) ? config.balancer.hashHeader : null;
    // What remembers something is the cluster's; its routes only ask it.
    if (cluster !== null) this.outliers = cluster.outliers;
    else this.outliers = config.outlier === null ? null : new Outliers(this, config.outlier);
    if (cluster !== null) this.throttle = cluster.throttle;
    else this.throttle = config.retryThrottling === null ? null : new RetryThrottle(config.retryThrottling);
    this.breaker = config.circuitBreaker === null ? null : new Breaker(this, config.circuitBreaker);
    const isGated = this.breaker !== null || this.concurrency !== null || config.rateLimit !== null;
    this.gate = isGated ? new Gate(this, (kin?.sibling ?? cluster ?? base)?.gate ?? null) : null;
  }

  pickFirst(request: HeaderBlock): Upstream | null {
    return this.balancer.pick(
      this.nowNs,
      this.#hashHeader === null ? 0 : this.#keyOf(request, this.#hashHeader),
    );
  }

  pickRetry(request: HeaderBlock, tried: readonly Upstream[]): Upstream | null {
    const key = this.#hashHeader === null ? 0 : this.#keyOf(request, this.#hashHeader);
    return this.balancer.pickRetry(tried, this.nowNs, key);
  }

  /** `checked` or `healthy` changed. */
  reviewPanic(): void {
    const { panicThreshold } = this.config.balancer;
    const few = this.healthy < panicThreshold * this.checked;
    // While other priorities can bear the calls nobody need panic (Envoy).
    const panic = few && (this.groups === null || !this.groups.isAble);
    if (panic === this.panic) return;
    this.panic = panic;
    for (const member of this.members) member.update();
  }

  /** The response began; a refusal at once, without headers before, is a failure. */
  timeAnswer(attempt: Attempt, grpcStatus: number): void {
    // Errors may be quick and say nothing of queues.
    if (grpcStatus <= GRPC.ok) this.#sample(attempt);
    this.#time(attempt, grpcStatus === GRPC.unavailable ? 'failed' : 'answered');
  }

  /** It ended; of no matter when its response had begun. */
  timeEnd(attempt: Attempt, end: AttemptEnd): void {
    if (end === 'deadline' || end === 'per_try_timeout') this.#sample(attempt);
    this.#time(attempt, end === 'deadline' || end === 'cancelled' ? 'cut' : 'failed');
  }

  /** Takes the report of load that may be among an answer's trailers. */
  noteReport(attempt: Attempt, trailers: HeaderBlock): void {
    const text = trailers.get(LOAD_REPORT_TRAILER);
    if (text === undefined) return;
    const report = readLoadReport(text);
    const { upstream } = attempt.session as UpstreamSession;
    if (report === null) this.counters.loadReportsMalformed++;
    else {
      this.counters.loadReports++;
      this.balancer.reported?.(upstream, this.nowNs, report);
    }
  }

  /** Lets waiting calls go on: to an endpoint that became pickable, or to their end when there is none to wait for. */
  releaseWaiting(): void {
    const { waiting } = this;
    if (waiting.head === null || (this.pickable === 0 && this.warming > 0)) return;
    const calls = this.pickable > 0 ? waiting.takeAll() : waiting.takeImpatient();
    for (const call of calls) call.pickAgain();
  }

  /** Why nothing can be picked, for people. */
  trouble(): string {
    const of = this.name === '' ? '' : `cluster ${this.name}: `;
    if (this.members.length === 0) return of + this.emptyReason;
    const told = this.members.slice(0, 3).map((member) => `${member.name}: ${member.condition()}`);
    const more = this.members.length > 3 ? `; and ${this.members.length - 3} more` : '';
    return `${of}no endpoint can be used (${told.join('; ')}${more})`;
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
    const { hedging } = this.config;
    const call = hedging === null ? new Call(this) : new HedgedCall(this, hedging);
    call.slot = this.#allCalls.push(call) - 1;
    return call;
  }

  #forgetCall(call: Call): void {
    const last = this.#allCalls.pop();
    if (last === undefined || last === call) return;
    this.#allCalls[call.slot] = last;
    last.slot = call.slot;
  }

  /** Tells the learned limit how long the attempt took, unless that was told before. */
  #sample({ sentNs }: Attempt): void {
    if (this.concurrency === null || sentNs < 0) return;
    this.concurrency.sampled(this.nowNs, this.nowNs - sentNs, this.cluster.counters.attemptsAlive);
  }

  /** Tells the balancer how long the attempt took, once. */
  #time(attempt: Attempt, outcome: AttemptOutcome): void {
    const { sentNs } = attempt;
    if (sentNs < 0) return;
    attempt.sentNs = -1;
    const { upstream } = attempt.session as UpstreamSession;
    this.balancer.attemptTimed(upstream, this.nowNs, this.nowNs - sentNs, outcome);
  }

  /** Without the header any key will do (gRFC A42). */
  #keyOf(request: HeaderBlock, header: string): number {
    const text = request.get(header);
    return text === undefined ? Math.floor(this.random() * 4_294_967_296) : hashText(text);
  }
}
