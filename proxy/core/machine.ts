/** What a driver (sockets or virtual network) sees of the sidecar: the interfaces that `Sidecar` and its sessions implement. */
import type { Endpoint } from '../policy/config.ts';
import type { RoutingConfig } from '../policy/routes/config.ts';
import type { Link, LinkEvents } from '../wire/link.ts';

/** One connection to one endpoint, from the wish to have it until its end. It is the `LinkEvents` of the carrier. */
export interface UpstreamPort extends LinkEvents {
  /** Where to connect; unchanging for this session. */
  readonly endpoint: Endpoint;
  /** For drivers of octets: the link on which SETTINGS are awaited; its first `onCapacity` counts as `handleConnected`. */
  attach(link: Link): void;
  /** The connection has just ended: resets that follow mean nothing but that. `onClose` comes after them. */
  handleLosing(): void;
  /** The peer is there and speaks HTTP/2 (its SETTINGS came): calls may be sent from now on. */
  handleConnected(link: Link): void;
  /** No connection came about. `reason` is for people. */
  handleDialFailed(reason: string): void;
}

/** One connection from a caller: the `LinkEvents` of the carrier. */
export interface DownstreamPort extends LinkEvents {
  /** Ties the carrier to the session; call once, before any event. */
  attach(link: Link): void;
}

/** What the machine asks of its driver. */
export interface SidecarEnvironment {
  /** Connect to `upstream.endpoint`, to its `dialAddress` where it has one; answer later by `handleConnected` or `handleDialFailed`, never inside this call. */
  dial(upstream: UpstreamPort): void;
  /** The answer to `dial` is no longer wanted (it took too long, or the endpoint is gone): let go of what it holds. */
  abandon?(upstream: UpstreamPort): void;
}

/** Counters since the start, and what is alive now. */
export interface SidecarStats {
  callsStarted: number;
  callsEnded: number;
  callsAlive: number;
  /** Ended calls by the grpc-status that the caller got; index 17 gathers every other number, 18 calls that are not gRPC. */
  callsByStatus: readonly number[];
  /** Ended calls whose answer the sidecar itself made. */
  callsAnsweredHere: number;
  attemptsStarted: number;
  attemptsAlive: number;
  /** Why attempts failed: reset (by either side, for what came), never begun by the endpoint, lost with the connection, too long a try. */
  attemptsReset: number;
  attemptsUnprocessed: number;
  attemptsLost: number;
  attemptsTimedOut: number;
  /** Answers to gRPC calls that had no grpc-status. */
  answersNotGrpc: number;
  retries: number;
  retriesTransparent: number;
  /** Retries that policy allowed and the budget refused. */
  retriesOverBudget: number;
  /** Retries alive, those waiting in backoff included. */
  retriesAlive: number;
  /** Hedges sent, and calls that one of them answered. */
  hedges: number;
  hedgesWon: number;
  /** Retries and hedges that the throttle refused. */
  retriesThrottled: number;
  /** Calls refused for their rate, or for too many in flight; retries and hedges refused so. */
  callsRateLimited: number;
  callsShed: number;
  /** Calls that ended for a message above the limit. */
  messagesTooLong: number;
  retriesShed: number;
  /** What the circuit breaker refused: attempts, waiting, retries. */
  breakerOverRequests: number;
  breakerOverPending: number;
  breakerOverRetries: number;
  /** Calls waiting for an endpoint or for room on a connection. */
  callsWaiting: number;
  connectionsDownstream: number;
  connectionsUpstream: number;
  /** Connections to endpoints that did not come about, and those that ended though the sidecar still wanted them. */
  connectsFailed: number;
  connectionsLost: number;
  /** Octets of requests that are kept for another attempt, and timers that run. */
  requestBytesKept: number;
  timersArmed: number;
  healthChecks: number;
  healthChecksFailed: number;
  /** Copies that routes sent; they are no calls. Dropped: one too many at a time. */
  mirrorsStarted: number;
  mirrorsDropped: number;
  /** Load reports in trailers that were taken, and those that were none. */
  loadReports: number;
  loadReportsMalformed: number;
  /** Outlier detection: ejections so far, those that the cap forbade, endpoints that are ejected now. */
  ejections: number;
  ejectionsOverCap: number;
  endpointsEjected: number;
}

/** One endpoint as the sidecar sees it now. */
export interface ClusterEndpoint {
  id: string;
  /** Its cluster, where there are several. */
  cluster?: string;
  address: string;
  /** What new connections dial, where that is not the address. */
  dialAddress?: string;
  pickable: boolean;
  connected: boolean;
  /** Null: not known yet. Without health checks always true. */
  healthy: boolean | null;
  draining: boolean;
  weight: number;
  priority: number;
  locality: string;
  /** By outlier detection. */
  ejected: boolean;
  connections: number;
  attemptsAlive: number;
  attemptsStarted: number;
  /** Why it is not connected or not healthy, for people; '' when nothing is wrong. */
  trouble: string;
}

/** The machine. A driver calls `advance` before every entry, those of sessions included. */
export interface SidecarMachine {
  /** Tells the time. It never goes back. */
  advance(nowNs: number): void;
  /** A caller connected: build the carrier with the session, then `attach` its link. */
  acceptDownstream(): DownstreamPort;
  /** When `handleTimeout` wants to be called; Infinity: never. It may be early, never late. */
  readonly nextTimeoutNs: number;
  handleTimeout(): void;
  /**
   * Replaces the whole set of a cluster, by default of the one outside of `clusters`. The order means nothing; an address that
   * comes twice is one endpoint. The set of a cluster that is not there is not kept.
   */
  handleEndpoints(endpoints: readonly Endpoint[], cluster?: string): void;
  /**
   * Replaces clusters and routes whole; null: calls go to the one cluster there is. What is the same as before stays as it is, with
   * its endpoints and connections; of another cluster, or one whose policies changed, the endpoints have to be told anew. Calls
   * end where they began: what they need of a cluster that is named no more stays until the last of them is over.
   */
  handleRouting(routing: RoutingConfig | null): void;
  /** Begins the end: GOAWAY in two steps, calls in flight finish. */
  drain(): void;
  /** Ends every call that is alive now: UNAVAILABLE to its caller (a reset to one that does not read), a cancel to its endpoint. */
  endCalls(): void;
  /** Draining, and nothing in flight any more. */
  readonly drained: boolean;
  /** At least one endpoint is pickable, and not draining. */
  readonly ready: boolean;
  stats(): SidecarStats;
  clusters(): ClusterEndpoint[];
}
