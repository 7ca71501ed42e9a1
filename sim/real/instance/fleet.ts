/** The instances of a run and the processes that host them: one each for isolated ones, the others packed together. */
import { MeshwrightError } from '../../base/errors.ts';
import type { FailRule } from '../../faults/controls.ts';
import type { MeshPlan } from '../../spec/world.ts';
import type { FromChild } from '../process/channel.ts';
import type { Child } from '../process/child.ts';
import { entryPath } from '../process/entry.ts';
import type { Member } from '../../../proxy/registry/membership.ts';
import { PauseGuard } from '../process/pause-guard.ts';
import type { ProcessTable } from '../process/table.ts';

const PACK = 8;
/** More later instances than this are the reserve of an imperative body, which rarely uses it. */
const EARLY_MAX = 40;
const START_DEADLINE_MS = 30_000;
/** A graceful stop waits for calls in flight (10 s in the worker), then cuts. */
const STOP_DEADLINE_MS = 15_000;
const ASK_DEADLINE_MS = 10_000;

interface Slot {
  index: number;
  name: string;
  isolated: boolean;
  /** Pack number of a packed one. */
  pack: number;
  child: Child | null;
  guard: PauseGuard | null;
  rules: Map<number, FailRule>;
  /** Faults by which the registry does not hear it. */
  muted: Set<number>;
}

export interface FleetOptions {
  mesh: MeshPlan;
  seed: number;
  epochNs: bigint;
  runId: string;
  table: ProcessTable;
  onMessage: (message: FromChild) => void;
}

export class InstanceFleet {
  readonly #options: FleetOptions;
  readonly #slots: Slot[];
  readonly #packs = new Map<number, Child>();

