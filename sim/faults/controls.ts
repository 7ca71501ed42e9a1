/** What a fault may do to a world, as plain data. A fault is a pure list of timed controls; both worlds carry them out. */
import type { RouteSpec } from '../spec/routing.ts';

/** What the network between the sidecars and one instance does to traffic. One effect per fault; effects add up. */
export type NetworkEffect =
  /** Adds one-way delay to what the instance answers. */
  | { kind: 'latency'; latencyMs: number }
  /** Octets per second, each direction. */
  | { kind: 'bandwidth'; bytesPerSecond: number }
  /** Requests arrive, answers vanish. Connections of that time are reset when it is lifted. */
  | { kind: 'blackhole' }
  /** Nothing passes either way, and no new connection comes up. As blackhole when lifted. */
  | { kind: 'partition' };

/** What the instance itself answers instead of serving. */
export interface FailRule {
  /** grpc-status to answer. */
  status: number;
  /** Share of calls, 0 to 1; drawn from the run's seed. */
  share: number;
  /** Full method path, or null for every method. */
  method: string | null;
  /** Send response headers first, so that the failure comes in trailers. */
  afterHeaders: boolean;
}

/** What may be done to a sidecar's process. `start`: one that crashed comes back on its port. */
export type SidecarAct = 'drain' | 'reload' | 'hotRestart' | 'crash' | 'start';

/** What the control plane does to one sidecar. */
export type XdsEffect =
  | { kind: 'delay'; byNs: number }
  | { kind: 'nack'; unparsable: boolean }
  | { kind: 'drop' }
  | { kind: 'reorder' }
  | { kind: 'pin' }
  | { kind: 'silence'; cut: boolean };

/**
 * `instance` is an index into the run's instance table (-1 for what is done to a sidecar); `fault` identifies the fault for
 * lifting its effect.
 */
export type Control =
  | { op: 'kill'; instance: number }
  /** Starts a dead or new instance; when it is ready, discovery lists it as active. */
  | { op: 'start'; instance: number }
  /** Ends an instance politely: GOAWAY, calls in flight finish, then dead. */
  | { op: 'stop'; instance: number }
  | { op: 'pause'; instance: number }
  | { op: 'resume'; instance: number }
  | { op: 'member'; instance: number; state: 'active' | 'draining' | 'removed' }
  /** In one of its clusters only. */
  | { op: 'list'; instance: number; cluster: string; listed: boolean }
  | { op: 'network'; instance: number; fault: number; effect: NetworkEffect | null }
  | { op: 'resetConnections'; instance: number }
  | { op: 'fail'; instance: number; fault: number; rule: FailRule | null }
  | { op: 'sidecar'; instance: -1; sidecar: number; act: SidecarAct }
  | { op: 'xds'; instance: -1; sidecar: number; fault: number; effect: XdsEffect | null }
  /** The control plane tells all sidecars of other routes. */
  | { op: 'routes'; instance: -1; routes: readonly RouteSpec[] }
  | { op: 'registry'; instance: -1; act: 'crash' | 'start' }
  /** What the instance says to the registry gets lost. */
  | { op: 'mute'; instance: number; fault: number; muted: boolean };

/** A control at its time after the fault begins. `heals`: this step ends the fault. */
export interface Step {
  afterNs: number;
  control: Control;
  heals?: boolean;
}
