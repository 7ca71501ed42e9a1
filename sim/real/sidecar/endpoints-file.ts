/** Discovery of a run: the endpoints files that all sidecars watch, one for each cluster, replaced whole by rename. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_CLUSTER } from '../../spec/routing.ts';
import type { GroupFacts } from '../../spec/balancer.ts';

export interface EndpointEntry extends GroupFacts {
  address: string;
  id: string;
  draining?: boolean;
  weight?: number;
}

export class EndpointsFile {
  readonly path: string;

  constructor(folder: string, cluster = DEFAULT_CLUSTER) {
    this.path = join(folder, EndpointsFile.nameOf(cluster));
  }

  /** Within the folder of the run. */
  static nameOf(cluster: string): string {
    return cluster === DEFAULT_CLUSTER ? 'endpoints.json' : `endpoints-${cluster}.json`;
  }

  write(endpoints: readonly EndpointEntry[]): void {
    const next = `${this.path}.next`;
    writeFileSync(next, `${JSON.stringify({ endpoints }, null, 1)}\n`);
    renameSync(next, this.path);
  }
}
