/** One instance of the service: its life, the work it does, and its end of every connection. */
import { type LoadFacts, LOAD_PARTS, LoadMeter, loadReportOctets } from '../base/load-meter.ts';
import type { Random } from '../base/random.ts';
import type { Sampler } from '../base/sampler.ts';
import type { FailRule } from '../faults/controls.ts';
import { INSTANCE_STATES, Kind, LOAD_MEASURES } from '../journal/events.ts';
import { type AttemptStream, Phase, type StreamPool } from './attempt-stream.ts';
import type { Dial } from './dial.ts';
import { type Kernel, Op } from './kernel.ts';
import { HEALTH_PATH, RESPONSE_HEADER_BYTES, SERVING_MESSAGE, StatusBlocks, WATCH_PATH } from './messages.ts';
import { HOP_NS, NetworkState } from './network.ts';
import type { DemoService } from './demo-service.ts';
import type { StreamLink } from './stream-link.ts';

/** A health check is answered in no time to speak of. */
const CHECK_NS = 20_000;
const UNIMPLEMENTED = 12;
/** A polite stop that takes longer than this becomes a hard one. */
const STOP_LIMIT_NS = 10e9;

export type Life = 'new' | 'starting' | 'ready' | 'draining' | 'dead';

export class Instance {
  readonly index: number;
  readonly kernel: Kernel;
  readonly pool: StreamPool;
  readonly demo: DemoService;
  readonly network = new NetworkState();
  readonly statuses: StatusBlocks;
  readonly failMessage: string;
  life: Life = 'new';
  paused = false;
  /** Connections by the time they came up; those whose two ends are gone are not among them. */
  readonly links = new Set<StreamLink>();
  /** Connection attempts that hear nothing. */
  readonly silentDials = new Set<Dial>();
  /** Told when it becomes ready. */
  onReady: (instance: Instance) => void = () => {};
  /** Counts lives, so that a plan for an earlier one is void. */
  generation = 0;
  #stopWanted = false;
  #startWanted = false;
  readonly #startupNs: number;
  readonly #sampler: Sampler;
  /** Null: it says nothing of its load. */
  readonly #meter: LoadMeter | null;
  readonly #random: Random;
  readonly #rules = new Map<number, FailRule>();
  readonly #frozen: AttemptStream[] = [];

  constructor(
    index: number,
    name: string,
    kernel: Kernel,
    pool: StreamPool,
    demo: DemoService,
    sampler: Sampler,
    startupNs: number,
    load: LoadFacts | null = null,
  ) {
    this.index = index;
    this.kernel = kernel;
    this.pool = pool;
    this.demo = demo;
    this.statuses = demo.statuses;
    this.failMessage = `${name} was told to fail`;
    this.#sampler = sampler;
    this.#startupNs = startupNs;
    this.#meter = load === null ? null : new LoadMeter(load);
    this.#random = kernel.random.fork('instance').fork(index);
  }

  /** Whether a connection can come up now. */
  get listening(): boolean {
    return this.life === 'ready';
  }

