/** What only the sidecar can tell (white-box): an optional listener, null in production, so its cost is one comparison. */
import type { HeaderBlock } from '../wire/headers.ts';
import type { LinkStream } from '../wire/link.ts';

/** How the sidecar sees an endpoint. `pickable`: a member, not draining, healthy and connected. `dialling`: it tries to connect. */
export type EndpointChange =
  | 'added'
  | 'removed'
  | 'draining'
  | 'healthy'
  | 'unhealthy'
  | 'connected'
  | 'disconnected'
  | 'pickable'
  | 'unpickable'
  | 'ejected'
  | 'unejected'
  | 'dialling';

/** Why an attempt ended. */
export type AttemptEnd =
  | 'complete'
  | 'reset'
  | 'connection_lost'
  | 'per_try_timeout'
  | 'deadline'
  | 'cancelled'
  /** The endpoint said that it had not begun (RFC 9113 §6.8). */
  | 'unprocessed';

export interface Observer {
  /** Returns the number that later events name this call by (from the carrier or a request header); -1: not traced. */
  callStarted(nowNs: number, stream: LinkStream, request: HeaderBlock): number;
  attemptSent(nowNs: number, call: number, attempt: number, endpointId: string): void;
  /** Response headers were passed on to the caller: from here on the call must not be retried. */
  responseStarted(nowNs: number, call: number, attempt: number): void;
  /** `grpcStatus` is -1 where the upstream gave none. */
  attemptEnded(
    nowNs: number,
    call: number,
    attempt: number,
    endpointId: string,
    end: AttemptEnd,
    grpcStatus: number,
  ): void;
  /** `madeHere`: the sidecar itself made the answer. */
  callEnded(nowNs: number, call: number, grpcStatus: number, madeHere: boolean): void;
  endpointChanged(nowNs: number, endpointId: string, change: EndpointChange): void;
}
