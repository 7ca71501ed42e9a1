/** What a sidecar of several workers says between its processes. All are plain data; a connection travels beside `socket`. */
import type { ClusterEndpoint } from '../core/machine.ts';
import type { HostStats } from './carrier-stats.ts';
import type { RawOptions } from './flags.ts';

export type ToWorker =
  | { readonly type: 'start'; readonly flags: RawOptions; readonly file: RawOptions }
  /** A caller's connection comes with it. */
  | { readonly type: 'socket' }
  | { readonly type: 'ask'; readonly id: number }
  | { readonly type: 'stop' };

export type FromWorker =
  /** `knowsEndpoints`: false when where they come from has not told any yet. */
  | { readonly type: 'ready'; readonly knowsEndpoints: boolean }
  /** It could not start, for a reason that the user can mend. */
  | {
      readonly type: 'failed';
      readonly code: 'MW_USAGE' | 'MW_CONFIG' | 'MW_PORT';
      readonly message: string;
      readonly place: string;
      readonly remedy: string;
    }
  /** It has the connection that it was given first of those it has not spoken of. */
  | { readonly type: 'taken' }
  /** One of its callers' connections is over. */
  | { readonly type: 'closed' }
  /** It takes no more connections. */
  | { readonly type: 'draining' }
  | { readonly type: 'warn'; readonly message: string }
  | { readonly type: 'answer'; readonly id: number; readonly view: WorkerView };

/** What one worker knows of itself. */
export interface WorkerView {
  /** '' when ready, else why not. */
  readonly notReady: string;
  readonly stats: HostStats;
  readonly endpoints: readonly ClusterEndpoint[];
  /** What is wrong with the endpoint file, or null. */
  readonly trouble: string | null;
}