  start(): void {
    if (this.life === 'draining') {
      this.#startWanted = true;
      return;
    }
    if (this.life === 'starting' || this.life === 'ready') return;
    this.#become('starting');
    const generation = ++this.generation;
    this.kernel.later(this.kernel.nowNs + this.#startupNs, () => {
      if (this.generation !== generation || this.life !== 'starting') return;
      this.#become('ready');
      this.onReady(this);
    });
  }

  /** The process is gone at once. */
  kill(): void {
    if (this.life === 'dead' || this.life === 'new') return;
    this.generation++;
    this.paused = false;
    this.#stopWanted = false;
    this.#become('dead');
    for (const stream of this.#frozen.splice(0)) {
      stream.holds--;
      this.#drop(stream);
    }
    for (const link of this.links) link.break('connection reset: the instance is gone');
    for (const dial of this.silentDials) if (!this.network.muted) dial.fail('connection reset');
    if (!this.#startWanted) return;
    this.#startWanted = false;
    this.start();
  }

  /** GOAWAY, finish what is in flight, then dead. A process that stands still does it when it goes on. */
  stop(): void {
    if (this.life === 'starting') return this.kill();
    if (this.life !== 'ready') return;
    if (this.paused) {
      this.#stopWanted = true;
      return;
    }
    this.#become('draining');
    const generation = ++this.generation;
    for (const link of this.links) this.#sayGoAway(link);
    this.kernel.later(this.kernel.nowNs + STOP_LIMIT_NS, () => {
      if (this.generation === generation) this.kill();
    });
    if (this.links.size === 0) this.kernel.later(this.kernel.nowNs, () => this.#dieIfDone());
  }

  pause(): void {
    if (this.paused || this.life === 'dead' || this.life === 'new') return;
    this.paused = true;
    this.#note('paused');
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#note('resumed');
    for (const dial of this.silentDials) dial.tryAgain();
    for (const stream of this.#frozen.splice(0)) {
      stream.holds--;
      if (stream.phase === Phase.toInstance) this.#take(stream);
      else this.#answer(stream);
    }
    if (this.#stopWanted) {
      this.#stopWanted = false;
      this.stop();
    }
  }

  setFailRule(fault: number, rule: FailRule | null): void {
    if (rule === null) this.#rules.delete(fault);
    else this.#rules.set(fault, rule);
  }

  /** Both ends of every connection are reset; the instance lives on. */
  resetConnections(reason = 'connection reset'): void {
    for (const link of this.links) link.break(reason);
  }

  /** A network that swallowed traffic is well again: its connections are reset, pending ones fail. */
  networkBack(): void {
    for (const link of this.links) {
      if (link.newsWithheld) link.deliverClose();
      else link.break('connection reset: the network came back');
    }
    for (const dial of this.silentDials) dial.fail('connection reset: the network came back');
  }

  /** The whole request leaves the sidecar. */
  sendRequest(stream: AttemptStream): void {
    stream.phase = Phase.toInstance;
    this.#travel(stream);
  }

  /** Sends anew what waited for a bandwidth limit that is gone. */
  resend(stream: AttemptStream): void {
    if (stream.phase === Phase.toInstance || stream.phase === Phase.toSidecar) this.#travel(stream);
  }

  /** The request arrives. */
  handleRequest(stream: AttemptStream): void {
    const link = stream.link as StreamLink;
    if (link.broken || this.network.partitioned) return this.#drop(stream);
    if (this.paused) return this.#freeze(stream);
    this.#take(stream);
  }

  /** The work on a request is done. */
  handleServed(stream: AttemptStream): void {
    if ((stream.link as StreamLink).broken) return this.#drop(stream);
    if (this.paused) return this.#freeze(stream);
    this.#answer(stream);
  }

  /** The answer arrives at the sidecar, or would. */
  handleReply(stream: AttemptStream): void {
    const link = stream.link as StreamLink;
    if (stream.closed || link.closed || this.network.muted) return this.#drop(stream);
    stream.phase = Phase.lost;
    link.deliver(stream);
  }

  /** Octets that the sidecar may reuse are copied, unless they are the known request. */
  keepBody(bytes: Uint8Array): Uint8Array {
    return this.demo.keep(bytes);
  }

  /** A connection has lost both its ends. */
  forget(link: StreamLink): void {
    if (this.links.delete(link)) this.#dieIfDone();
  }

  /** Nothing is open on a connection of a stopping instance: it closes it. */
  closeQuiet(link: StreamLink): void {
    link.break('the instance stopped');
  }

  #take(stream: AttemptStream): void {
    const { kernel } = this;
    if (stream.cancelledNs <= kernel.nowNs || (stream.link as StreamLink).broken) return this.#drop(stream);
    if (stream.call < 0 && isHealthPath(stream.request?.path)) {
      this.#schedule(stream, Phase.serving, kernel.nowNs + CHECK_NS, Op.served);
      return;
    }
    kernel.journal.write(
      Kind.attemptArrived,
      kernel.nowNs,
      stream.call,
      stream.attempt,
      this.index,
      -1,
      -1,
      -1,
    );
    this.#schedule(stream, Phase.serving, kernel.nowNs + this.#sampler.sampleNs(this.#random), Op.served);
  }

  #answer(stream: AttemptStream): void {
    const { kernel } = this;
    if (stream.cancelledNs <= kernel.nowNs || (stream.link as StreamLink).broken) return this.#drop(stream);
    this.#decide(stream);
    this.#report(stream);
    // A copy of a call has no number.
    if (stream.call >= 0 || stream.request?.path !== HEALTH_PATH) {
      kernel.journal.write(
        Kind.attemptAnswered,
        kernel.nowNs,
        stream.call,
        stream.attempt,
        this.index,
        stream.status,
        -1,
        -1,
      );
    }
    stream.phase = Phase.toSidecar;
    this.#travel(stream);
  }

  /** What the answer is: a rule's status, or the service's reply. */
  #decide(stream: AttemptStream): void {
    const path = stream.request?.path ?? '';
    const isCheck = isHealthPath(path);
    stream.status = 0;
    stream.afterHeaders = false;
    stream.stays = path === WATCH_PATH;
    stream.reply = null;
    for (const rule of this.#rules.values()) {
      if (rule.method === null ? isCheck : rule.method !== path) continue;
      if (rule.share < 1 && this.#random.nextUnit() >= rule.share) continue;
      stream.status = rule.status;
      stream.afterHeaders = rule.afterHeaders;
      return;
    }
    if (isCheck) stream.reply = SERVING_MESSAGE;
    else {
      stream.reply = stream.body === null ? null : this.demo.answer(stream.body);
      if (stream.reply === null) stream.status = UNIMPLEMENTED;
    }
  }

  /** Says in its answer how loaded it is, and notes that. */
  #report(stream: AttemptStream): void {
    stream.report = null;
    const { journal, nowNs } = this.kernel;
    if (this.#meter === null || isHealthPath(stream.request?.path)) return;
    const report = this.#meter.answered(nowNs, stream.status !== 0);
    stream.report = btoa(String.fromCharCode(...loadReportOctets(report)));
    LOAD_MEASURES.forEach((measure, index) => {
      const parts = Math.round(report[measure] * LOAD_PARTS);
      const { call, attempt } = stream;
      if (parts > 0) journal.write(Kind.loadReported, nowNs, call, attempt, this.index, parts, index, -1);
    });
  }

  /** Puts a whole request or answer on its way. */
  #travel(stream: AttemptStream): void {
    const { kernel, network } = this;
    const link = stream.link as StreamLink;
    const { bytesPerSecond } = network;
    if (stream.phase === Phase.toInstance) {
      const tNs = link.toInstance.arrivalNs(kernel.nowNs, HOP_NS, stream.requestBytes, bytesPerSecond);
      this.#schedule(stream, Phase.toInstance, tNs, Op.request);
    } else {
      const byteCount = RESPONSE_HEADER_BYTES + (stream.reply?.length ?? 0);
      const tNs = link.toSidecar.arrivalNs(kernel.nowNs, HOP_NS + network.addedNs, byteCount, bytesPerSecond);
      this.#schedule(stream, Phase.toSidecar, tNs, Op.reply);
    }
  }

  #schedule(stream: AttemptStream, phase: Phase, tNs: number, op: Op): void {
    stream.phase = phase;
    stream.dueNs = tNs;
    stream.holds++;
    this.kernel.schedule(tNs, op, stream.index);
  }

  #freeze(stream: AttemptStream): void {
    stream.holds++;
    stream.dueNs = Infinity;
    this.#frozen.push(stream);
  }

  #drop(stream: AttemptStream): void {
    stream.phase = Phase.lost;
    this.pool.giveIfDone(stream);
  }

  #sayGoAway(link: StreamLink): void {
    const { kernel, network } = this;
    const { bytesPerSecond } = network;
    const heardNs = link.toSidecar.arrivalNs(kernel.nowNs, HOP_NS + network.addedNs, 0, bytesPerSecond);
    kernel.later(heardNs, () => {
      if (network.muted) return;
      link.deliverGoAway();
      kernel.later(link.toInstance.arrivalNs(kernel.nowNs, HOP_NS, 0, bytesPerSecond), () => {
        link.quiet = true;
        if (link.open === 0 && !link.closed) this.closeQuiet(link);
      });
    });
  }

  #dieIfDone(): void {
    if (this.life === 'draining' && this.links.size === 0) this.kill();
  }

  #become(life: 'starting' | 'ready' | 'draining' | 'dead'): void {
    this.life = life;
    this.#note(life);
  }

  #note(state: (typeof INSTANCE_STATES)[number]): void {
    const { kernel } = this;
    kernel.journal.write(
      Kind.instanceState,
      kernel.nowNs,
      -1,
      -1,
      this.index,
      INSTANCE_STATES.indexOf(state),
      -1,
      -1,
    );
  }
}

function isHealthPath(path: string | undefined): boolean {
  return path === HEALTH_PATH || path === WATCH_PATH;
}
