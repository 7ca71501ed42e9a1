/** The sidecars of a run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeshwrightError } from '../../base/errors.ts';
import type { SidecarAct } from '../../faults/controls.ts';
import { Kind } from '../../journal/events.ts';
import { groupSettings, usedCount } from '../../spec/balancer.ts';
import type { MeshPlan } from '../../spec/world.ts';
import { withDeadline } from '../process/child.ts';
import type { ProcessTable } from '../process/table.ts';
import type { Recorder } from '../recorder.ts';
import { sidecarConfig } from './config.ts';
import { SidecarMember } from './member.ts';

const PICKABLE_DEADLINE_MS = 15_000;

export interface SidecarFleetOptions {
  mesh: MeshPlan;
  folder: string;
  endpointsFile: string;
  /** Followed instead of that file, or null. */
  source: { readonly listen: string } | null;
  /** Whose address that is, where endpoints come without a name; -1: nobody's. */
  indexOfAddress: (address: string) => number;
  epochNs: bigint;
  table: ProcessTable;
  recorder: Recorder;
  /** Time since the run began, ns. */
  now: () => number;
}

export class SidecarFleet {
  readonly #options: SidecarFleetOptions;
  readonly #members: SidecarMember[] = [];
  /** By sidecar: the instances it can pick. */
  readonly #pickable: Set<number>[] = [];
  readonly #indexes: ReadonlyMap<string, number>;
  /** A short path, as unix sockets want it; null where no sidecar is replaced. */
  #controlFolder: string | null = null;
  #onPickable: () => void = () => undefined;

  constructor(options: SidecarFleetOptions) {
    this.#options = options;
    this.#indexes = new Map(options.mesh.instanceNames.map((name, index) => [name, index]));
  }

  /** HOST:PORT of each; '' where no new caller is sent any more. */
  get addresses(): string[] {
    return this.#members.map((member) => (member.inService ? member.listen : ''));
  }

  /** Starts all at once; resolves when each of them listens. */
  async start(): Promise<void> {
    const { mesh, folder, source, indexOfAddress, epochNs, table, recorder, now } = this.#options;
    const endpointsFile = source === null ? this.#options.endpointsFile : null;
    if (mesh.sidecar.replicas === 0) return;
    const followed = source === null ? undefined : { listen: source.listen, service: mesh.service };
    const hasNode = mesh.sidecar.discovery?.kind === 'xds';
    if (mesh.handsOver === true) this.#controlFolder = mkdtempSync(join(tmpdir(), 'mw-'));
    const controlFolder = this.#controlFolder;
    for (let index = 0; index < mesh.sidecar.replicas; index++) {
      const pickable = new Set<number>();
      this.#pickable.push(pickable);
      const config = join(folder, `sidecar-${index}.json`);
      writeFileSync(config, `${JSON.stringify(sidecarConfig(mesh.sidecar, index, followed), null, 1)}\n`);
      const common = { index, config, endpointsFile, hasNode, controlFolder, epochNs, table, recorder, now };
      const member = new SidecarMember({
        ...common,
        indexOf: (id) => this.#indexes.get(id) ?? indexOfAddress(id),
        onChange: (instance, change) => {
          if (change === 'pickable') pickable.add(instance);
          else if (change === 'unpickable' || change === 'removed') pickable.delete(instance);
          this.#onPickable();
        },
      });
      this.#members.push(member);
    }
    await Promise.all(this.#members.map((member) => member.start()));
  }

  /** `onLeftService`: it takes no new callers from now on. */
  async act(sidecar: number, act: SidecarAct, onLeftService: () => Promise<void>): Promise<void> {
    await this.#members[sidecar]?.act(act, onLeftService);
  }

  /** Resolves when each sidecar sees all these instances, or as many as it uses, as pickable. Throws MW_UPSTREAM after a deadline. */
  async waitPickable(instances: readonly number[]): Promise<void> {
    const { sidecar: spec, groups = [] } = this.#options.mesh;
    const priorities = instances.map((instance) => groups[instance]?.priority ?? 0);
    const used = usedCount(priorities, groupSettings(spec.balancer).subsetSize);
    const missing = (): string[] =>
      this.#pickable.flatMap((pickable, sidecar) => {
        if (pickable.size >= used) return [];
        return instances
          .filter((index) => !pickable.has(index))
          .map((index) => `sidecar ${sidecar}: ${this.#options.mesh.instanceNames[index]}`);
      });
    const all = new Promise<void>((resolve) => {
      this.#onPickable = () => {
        if (missing().length === 0) resolve();
      };
      this.#onPickable();
    });
    await withDeadline(all, PICKABLE_DEADLINE_MS, () => {
      const seconds = PICKABLE_DEADLINE_MS / 1_000;
      return new MeshwrightError(
        'MW_UPSTREAM',
        `not pickable after ${seconds} s: ${missing().slice(0, 5).join(', ')}`,
        {
          place: this.#options.folder,
          remedy: "see the sidecar's log there: it says why it cannot connect or why health checks fail",
        },
      );
    });
  }

  /** CPU of each sidecar between two moments of the run, by interpolation between what the trace told. */
  recordCpu(fromNs: number, toNs: number): void {
    for (const [sidecar, { cpu }] of this.#members.entries()) {
      const micros = cpu.between(fromNs, toNs);
      if (micros !== null) this.#options.recorder.write(Kind.cpu, toNs, -1, -1, -1, 0, micros, sidecar);
    }
  }

  /** After all processes have ended. */
  close(): void {
    if (this.#controlFolder !== null) rmSync(this.#controlFolder, { recursive: true, force: true });
  }
}
