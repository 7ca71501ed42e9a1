/** What a scenario says: the mesh, its load, its faults and what must hold. Plain data, typed for editors. */
import type { Duration } from '../base/units.ts';
import type { BalancerName, BalancerSpec } from './balancer.ts';
import type { CheckSpec } from './check.ts';
import type { RouteSpec, RoutingSpec } from './routing.ts';
import type { RegistrySpec } from './registry.ts';
import type { FailoverSpec } from './failover.ts';

/** A distribution of a duration. `load.lognormal`, `load.constant`, `load.uniform` make one. */
export type Latency =
  | { kind: 'constant'; ms: number }
  | { kind: 'uniform'; minMs: number; maxMs: number }
  | { kind: 'lognormal'; medianMs: number; p99Ms: number };

export interface ServiceSpec {
  /** Instances at the start; they are named `<service>/0` … */
  instances: number;
  /** Time an instance takes to answer; default 1 ms constant. */
  latency?: Latency;
  /** Weights of the instances by number, from 1; those behind the list's end have 1. */
  weights?: readonly number[];
  /** Priorities by number, 0 (the best) to 127; behind the list's end 0. */
  priorities?: readonly number[];
  /** Where each is: 'region/zone', or less or more of it; behind the list's end nowhere. */
  localities?: readonly string[];
  /** By name of the locality; those that are not named have 1. */
  localityWeights?: Readonly<Record<string, number>>;
  /** Instances say with each answer how loaded they are, for sidecars that learn weights from that (`balancer: { loadReports: true }`). */
  loadReports?: LoadReportSpec;
  /** Time from start to ready; default 50 ms in the virtual world; in the real world what it takes. */
  startupMs?: number;
}

/** By instance; behind a list's end as the last. */
export type LoadReportSpec =
  /** Calls a second that each can bear: it says how much it answered in the last second, and that ÷ this as its utilization. */
  | { capacity: readonly number[] }
  /** What each says, whatever it does; calls 100 a second and errors 0 where they are left out. */
  | {
      utilization: readonly number[];
      callsPerSecond?: readonly number[];
      errorsPerSecond?: readonly number[];
    };

/** The sidecar of the mesh; what is not given keeps the sidecar's own default. */
export interface SidecarSpec extends FailoverSpec, RoutingSpec {
  /** How many sidecars (each its own process); the load is spread over them in turn. Default 1. */
  replicas?: number;
  /** Its name, or name and settings; default round_robin. ring_hash and maglev go by `x-key` (`load` has `keys`) if no header is named. */
  balancer?: BalancerName | BalancerSpec;
  health?: {
    intervalMs?: number;
    timeoutMs?: number;
    unhealthyThreshold?: number;
    healthyThreshold?: number;
    /** `check` and `watch` ask grpc.health.v1, `tcp` only connects. Default `check`. */
    mode?: 'check' | 'watch' | 'tcp';
    jitter?: number;
  } | null;
  retry?: {
    attempts?: number;
    budget?: number;
    budgetMinConcurrent?: number;
    retryableStatuses?: readonly number[];
    backoffBaseMs?: number;
    backoffMaxMs?: number;
    perTryTimeoutMs?: number;
  };
  timeout?: { callMs?: number; callMaxMs?: number; connectMs?: number };
  tag?: string;
  /** Where each sidecar is, by number, as the service's localities are written; behind the list's end as the last. */
  localities?: readonly string[];
  /** How it learns of endpoints: default by whole sets that always arrive; `xds` from a control plane, over the xDS protocol; `registry` from leases. */
  discovery?: XdsSpec | RegistrySpec;
  /** At a drain: not ready, yet serving all who come, for so long; default 0. */
  drainDelayMs?: number;
  /** Time for calls in flight when it leaves; default 1 s. */
  drainMs?: number;
}

/** A control plane that tells of listener, route, cluster and endpoints; what is not given keeps the sidecar's own default. */
export interface XdsSpec {
  kind: 'xds';
  /** State of the world, or incremental. */
  variant?: 'sotw' | 'delta';
  /** `rising`: a version whose leading number is smaller than one before it on the stream is refused. */
  versions?: 'any' | 'rising';
  /** What the control plane takes away stays in use. */
  keepDeleted?: boolean;
  absentMs?: number;
  backoffBaseMs?: number;
  backoffMaxMs?: number;
}

export interface MeshSpec<S extends string = string> {
  /** Exactly one service today. */
  services: { readonly [name in S]: ServiceSpec };
  sidecar?: SidecarSpec;
}

/** Load on the mesh. `load.open` and `load.closed` make one. */
export type LoadSpec = {
  /** Full method path; default /my_service.MyService/MyMethod. */
  method?: string;
  /** The caller's deadline for each call; default 2 s. */
  deadlineMs?: number;
  /** Request `name` field; default 'World'. */
  requestName?: string;
  /** Each call has one of so many keys, in turn, in its header `x-key`; default 0: no such header. */
  keys?: number;
  /** Real world only: share of calls sent directly to an instance, past the sidecar, for the overhead check. Default 0. */
  directShare?: number;
  forMs: number;
} & (
  | { kind: 'open'; ratePerSecond: number; arrivals: 'constant' | 'poisson' }
  | { kind: 'closed'; clients: number; thinkMs: number }
);

/** 'greeter/1', or 'greeter/*' for all instances that exist at that moment. */
export type Target<S extends string = string> = `${S}/${number}` | `${S}/*`;

/** One sidecar, 'sidecar/0', or 'sidecar/*' for all. */
export type SidecarTarget = `sidecar/${number}` | 'sidecar/*';