  constructor(options: FleetOptions) {
    this.#options = options;
    let packed = 0;
    this.#slots = options.mesh.instanceNames.map((name, index) => {
      const isolated = options.mesh.isolated.has(index);
      const pack = isolated ? -1 : Math.floor(packed++ / PACK);
      return { index, name, isolated, pack, child: null, guard: null, rules: new Map(), muted: new Set() };
    });
  }

  /** Starts the shared processes; also those of a bounded number of later instances, so that `add` is quick. */
  async startPacks(): Promise<void> {
    const { instances } = this.#options.mesh;
    const early = this.#slots.length - instances <= EARLY_MAX ? this.#slots : this.#slots.slice(0, instances);
    await Promise.all(early.filter((slot) => !slot.isolated).map((slot) => this.#host(slot)));
  }

  /** Resolves with the port on loopback when it serves. */
  async start(index: number): Promise<number> {
    const slot = this.#slot(index);
    const child = await this.#host(slot);
    const port = (await child.request('start', { instance: index }, START_DEADLINE_MS)) as number;
    for (const [fault, rule] of slot.rules) {
      await child.request('fail', { instance: index, fault, rule }, ASK_DEADLINE_MS);
    }
    return port;
  }

  /** SIGKILL, or the nearest thing for one that shares its process. `onDead` is called at the moment of death. */
  async kill(index: number, onDead: () => void): Promise<void> {
    const slot = this.#slot(index);
    if (slot.isolated) {
      const gone = slot.child?.kill();
      onDead();
      await gone;
      this.#forget(slot);
    } else {
      await this.#ask(slot, 'crash', {}, ASK_DEADLINE_MS);
      onDead();
    }
  }

  async stop(index: number): Promise<void> {
    const slot = this.#slot(index);
    await this.#ask(slot, 'stop', {}, STOP_DEADLINE_MS);
    if (!slot.isolated) return;
    await slot.child?.stop(ASK_DEADLINE_MS);
    this.#forget(slot);
  }

  pause(index: number): void {
    const slot = this.#isolatedSlot(index);
    const pid = slot.child?.process.pid;
    if (pid === undefined || slot.guard !== null) return;
    slot.guard = new PauseGuard(pid, this.#options.runId);
    slot.child?.signal('SIGSTOP');
  }

  resume(index: number): void {
    const slot = this.#isolatedSlot(index);
    slot.child?.signal('SIGCONT');
    slot.guard?.release();
    slot.guard = null;
  }

  /** From now on it holds a lease; where it had one before, it takes over. */
  async register(index: number, registry: string, member: Member): Promise<void> {
    const slot = this.#slot(index);
    await this.#ask(slot, 'register', { registry, member }, ASK_DEADLINE_MS);
    if (slot.muted.size > 0) await this.#ask(slot, 'mute', { muted: true }, ASK_DEADLINE_MS);
  }

  async leave(index: number): Promise<void> {
    await this.#ask(this.#slot(index), 'leave', {}, ASK_DEADLINE_MS);
  }

  async mute(index: number, fault: number, muted: boolean): Promise<void> {
    const slot = this.#slot(index);
    if (muted) slot.muted.add(fault);
    else slot.muted.delete(fault);
    await this.#ask(slot, 'mute', { muted: slot.muted.size > 0 }, ASK_DEADLINE_MS);
  }

  async setRule(index: number, fault: number, rule: FailRule | null): Promise<void> {
    const slot = this.#slot(index);
    if (rule === null) slot.rules.delete(fault);
    else slot.rules.set(fault, rule);
    await this.#ask(slot, 'fail', { fault, rule }, ASK_DEADLINE_MS);
  }

  /** Asks every process for its last events; one that is paused or dead has none to give. */
  async flush(): Promise<void> {
    const children = [...this.#packs.values()];
    for (const slot of this.#slots) if (slot.child !== null && slot.guard === null) children.push(slot.child);
    await Promise.allSettled(children.map((child) => child.request('flush', { instance: -1 }, 2_000)));
  }

  /** Wakes what is paused, so that it can end. */
  release(): void {
    for (const slot of this.#slots) if (slot.guard !== null) this.resume(slot.index);
  }

  /** The process of an instance, started when it is not there. */
  async #host(slot: Slot): Promise<Child> {
    let child = slot.isolated ? slot.child : this.#packs.get(slot.pack);
    if (child === null || child === undefined) {
      child = this.#spawn(
        slot.isolated ? `instance ${slot.name}` : `instances, pack ${slot.pack}`,
        slot.isolated,
      );
      if (slot.isolated) slot.child = child;
      else this.#packs.set(slot.pack, child);
    }
    await child.ready(START_DEADLINE_MS);
    return child;
  }

  #spawn(name: string, eager: boolean): Child {
    const { epochNs, seed, mesh, table, onMessage } = this.#options;
    const config = { epochNs: String(epochNs), seed, latency: mesh.latency, loads: mesh.loads ?? [], eager };
    const script = entryPath('sim/real/instance/worker');
    return table.start({ name, script, args: [JSON.stringify(config)], kind: 'ipc', onMessage });
  }

  async #ask(slot: Slot, op: string, fields: Record<string, unknown>, deadlineMs: number): Promise<void> {
    const child = slot.isolated ? slot.child : this.#packs.get(slot.pack);
    if (slot.guard !== null && op !== 'stop') return;
    await child?.request(op, { instance: slot.index, ...fields }, deadlineMs);
  }

  #forget(slot: Slot): void {
    slot.child = null;
    slot.guard?.release();
    slot.guard = null;
  }

  #slot(index: number): Slot {
    const slot = this.#slots[index];
    if (slot !== undefined) return slot;
    throw new MeshwrightError('MW_SCENARIO', `there is no instance with index ${index}`, {
      remedy: `the run has ${this.#slots.length} instances`,
    });
  }

  #isolatedSlot(index: number): Slot {
    const slot = this.#slot(index);
    if (slot.isolated) return slot;
    throw new MeshwrightError(
      'MW_SCENARIO',
      `${slot.name} shares its process, so it cannot be paused alone`,
      {
        remedy: 'list it as isolated in the plan',
      },
    );
  }
}
