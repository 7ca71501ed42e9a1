/** Drives one world through its time: carries out controls when they are due, and writes what faults did into the journal. */
import { MeshwrightError } from '../base/errors.ts';
import type { Control } from '../faults/controls.ts';
import { Kind } from '../journal/events.ts';
import type { World } from '../spec/world.ts';
import type { PlannedFault, TimedControl } from './plan.ts';

export interface ConductorOptions {
  world: World;
  signal: AbortSignal;
  /** How much of the world's time passes between two reports of progress, ns. */
  sliceNs: number;
  /** Do not hold the clock while a control takes effect (real world: a process takes its time to start). */
  concurrent: boolean;
  onSlice: () => void;
}

/** How long a world may take to give up after an interrupt, ms. */
const ABORT_GRACE_MS = 5_000;

export class Conductor {
  readonly #options: ConductorOptions;
  readonly #world: World;
  /** Sorted by (time, order). */
  #pending: TimedControl[] = [];
  #next = 0;
  readonly #underway = new Map<number, Promise<void>>();
  #failure: unknown = null;
  /** Faults that a start of the instance will heal. */
  readonly #awaitingStart = new Map<number, PlannedFault[]>();
  /** The world's time when load began: faults count from here. */
  #zeroNs = 0;

  constructor(options: ConductorOptions) {
    this.#options = options;
    this.#world = options.world;
  }

  /** Time since load began, ns. */
  get elapsedNs(): number {
    return this.#world.nowNs - this.#zeroNs;
  }

  begin(): void {
    this.#zeroNs = this.#world.nowNs;
  }

  schedule(controls: readonly TimedControl[]): void {
    const left = this.#pending.slice(this.#next);
    this.#pending = [...left, ...controls].sort((a, b) => a.atNs - b.atNs || a.order - b.order);
    this.#next = 0;
  }

  /** Lets time pass to `untilNs` since load began, carrying out what is due on the way. */
  async runTo(untilNs: number): Promise<void> {
    for (;;) {
      const due = this.#pending[this.#next];
      const stopNs = due === undefined ? untilNs : Math.min(untilNs, due.atNs);
      await this.#pass(stopNs);
      if (due === undefined || due.atNs > untilNs) break;
      await this.#carryOutDue(stopNs);
    }
    this.#check();
  }

  /** Waits for controls that are still under way. */
  async join(): Promise<void> {
    await this.guard(Promise.all(this.#underway.values()));
    this.#check();
  }

  /** Waits for the world, but not for ever once the run is interrupted. */
  async guard<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    let give: (() => void) | undefined;
    const interrupted = new Promise<never>((_resolve, reject) => {
      give = () => {
        timer = setTimeout(() => reject(interruption()), ABORT_GRACE_MS);
      };
      if (signal.aborted) give();
      else signal.addEventListener('abort', give, { once: true });
    });
    try {
      const result = await Promise.race([work, interrupted]);
      if (signal.aborted) throw interruption();
      return result;
    } finally {
      clearTimeout(timer);
      if (give !== undefined) signal.removeEventListener('abort', give);
    }
  }

  async #pass(untilNs: number): Promise<void> {
    const { sliceNs, onSlice } = this.#options;
    while (this.elapsedNs < untilNs) {
      const beforeNs = this.elapsedNs;
      await this.guard(this.#world.runUntil(this.#zeroNs + Math.min(untilNs, beforeNs + sliceNs)));
      this.#check();
      if (this.elapsedNs <= beforeNs) throw new Error('the world did not let time pass');
      onSlice();
    }
  }

  /** Controls of one moment are begun together, in order; each instance, and each sidecar, does one at a time. */
  async #carryOutDue(nowNs: number): Promise<void> {
    const batch: Promise<void>[] = [];
    for (let next = this.#pending[this.#next]; next !== undefined && next.atNs <= nowNs; ) {
      this.#next += 1;
      batch.push(this.#carryOut(next));
      next = this.#pending[this.#next];
    }
    if (!this.#options.concurrent) await this.guard(Promise.all(batch));
    this.#check();
  }

  #carryOut(timed: TimedControl): Promise<void> {
    const key = keyOf(timed.control);
    const before = this.#underway.get(key);
    const work = before === undefined ? this.#apply(timed) : before.then(() => this.#apply(timed));
    const settled = work.catch((error: unknown) => {
      this.#failure ??= error;
    });
    const marked = settled.then(() => {
      if (this.#underway.get(key) === marked) this.#underway.delete(key);
    });
    this.#underway.set(key, marked);
    return marked;
  }

  async #apply(timed: TimedControl): Promise<void> {
    const { control, fault, begins, heals } = timed;
    if (this.#options.signal.aborted) return;
    if (begins) this.#note(Kind.faultRequested, fault, control);
    await this.#world.apply(control);
    if (begins) {
      this.#note(Kind.faultApplied, fault, control);
      if (fault.definition.healedByStart === true) this.#awaitStart(control.instance, fault);
    }
    if (control.op === 'start') this.#started(control.instance);
    if (heals) this.#note(Kind.faultHealed, fault, control);
  }

  #awaitStart(instance: number, fault: PlannedFault): void {
    const waiting = this.#awaitingStart.get(instance);
    if (waiting === undefined) this.#awaitingStart.set(instance, [fault]);
    else waiting.push(fault);
  }

  #started(instance: number): void {
    for (const fault of this.#awaitingStart.get(instance) ?? [])
      this.#note(Kind.faultHealed, fault, { op: 'start', instance });
    this.#awaitingStart.delete(instance);
  }

  #note(kind: Kind, fault: PlannedFault, control: Control): void {
    const sidecar = 'sidecar' in control ? control.sidecar : -1;
    this.#world.note(kind, fault.index, control.instance, fault.code, sidecar);
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#options.signal.aborted) throw interruption();
  }
}

/** What does one thing at a time: an instance from 0, the registry -1, a sidecar below. */
function keyOf(control: Control): number {
  return 'sidecar' in control ? -2 - control.sidecar : control.instance;
}

function interruption(): MeshwrightError {
  return new MeshwrightError('MW_INTERRUPTED', 'the run was interrupted', { remedy: 'run it again' });
}