/** A fault at its time, as `at(2_000).kill('greeter/1')` makes it. */
export interface FaultSpec {
  atMs: number;
  kind: string;
  /** Target, or the service's name for `add`. */
  target: string;
  params: Readonly<Record<string, unknown>>;
}

export interface ScenarioSpec<S extends string = string> {
  mesh: MeshSpec<S>;
  load?: LoadSpec;
  faults?: (at: FaultClock<S>) => readonly FaultSpec[];
  checks: readonly CheckSpec[];
  /** Worlds it runs in; default both. */
  worlds?: readonly ('virtual' | 'real')[];
  /** One line: what this scenario shows. */
  shows?: string;
}

/** `at(time)` gives the faults that can happen then; see sim/faults for each. */
export type FaultClock<S extends string> = (time: Duration) => FaultMenu<S>;

type Share = { share?: number };
type For = { for?: Duration };

/** The faults, as methods; `mesh.kill(…)` of the imperative form takes the same arguments. */
export interface FaultMenu<S extends string, R = FaultSpec> {
  /** The process dies at once (SIGKILL); connections break. */
  kill(target: Target<S>): R;
  /**
   * Graceful by default: drain, stop, start after `down` (200 ms). A dead instance is just started. Live instances of
   * 'greeter/*' take turns, one every `stagger` (1 s): a rolling restart.
   */
  restart(target: Target<S>, options?: { graceful?: boolean; down?: Duration; stagger?: Duration }): R;
  /** The process stands still (SIGSTOP) for a while. */
  pause(target: Target<S>, options: { for: Duration }): R;
  /** New instances start and register. */
  add(service: S, options?: { count?: number }): R;
  /** Leaves discovery, then stops. */
  remove(target: Target<S>): R;
  /** Marked draining in discovery, finishes its calls, then stops. */
  drain(target: Target<S>): R;
  /** Leaves discovery (or one of its clusters) and is listed again `after` (50 ms), under the same address; the process is untouched. */
  relist(target: Target<S>, options?: { after?: Duration; cluster?: string }): R;
  latency(target: Target<S>, options: { add: Duration } & For): R;
  failStatus(
    target: Target<S>,
    options: { status: number; method?: string; afterHeaders?: boolean } & Share & For,
  ): R;
  blackhole(target: Target<S>, options?: For): R;
  resetConnections(target: Target<S>): R;
  bandwidth(target: Target<S>, options: { bytesPerSecond: number } & For): R;
  partition(target: Target<S>, options?: For): R;
  /** What is done to sidecars; without a target, to all of them. */
  sidecar: SidecarMenu<R>;
  /** What the control plane does to sidecars that follow one (`discovery: { kind: 'xds' }`). */
  xds: XdsMenu<R>;
  /** What happens to the registry of a mesh that has one (`discovery: { kind: 'registry' }`). */
  registry: RegistryMenu<S, R>;
}

export interface RegistryMenu<S extends string, R = FaultSpec> {
  /** It dies at once and forgets all leases; it is back after `down` (1 s). */
  crash(options?: { down?: Duration }): R;
  /** What the instance says to it gets lost: no heartbeat arrives. */
  mute(target: Target<S>, options?: For): R;
}

export interface XdsMenu<R = FaultSpec> {
  /** Whatever it says arrives `by` later, in order. */
  delay(target: SidecarTarget, options: { by: Duration } & For): R;
  /** What it says of endpoints must be refused; `unparsable`: it is not even a message. */
  nack(target: SidecarTarget, options?: { unparsable?: boolean } & For): R;
  /** Changes are forgotten, until the first one after the fault. */
  drop(target: SidecarTarget, options?: For): R;
  /** Of every two changes the second is told first, and then the one before it. */
  reorder(target: SidecarTarget, options?: For): R;
  /** It is told of the mesh as it stood when the fault began, also on a new stream. */
  pin(target: SidecarTarget, options?: For): R;
  /** It tells all of other routes from now on: those of `mesh.sidecar.clusters`. */
  routes(routes: readonly RouteSpec[]): R;
  /** It takes nothing and says nothing; `cut`: its streams break, and it cannot be reached. */
  silence(target: SidecarTarget, options?: { cut?: boolean } & For): R;
}

export interface SidecarMenu<R = FaultSpec> {
  /** Not ready (no new callers are sent there), GOAWAY after `drainDelayMs`; it finishes its calls and is gone. */
  drain(target?: SidecarTarget): R;
  /** Reads its configuration again; what is under way ends in the machine that was there. */
  reload(target?: SidecarTarget): R;
  /** A new process takes the port over. Several take turns, one every `stagger` (500 ms). */
  hotRestart(target?: SidecarTarget, options?: { stagger?: Duration }): R;
  /** SIGKILL; it is back on the same port after `down` (300 ms). */
  crash(target?: SidecarTarget, options?: { down?: Duration }): R;
}

/** What an imperative scenario does: `async (mesh) => { await mesh.run('2s'); await mesh.kill('greeter/1'); }`. */
export type ScenarioBody<S extends string = string> = (mesh: Mesh<S>) => Promise<void>;

/** A scenario as `scenario()` makes it and `runScenario()` runs it. */
export interface Scenario<S extends string = string> {
  readonly name: string;
  readonly spec: ScenarioSpec<S>;
  readonly body: ScenarioBody<S> | null;
  /** Absolute path of the file that called `scenario()`; null when it cannot be told. */
  readonly file: string | null;
}

/** The world in the hands of an imperative body. */
export interface Mesh<S extends string = string> extends FaultMenu<S, Promise<void>> {
  /** Lets that much of the world's time pass. */
  run(duration: Duration): Promise<void>;
  /** Starts load; it goes on while `run` lets time pass. */
  load(load: LoadSpec): Promise<void>;
  /** Time since the run began. */
  readonly nowMs: number;
}
