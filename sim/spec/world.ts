/** What the engine asks of a world. sim/virtual and sim/real implement it; nothing else differs between the two. */
import type { LoadFacts } from '../base/load-meter.ts';
import type { Control } from '../faults/controls.ts';
import type { Kind } from '../journal/events.ts';
import type { Journal } from '../journal/journal.ts';
import type { GroupFacts } from './balancer.ts';
import type { LoadSpec, Latency, SidecarSpec } from './scenario.ts';

/** The mesh with every default filled in. */
export interface MeshPlan {
  service: string;
  /** Instances at the start. */
  instances: number;
  /** Names of all instances the run may ever have, the initial ones first; later ones are started by `add`. */
  instanceNames: readonly string[];
  latency: Latency;
  /** By instance; 1 behind the end. */
  weights?: readonly number[];
  /** By instance; nothing is said of those behind the end. */
  groups?: readonly GroupFacts[];
  /** What each instance says of its load; none: they say nothing. */
  loads?: readonly LoadFacts[];
  startupMs: number;
  sidecar: SidecarSpec & { replicas: number };
  /** Instances that faults kill, restart or pause: in the real world each of these has a process of its own. */
  isolated: ReadonlySet<number>;
  /** Sidecars are replaced in this run: in the real world each of them can hand its port over. */
  handsOver?: boolean;
}

export interface WorldOptions {
  mesh: MeshPlan;
  seed: number;
  /** Events go here; the world stamps them with its own time. */
  journal: Journal;
  /** Aborted by Ctrl-C and the like: the world stops as soon as it can. */
  signal: AbortSignal;
  /** A folder for logs and config files; real world only. */
  folder: string;
}

export interface World {
  /** Time since the run began, ns. */
  readonly nowNs: number;
  /** For progress only: calls so far, in a world whose events reach the journal at its stop. */
  readonly live?: { readonly calls: number; readonly failed: number };
  /** Brings the mesh up; resolves when every initial instance is ready and each sidecar sees them as pickable. */
  start(): Promise<void>;
  /** Load begins now; it ends by itself after `forMs`. */
  startLoad(
    load: LoadSpec & { method: string; deadlineMs: number; requestName: string; directShare: number },
  ): void;
  /** Lets time pass until `untilNs`. */
  runUntil(untilNs: number): Promise<void>;
  /** Carries out a control; resolves when it took effect. */
  apply(control: Control): Promise<void>;
  /**
   * Writes an event of the engine's own (fault and phase events) at the world's time. The engine never writes into the
   * journal itself: a world of many processes merges events by time when it stops. Sidecar and attempt are -1.
   */
  note(kind: Kind, call: number, instance: number, code: number, detail: number): void;
  /** After the load: lets calls in flight end, at most `graceNs`. */
  settle(graceNs: number): Promise<void>;
  /** Ends everything; safe to call at any time and more than once. The journal is complete when it resolves. */
  stop(): Promise<void>;
}
