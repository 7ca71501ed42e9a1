/** What the connections of one machine hold now, and what their peers did wrong: the part of `/stats` that only octets know. */
import type { SidecarStats } from '../core/machine.ts';
import type { Carrier } from './carrier.ts';

export interface CarrierStats {
  /** Streams and connections that were ended for what callers, or endpoints, did. */
  peerErrorsDownstream: number;
  peerErrorsUpstream: number;
  /** Streams that are not over, those of health checks included. */
  streamsDownstream: number;
  streamsUpstream: number;
  /** Octets under way: read in part, queued for a window, or not yet taken by the system. */
  bytesHeld: number;
  /** Octets of the connections' receive windows that callers, or endpoints, used and have not got back. */
  windowTakenBytesDownstream: number;
  windowTakenBytesUpstream: number;
}

/** The machine's statistics and those of its connections. */
export type HostStats = SidecarStats & CarrierStats & { tlsHandshakesFailed?: number };

/** `gone`: what connections that are over have counted. */
export function statsOfCarriers(
  carriers: Iterable<Carrier>,
  gone: { readonly server: number; readonly client: number },
): CarrierStats {
  const stats: CarrierStats = {
    peerErrorsDownstream: gone.server,
    peerErrorsUpstream: gone.client,
    streamsDownstream: 0,
    streamsUpstream: 0,
    bytesHeld: 0,
    windowTakenBytesDownstream: 0,
    windowTakenBytesUpstream: 0,
  };
  for (const carrier of carriers) {
    const side = carrier.role === 'server' ? 'Downstream' : 'Upstream';
    stats[`peerErrors${side}`] += carrier.peerErrors;
    stats[`streams${side}`] += carrier.streamsOpen;
    stats[`windowTakenBytes${side}`] += carrier.windowTakenBytes;
    stats.bytesHeld += carrier.heldBytes + carrier.unwrittenBytes;
  }
  return stats;
}
