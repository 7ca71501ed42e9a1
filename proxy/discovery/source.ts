/** Where endpoints come from, when it is neither the command line nor a file: what the host asks of any such source. */
import type { Endpoint } from '../policy/config.ts';
import type { RoutingConfig } from '../policy/routes/config.ts';

export interface SourceEvents {
  /** The set of a cluster, whole; by default of the one outside of `clusters`. Never before the first one is known. */
  onEndpoints(endpoints: readonly Endpoint[], cluster?: string): void;
  /** What is wrong, in one line; null: all is well again. The last good set stays meanwhile. */
  onTrouble(trouble: string | null): void;
  /** Whoever knows is asked, from the beginning; for the trace. */
  onAsked?(): void;
}

/** Of a source that knows of routes, too. */
export interface RoutedEvents extends SourceEvents {
  /** Clusters and routes, whole; the endpoints of each cluster follow at once. Null: there are none. */
  onRouting(routing: RoutingConfig | null): void;
}

/** Begins when it is made. */
export interface EndpointSource {
  /** What is wrong now; null when nothing is. */
  readonly trouble: string | null;
  /** What `/clusters` shows of it. */
  view(): object;
  close(): void;
}
