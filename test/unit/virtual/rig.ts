/** A virtual world for tests, with its journal as a list of plain objects. */
import type { Control } from '../../../sim/faults/controls.ts';
import type { EventView, Kind } from '../../../sim/journal/events.ts';
import { Journal } from '../../../sim/journal/journal.ts';
import type { LoadSpec, SidecarSpec } from '../../../sim/spec/scenario.ts';
import type { World } from '../../../sim/spec/world.ts';
import type { SidecarFactory } from '../../../sim/virtual/sidecar-host.ts';
import { createVirtualWorld } from '../../../sim/virtual/world.ts';

export interface RigOptions {
  instances?: number;
  names?: number;
  seed?: number;
  sidecar?: SidecarSpec;
  latencyMs?: number;
  createSidecar?: SidecarFactory;
  signal?: AbortSignal;
}

export interface Rig {
  world: World;
  journal: Journal;
  /** Time when the mesh was up, ns. */
  zeroNs: number;
  /** Runs to `ms` after the mesh was up. */
  to(ms: number): Promise<void>;
  apply(control: Control): Promise<void>;
  load(load: Partial<LoadSpec> & { forMs: number; deadlineMs?: number; ratePerSecond?: number }): void;
  /** Ends the run and gives events of a kind; `tMs` counts from when the mesh was up. */
  finish(): Promise<Events>;
}

export type Told = EventView & { tMs: number };

export class Events {
  readonly all: Told[] = [];
  readonly hash: string;

  constructor(journal: Journal, zeroNs: number) {
    this.hash = journal.finish();
    journal.read((event) => {
      this.all.push({ ...event, tMs: (event.tNs - zeroNs) / 1e6 });
    });
  }

  of(kind: Kind, which: (event: Told) => boolean = () => true): Told[] {
    return this.all.filter((event) => event.kind === kind && which(event));
  }
}

export async function rig(options: RigOptions = {}): Promise<Rig> {
  const { instances = 3, names = instances, seed = 1, latencyMs = 1, signal, createSidecar } = options;
  const journal = new Journal({ retain: true });
  const world = createVirtualWorld({
    mesh: {
      service: 'greeter',
      instances,
      instanceNames: Array.from({ length: names }, (_, index) => `greeter/${index}`),
      latency: { kind: 'constant', ms: latencyMs },
      startupMs: 50,
      sidecar: { replicas: 1, ...options.sidecar },
      isolated: new Set(),
    },
    seed,
    journal,
    signal: signal ?? new AbortController().signal,
    folder: '',
    ...(createSidecar === undefined ? {} : { createSidecar }),
  });
  await world.start();
  const zeroNs = world.nowNs;
  return {
    world,
    journal,
    zeroNs,
    to: (ms) => world.runUntil(zeroNs + ms * 1e6),
    apply: (control) => world.apply(control),
    load: (load) => {
      const { ratePerSecond = 1_000 } = load;
      const base = {
        method: '/my_service.MyService/MyMethod',
        deadlineMs: 2_000,
        requestName: 'World',
        directShare: 0,
      };
      world.startLoad({ kind: 'open', ratePerSecond, arrivals: 'constant', ...base, ...load } as Parameters<
        World['startLoad']
      >[0]);
    },
    finish: async () => {
      await world.settle(5e9);
      await world.stop();
      return new Events(journal, zeroNs);
    },
  };
}
