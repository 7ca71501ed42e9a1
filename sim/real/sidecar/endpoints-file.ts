/** Discovery of a run: the endpoints file that all sidecars watch, replaced whole by rename. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface EndpointEntry {
  address: string;
  id: string;
  draining?: boolean;
  weight?: number;
}

export class EndpointsFile {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'endpoints.json');
  }

  write(endpoints: readonly EndpointEntry[]): void {
    const next = `${this.path}.next`;
    writeFileSync(next, `${JSON.stringify({ endpoints }, null, 1)}\n`);
    renameSync(next, this.path);
  }
}
