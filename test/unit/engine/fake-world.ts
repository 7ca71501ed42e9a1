/** A world of a few lines for the engine's own tests: perfect round robin, calls of 1 ms, faults felt at once. */
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, INSTANCE_STATES, Kind } from '../../../sim/journal/events.ts';
import type { Journal } from '../../../sim/journal/journal.ts';
import type { Control } from '../../../sim/faults/controls.ts';
import type { World, WorldOptions } from '../../../sim/spec/world.ts';
import type { LoadSpec } from '../../../sim/spec/scenario.ts';

export interface FakeWorld extends World {
  applied: { atMs: number; control: Control }[];
  stopped: number;
}

export interface FakeHabits {
  /** Every call fails with this status. */
  status?: number;
  /** Faults are carried out but leave no trace. */
  numb?: boolean;
  /** Write a stall of that many ms when load begins. */
  stallMs?: number;
  failStart?: Error;
  failStop?: Error;
}

export function fakeWorld(options: WorldOptions, habits: FakeHabits = {}): FakeWorld {
  return new Fake(options, habits);
}

class Fake implements FakeWorld {
  nowNs = 0;
  applied: { atMs: number; control: Control }[] = [];
  stopped = 0;
  readonly #journal: Journal;
  readonly #habits: FakeHabits;
  readonly #mesh: WorldOptions['mesh'];
  readonly #up = new Set<number>();
  readonly #slowNs = new Map<number, number>();
  #cursor = 0;
  #call = 0;
  #everyNs = 0;
  #nextNs = Number.POSITIVE_INFINITY;
  #endNs = 0;

  constructor({ journal, mesh }: WorldOptions, habits: FakeHabits) {
    this.#journal = journal;
    this.#mesh = mesh;
    this.#habits = habits;
  }

  async start(): Promise<void> {
    if (this.#habits.failStart !== undefined) throw this.#habits.failStart;
    for (let index = 0; index < this.#mesh.instances; index++) this.#raise(index);
  }

  startLoad(load: LoadSpec): void {
    this.#everyNs = load.kind === 'open' ? 1e9 / load.ratePerSecond : 1e6;
    this.#nextNs = this.nowNs;
    this.#endNs = this.nowNs + load.forMs * 1e6;
    if (this.#habits.stallMs !== undefined) this.#write(Kind.stall, -1, -1, -1, -1, this.#habits.stallMs);
  }

  async runUntil(untilNs: number): Promise<void> {
    for (; this.#nextNs < Math.min(untilNs, this.#endNs); this.#nextNs += this.#everyNs) {
      this.nowNs = this.#nextNs;
      this.#oneCall();
    }
    this.nowNs = untilNs;
  }

  async apply(control: Control): Promise<void> {
    this.applied.push({ atMs: this.nowNs / 1e6, control });
    if (this.#habits.numb === true) return;
    const { op, instance } = control;
    if (op === 'start') this.#raise(instance);
    else if (op === 'kill' || op === 'stop') this.#fell(instance, 'dead');
    else if (op === 'member' && control.state !== 'active') this.#saw(instance, control.state);
    else if (op === 'network' && control.effect?.kind === 'latency') {
      this.#slowNs.set(instance, control.effect.latencyMs * 1e6);
    }
  }

  note(kind: Kind, call: number, instance: number, code: number, detail: number): void {
    this.#write(kind, call, -1, instance, code, detail);
  }

  async settle(): Promise<void> {}

  async stop(): Promise<void> {
    this.stopped += 1;
    if (this.#habits.failStop !== undefined) throw this.#habits.failStop;
  }

  #oneCall(): void {
    const up = [...this.#up].sort((a, b) => a - b);
    const call = this.#call++;
    this.#write(Kind.callStart, call, -1, -1, 0, 2_000);
    const instance = up[this.#cursor++ % Math.max(1, up.length)] ?? -1;
    if (instance < 0) {
      this.#write(Kind.callEnd, call, -1, -1, 14, 0);
      return;
    }
    this.#write(Kind.attemptSent, call, 1, instance, -1, 1);
    this.#write(Kind.attemptArrived, call, 1, instance, -1, -1);
    this.nowNs += 1e6 + (this.#slowNs.get(instance) ?? 0);
    const status = this.#habits.status ?? 0;
    this.#write(Kind.attemptEnded, call, 1, instance, status, ATTEMPT_ENDS.indexOf('complete'));
    this.#write(Kind.callEnd, call, -1, -1, status, 0);
  }

  #raise(instance: number): void {
    this.#write(Kind.instanceState, -1, -1, instance, INSTANCE_STATES.indexOf('ready'), -1);
    this.#up.add(instance);
    this.#saw(instance, 'pickable');
  }

  #fell(instance: number, state: 'dead'): void {
    this.#write(Kind.instanceState, -1, -1, instance, INSTANCE_STATES.indexOf(state), -1);
    this.#saw(instance, 'disconnected');
  }

  #saw(instance: number, change: (typeof ENDPOINT_CHANGES)[number]): void {
    this.#write(Kind.endpointChanged, -1, -1, instance, ENDPOINT_CHANGES.indexOf(change), -1);
    if (change === 'pickable' || !this.#up.delete(instance)) return;
    this.#write(Kind.endpointChanged, -1, -1, instance, ENDPOINT_CHANGES.indexOf('unpickable'), -1);
  }

  #write(kind: Kind, call: number, attempt: number, instance: number, code: number, detail: number): void {
    this.#journal.write(kind, this.nowNs, call, attempt, instance, code, detail, 0);
  }
}
