/** What an xDS client is told, and what drives it. */
import type { Endpoint } from '../policy/config.ts';
import type { DeltaRequest, DiscoveryRequest, Variant } from './messages.ts';

export interface XdsClientConfig {
  variant: Variant;
  node: { id: string; cluster: string };
  /** What leads to the endpoints: a listener and the route for all calls within it, or a cluster by its name. */
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
}

export const DEFAULT_XDS: Omit<XdsClientConfig, 'follow' | 'node'> = {
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

export interface XdsClientEvents {
  /** The set, whole; never before the first one is known. */
  onEndpoints(endpoints: readonly Endpoint[]): void;
  /** What is wrong, in one line; null when nothing is any more. */
  onTrouble(trouble: string | null): void;
}

/** For people. */
export interface XdsClientView {
  connected: boolean;
  cluster: string | null;
  /** By type: the version in use. */
  versions: Record<string, string>;
  acks: number;
  nacks: number;
  trouble: string | null;
}
