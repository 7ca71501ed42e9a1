/** The endpoints of further clusters: lists, and watched files. */
import type { EndpointFile } from '../discovery/endpoint-file.ts';
import { staticEndpoints } from '../discovery/static.ts';
import type { Endpoint } from '../policy/config.ts';
import type { ClusterSource } from './routing-options.ts';

export interface ClusterSourceEvents {
  onEndpoints(endpoints: readonly Endpoint[], cluster: string): void;
  /** One line about a file that became unusable, or good again. */
  warn(message: string): void;
}

export class ClusterSources {
  readonly #files: EndpointFile[] = [];

  /** Tells each cluster's endpoints, and again when they change. Throws a SidecarError for a file that cannot be used. */
  async begin(sources: readonly ClusterSource[], events: ClusterSourceEvents): Promise<void> {
    for (const { name, upstream, endpoints } of sources) {
      if (endpoints === null) events.onEndpoints(staticEndpoints(upstream, `clusters.${name}`), name);
      else await this.#watch(name, endpoints, events);
    }
  }

  /** What is wrong with one of the files; null when nothing is. */
  get trouble(): string | null {
    return this.#files.find(({ trouble }) => trouble !== null)?.trouble ?? null;
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  async #watch(name: string, path: string, { onEndpoints, warn }: ClusterSourceEvents): Promise<void> {
    const { EndpointFile } = await import('../discovery/endpoint-file.ts');
    const file = new EndpointFile(path, {
      onEndpoints: (endpoints) => onEndpoints(endpoints, name),
      onTrouble: (trouble) =>
        warn(
          trouble === null
            ? `the endpoint file is good again (${path})`
            : `${trouble} The last good set stays.`,
        ),
    });
    this.#files.push(file);
    file.watch();
  }
}
