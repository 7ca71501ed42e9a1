/** What an xDS client is told, and what drives it. */
import type { ClusterPolicies } from '../policy/routes/config.ts';
import type { DeltaRequest, DiscoveryRequest, Variant } from './messages.ts';
import type { RoutingEvents } from './teller.ts';

export interface XdsClientConfig {
  variant: Variant;
  node: { id: string; cluster: string };
  /** What leads to the endpoints: a listener and its routes, or a cluster by its name, of which only the endpoints are taken. */
  follow: { listener: string } | { cluster: string };
  /** A resource that has not come for so long, while connected, does not exist. */
  absentMs: number;
  /** Before the stream is opened again: `backoffBaseMs`, growing by 1.6 per failure up to `backoffMaxMs`, ± 20 %. */
  backoffBaseMs: number;
  backoffMaxMs: number;
  /**
   * `any`: whatever comes last counts, as xDS says of opaque versions. `rising`: on one stream, a version that begins with a
   * smaller number than the one in use is refused.
   */
  versions: 'any' | 'rising';
  /** What the control plane takes away stays in use (gRFC A53, ignore_resource_deletion). */
  keepDeleted: boolean;
  /** The sidecar's own, for what the control plane does not say. */
  policies: ClusterPolicies;
}

export const DEFAULT_XDS: Omit<XdsClientConfig, 'follow' | 'node' | 'policies'> = {
  variant: 'sotw',
  absentMs: 15_000,
  backoffBaseMs: 500,
  backoffMaxMs: 30_000,
  versions: 'any',
  keepDeleted: false,
};

/** The stream to the control plane, as the client wants it. At most one at a time. */
export interface XdsTransport {
  /** Opens it; `handleConnected` or `handleClosed` follows. */
  open(): void;
  send(request: DiscoveryRequest | DeltaRequest): void;
}

/** Nothing is told before the first table is known with all its endpoints. */
export interface XdsClientEvents extends RoutingEvents {
  /** What is wrong, in one line; null when nothing is any more. */
  onTrouble(trouble: string | null): void;
}

/** For people. */
export interface XdsClientView {
  connected: boolean;
  /** That calls go to. */
  clusters: readonly string[];
  /** By type: the version in use. */
  versions: Record<string, string>;
  acks: number;
  nacks: number;
  trouble: string | null;
}
