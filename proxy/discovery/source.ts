/** Where endpoints come from, when it is neither the command line nor a file: what the host asks of any such source. */
import type { Endpoint } from '../policy/config.ts';

export interface SourceEvents {
  /** The set, whole; never before the first one is known. */
  onEndpoints(endpoints: readonly Endpoint[]): void;
  /** What is wrong, in one line; null: all is well again. The last good set stays meanwhile. */
  onTrouble(trouble: string | null): void;
}

/** Begins when it is made. */
export interface EndpointSource {
  /** What is wrong now; null when nothing is. */
  readonly trouble: string | null;
  /** What `/clusters` shows of it. */
  view(): object;
  close(): void;
}
