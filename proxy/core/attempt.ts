/**
 * One stream toward an endpoint: an attempt of a call, or a health check; and the timer of its limit. Pooled; every field is
 * set from the start.
 */
import type { LinkStream } from '../wire/link.ts';
import type { Call } from './call.ts';
import type { ProbeStream } from './health-probe.ts';
import { Timer } from './timers.ts';
import type { UpstreamSession } from './upstream-session.ts';

export class Attempt extends Timer {
  /** Whose attempt this is; null for a check. */
  call: Call | null = null;
  probe: ProbeStream | null = null;
  /** Its number in the call, from 1. */
  number = 0;
  session: UpstreamSession | null = null;
  stream: LinkStream | null = null;
  /** Response octets whose credit the endpoint has not got back yet. */
  heldBytes = 0;
  /** When it was sent, where the balancer wants to know how long attempts take; -1: nobody waits for it any more. */
  sentNs = -1;
  /** HTTP status of the response headers. */
  httpStatus = 0;
  /** Neighbours among the attempts of the session. */
  previous: Attempt | null = null;
  next: Attempt | null = null;

  handleTimer(): void {
    if (this.probe !== null) this.probe.handleHung(this);
    else this.call?.handlePerTryTimeout(this);
  }

  /** For people: `id (address)` of the endpoint; only while it is under way. */
  get sentTo(): string {
    return (this.session as UpstreamSession).name;
  }
}
