/** The toxics, one small class each, after the behaviour of Toxiproxy's documentation (README, "Toxics"). */
import type { Attributes, ToxicType } from './attributes.ts';
import { type LinkActions, type Sink, type Stage, TimedQueue } from './stage.ts';

/** What a toxic knows of its settings: read at each use, so that an update works on live links. */
export interface Settings {
  readonly attributes: Attributes;
}

/** Makes the stage of a toxic on one link. `live`: the link was there before the toxic. */
export function createStage(
  type: ToxicType,
  settings: Settings,
  next: Sink,
  actions: LinkActions,
  live: boolean,
): Stage {
  switch (type) {
    case 'latency':
      return new Latency(settings, next, actions);
    case 'bandwidth':
      return new Bandwidth(settings, next, actions);
    case 'slow_close':
      return new SlowClose(settings, next, actions);
    case 'timeout':
      return new Timeout(settings, next, actions);
    case 'reset_peer':
      return new ResetPeer(settings, next, actions, live);
    case 'slicer':
      return new Slicer(settings, next, actions);
    case 'limit_data':
      return new LimitData(settings, next, actions);
  }
}

/** Passes everything on; the others differ from it where they must. */
export class PassThrough implements Stage {
  protected readonly settings: Settings;
  protected readonly actions: LinkActions;
  protected readonly queue: TimedQueue;

  constructor(settings: Settings, next: Sink, actions: LinkActions) {
    this.settings = settings;
    this.actions = actions;
    this.queue = new TimedQueue(next, actions.now);
  }

  get next(): Sink {
    return this.queue.next;
  }

  set next(next: Sink) {
    this.queue.next = next;
  }

  get held(): number {
    return this.queue.held;
  }

  push(chunk: Buffer): void {
    this.next.push(chunk);
  }

  end(): void {
    this.queue.add(null, 0);
  }

  release(): void {
    this.queue.flush();
  }

  dispose(): void {
    this.queue.clear();
  }

  protected attribute(name: string): number {
    return this.settings.attributes[name] ?? 0;
  }
}

/** latency ± jitter in ms for each chunk; order is kept. The end is not delayed beyond the data before it. */
class Latency extends PassThrough {
  override push(chunk: Buffer): void {
    const jitter = this.attribute('jitter');
    const shift = jitter === 0 ? 0 : Math.floor(this.actions.random() * jitter * 2) - jitter;
    this.queue.add(chunk, this.actions.now() + Math.max(0, this.attribute('latency') + shift));
  }
}

/** rate in kB (1000 octets) per second; pieces of at most 100 ms. Rate 0 lets nothing through. */
class Bandwidth extends PassThrough {
  #freeAtMs = 0;

  override push(chunk: Buffer): void {
    const rate = this.attribute('rate');
    if (rate === 0) {
      this.queue.add(chunk, Number.MAX_SAFE_INTEGER);
      return;
    }
    const piece = rate * 100;
    for (let at = 0; at < chunk.length; at += piece) {
      const part = chunk.subarray(at, at + piece);
      this.#freeAtMs = Math.max(this.#freeAtMs, this.actions.now()) + part.length / rate;
      this.queue.add(part, this.#freeAtMs);
    }
  }
}

/** Holds the end back for delay ms. */
class SlowClose extends PassThrough {
  override end(): void {
    this.queue.add(null, this.actions.now() + this.attribute('delay'));
  }
}

/** Drops all octets; closes after timeout ms without any, or never when it is 0. Taken away, it closes the link. */
class Timeout extends PassThrough {
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: Settings, next: Sink, actions: LinkActions) {
    super(settings, next, actions);
    this.#arm();
  }

  override push(_chunk: Buffer): void {
    this.#arm();
  }

  override release(): void {
    this.dispose();
    this.actions.close();
  }

  override dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    super.dispose();
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const timeout = this.attribute('timeout');
    this.#timer = timeout === 0 ? null : setTimeout(() => this.actions.close(), timeout);
  }
}

/**
 * RST on both sides, timeout ms after the first octets. On a link that was there before the toxic the time runs at once
 * (the real server waits for octets there, and then closes by FIN): "reset my connections" must not depend on traffic.
 */
class ResetPeer extends PassThrough {
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: Settings, next: Sink, actions: LinkActions, live: boolean) {
    super(settings, next, actions);
    if (live) this.#arm();
  }

  override push(_chunk: Buffer): void {
    this.#arm();
  }

  override end(): void {
    this.#arm();
  }

  override dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    super.dispose();
  }

  override release(): void {
    this.dispose();
  }

  #arm(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.actions.reset(), this.attribute('timeout'));
  }
}

/** Cuts into pieces of average_size ± size_variation octets with delay µs after each. */
class Slicer extends PassThrough {
  #freeAtMs = 0;

  override push(chunk: Buffer): void {
    const average = this.attribute('average_size');
    const variation = this.attribute('size_variation');
    const delayMs = this.attribute('delay') / 1000;
    let at = 0;
    while (at < chunk.length) {
      const shift = variation === 0 ? 0 : Math.floor(this.actions.random() * variation * 2) - variation;
      const size = Math.max(1, average + shift);
      this.#freeAtMs = Math.max(this.#freeAtMs, this.actions.now());
      this.queue.add(chunk.subarray(at, at + size), this.#freeAtMs);
      this.#freeAtMs += delayMs;
      at += size;
    }
  }

  override end(): void {
    this.queue.add(null, this.#freeAtMs);
  }
}

/** Closes the link after so many octets. */
class LimitData extends PassThrough {
  #passed = 0;

  override push(chunk: Buffer): void {
    const left = Math.max(0, this.attribute('bytes') - this.#passed);
    const part = chunk.subarray(0, left);
    this.#passed += part.length;
    if (part.length > 0) this.next.push(part);
    if (chunk.length >= left) this.actions.close();
  }
}
