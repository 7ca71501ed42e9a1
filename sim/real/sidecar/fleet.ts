/** The sidecar processes of a run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MeshwrightError } from '../../base/errors.ts';
import { Kind } from '../../journal/events.ts';
import type { MeshPlan } from '../../spec/world.ts';
import { type Child, START_DEADLINE_MS, withDeadline } from '../process/child.ts';
import { entryPath } from '../process/entry.ts';
import type { ProcessTable } from '../process/table.ts';
import type { Recorder } from '../recorder.ts';
import { sidecarConfig } from './config.ts';
import { readTrace } from './trace.ts';

const PICKABLE_DEADLINE_MS = 15_000;

export interface SidecarFleetOptions {
  mesh: MeshPlan;
  folder: string;
  endpointsFile: string;
  epochNs: bigint;
  table: ProcessTable;
  recorder: Recorder;
}

interface Member {
  child: Child;
  listen: string;
  admin: string;
  pickable: Set<number>;
  /** Cumulative CPU by trace: at the load's begin and the last one told. */
  cpu: { tNs: number; micros: number }[];
}

export class SidecarFleet {
  readonly #options: SidecarFleetOptions;
  readonly #members: Member[] = [];
  readonly #indexes: ReadonlyMap<string, number>;
  #onPickable: () => void = () => undefined;

  constructor(options: SidecarFleetOptions) {
    this.#options = options;
    this.#indexes = new Map(options.mesh.instanceNames.map((name, index) => [name, index]));
  }

  /** HOST:PORT of each. */
  get addresses(): string[] {
    return this.#members.map((member) => member.listen);
  }

  /** Starts all at once; resolves when each of them listens. */
  async start(): Promise<void> {
    const { mesh, folder } = this.#options;
    if (mesh.sidecar.replicas === 0) return;
    const config = join(folder, 'sidecar.json');
    writeFileSync(config, `${JSON.stringify(sidecarConfig(mesh.sidecar), null, 1)}\n`);
    for (let index = 0; index < mesh.sidecar.replicas; index++) this.#spawn(index, config);
    await Promise.all(
      this.#members.map(async (member) => {
        const ready = await member.child.ready(START_DEADLINE_MS);
        member.listen = String(ready['listen']);
        member.admin = String(ready['admin']);
      }),
    );
  }

  /** Resolves when each sidecar sees all these instances as pickable. Throws MW_UPSTREAM after a deadline. */
  async waitPickable(instances: readonly number[]): Promise<void> {
    const missing = (): string[] =>
      this.#members.flatMap((member, sidecar) =>
        instances
          .filter((index) => !member.pickable.has(index))
          .map((index) => `sidecar ${sidecar}: ${this.#options.mesh.instanceNames[index]}`),
      );
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
      if (cpu.length < 2) continue;
      const micros = Math.round(cpuAt(cpu, toNs) - cpuAt(cpu, fromNs));
      this.#options.recorder.write(Kind.cpu, toNs, -1, -1, -1, 0, micros, sidecar);
    }
  }

  #spawn(index: number, config: string): void {
    const { epochNs, endpointsFile, table, recorder } = this.#options;
    const member: Member = { child: undefined as never, listen: '', admin: '', pickable: new Set(), cpu: [] };
    const args = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--endpoints', endpointsFile];
    args.push('--config', config, '--watch-stdin', '--trace-fd', '3', '--trace-epoch-ns', String(epochNs));
    member.child = table.start({
      name: `sidecar ${index}`,
      script: entryPath('proxy/host/main'),
      args,
      kind: 'pipes',
      onLine: (line) => markReady(member.child, line),
    });
    readTrace(member.child.process.stdio[3] as Readable, {
      sidecar: index,
      recorder,
      indexOf: (id) => this.#indexes.get(id) ?? -1,
      onCpu: (tNs, micros) => member.cpu.push({ tNs, micros }),
      onChange: (instance, change) => {
        if (change === 'pickable') member.pickable.add(instance);
        else if (change === 'unpickable' || change === 'removed') member.pickable.delete(instance);
        this.#onPickable();
      },
    });
    this.#members.push(member);
  }
}

/** The sidecar tells on stdout, in one line of JSON, when it can serve. */
function markReady(child: Child, line: string): void {
  if (!line.startsWith('{')) return;
  try {
    const message = JSON.parse(line) as Record<string, unknown>;
    if (message['event'] === 'ready') child.markReady(message);
  } catch {
    // A log line that only looks like JSON.
  }
}

function cpuAt(samples: readonly { tNs: number; micros: number }[], tNs: number): number {
  let before = samples[0] as { tNs: number; micros: number };
  for (const sample of samples) {
    if (sample.tNs > tNs) {
      const share = (tNs - before.tNs) / Math.max(1, sample.tNs - before.tNs);
      return before.micros + (sample.micros - before.micros) * Math.min(1, Math.max(0, share));
    }
    before = sample;
  }
  return before.micros;
}
