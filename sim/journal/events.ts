/**
 * The journal's vocabulary. In memory an event is one record of eight 32-bit words (see RECORD_WORDS), so that a
 * run of millions of calls can be written, hashed and judged without an object per event; `JournalEvent` is the
 * same event for people and for files.
 *
 * word 0: kind in bits 0-7, sidecar index in bits 8-23; words 1, 2: time in ns since the run began (low, high);
 * word 3: call; 4: attempt (1 is the first); 5: instance index; 6: code; 7: detail. -1 where a field has no meaning.
 */

export const RECORD_WORDS = 8;

/** Kinds by number. White-box kinds (16-31) can only be told by our own sidecar. */
export const Kind = {
  /** A client starts a call. code: 1 when sent directly to an instance, past the sidecar; detail: deadline in ms, 0 none. */
  callStart: 1,
  /** The client has its answer. code: grpc-status; detail: FNV-1a 32 of the reply's message octets, 0 if none. */
  callEnd: 2,
  /** An instance got an attempt. */
  attemptArrived: 3,
  /** An instance answered an attempt. code: grpc-status. */
  attemptAnswered: 4,
  /** Before that: what it says of its load. code: the figure in ten-thousandths; detail: index in LOAD_MEASURES (what is not told is 0). */
  loadReported: 5,

  /** The sidecar sent an attempt to `instance`. detail: 1 when it is the call's first (a round-robin pick), else 0. */
  attemptSent: 16,
  /** The sidecar's view of an attempt's end. code: grpc-status or -1; detail: index in ATTEMPT_ENDS. */
  attemptEnded: 17,
  /** The sidecar passed response headers to the caller. */
  responseStarted: 18,
  /** The sidecar ended a call. code: grpc-status; detail: 1 when the sidecar made the answer. */
  sidecarCallEnd: 19,
  /** The sidecar's view of an endpoint changed. code: index in ENDPOINT_CHANGES. */
  endpointChanged: 20,

  /** Truth about an instance. code: index in INSTANCE_STATES. */
  instanceState: 32,
  /** A fault was asked for / took effect / was lifted. call: fault index in the plan; code: index in the fault table; detail: the sidecar of a fault on one. */
  faultRequested: 33,
  faultApplied: 34,
  faultHealed: 35,
  /** Discovery's truth about an instance. code: index in MEMBER_STATES. */
  memberState: 36,
  /** What a sidecar became. code: index in SIDECAR_STATES; detail: which machine of its (0 is the first), so that old and new can be told apart. */
  sidecarState: 37,

  /**
   * Between a control plane and a sidecar. code: index in CONFIG_EVENTS; call: number of the response, -1 where there is none;
   * detail: 0 clusters, 1 endpoints, 2 listeners, 3 routes, -1 none of these.
   */
  config: 38,
  /** The registry of leases: code: index in REGISTRY_EVENTS; instance: who asks, or whose words it is about, else -1. */
  registry: 39,
  /** Discovery's truth about an instance in one of several clusters. code: 0 it has left, 1 it is back; detail: the cluster, in the scenario's order. */
  clusterMember: 40,

  /** code: 0 load begins, 1 load ends, 2 run ends, 3 run begins (detail: the seed's 32 bits). */
  phase: 48,
  /** The judge's clock stood still. detail: for how many ms (real world only). */
  stall: 49,
  /** CPU time of a process over the load phase. code: 0 sidecar; detail: microseconds. */
  cpu: 50,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const LOAD_MEASURES = ['utilization', 'callsPerSecond', 'errorsPerSecond'] as const;
export const ATTEMPT_ENDS = [
  'complete',
  'reset',
  'connection_lost',
  'per_try_timeout',
  'deadline',
  'cancelled',
  'unprocessed',
] as const;
export const ENDPOINT_CHANGES = [
  'added',
  'removed',
  'draining',
  'healthy',
  'unhealthy',
  'connected',
  'disconnected',
  'pickable',
  'unpickable',
  'ejected',
  'unejected',
  'dialling',
] as const;
export const INSTANCE_STATES = ['starting', 'ready', 'draining', 'dead', 'paused', 'resumed'] as const;
/** `serving`: new connections come to it. `gone`: it has finished its calls, or its time to. */
export const SIDECAR_STATES = ['starting', 'serving', 'draining', 'gone', 'crashed'] as const;
/**
 * A response arrived: `told`, `spoilt` (must be refused), `late` (was held up), `older` (after a newer one). The sidecar's answer:
 * `acked`, `refused`. `dropped`: a change that it is not told; `silent`: something waits for a control plane that is; `cut`: the
 * stream broke, or could not be opened. `opening`: the sidecar wants one. `opened`: it has one.
 */
export const CONFIG_EVENTS = [
  'told',
  'spoilt',
  'late',
  'older',
  'acked',
  'refused',
  'dropped',
  'silent',
  'cut',
  'opening',
  'opened',
] as const;
/**
 * The registry is there (again), or gone; what an instance says to it gets lost, or arrives again. Who asks it, whether it is there or not:
 * a sidecar for a watch, an instance for a lease or for its renewal.
 */
export const REGISTRY_EVENTS = [
  'serving',
  'gone',
  'unheard',
  'heard',
  'watching',
  'registering',
  'renewing',
] as const;
export const MEMBER_STATES = ['active', 'draining', 'removed'] as const;

/** One event as read back; the reader reuses the object, so copy what must outlive the visit. */
export interface EventView {
  /** Position in the journal, from 0. */
  seq: number;
  kind: Kind;
  sidecar: number;
  tNs: number;
  call: number;
  attempt: number;
  instance: number;
  code: number;
  detail: number;
}
