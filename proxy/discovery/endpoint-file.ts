/** Endpoints from a watched file. */
import type { Endpoint } from '../policy/config.ts';
import { parseEndpoints } from './parse-endpoints.ts';
import { type FileKind, WatchedFile } from './watched-file.ts';

const KIND: FileKind<Endpoint[]> = {
  name: 'endpoint file',
  parse: parseEndpoints,
  remedy: 'give the path of a YAML or JSON file with the list of endpoints',
};

export interface EndpointFileEvents {
  onEndpoints(endpoints: Endpoint[]): void;
  /** The file became unusable; `null`: it is good again. */
  onTrouble(trouble: string | null): void;
}

export class EndpointFile extends WatchedFile<Endpoint[]> {
  /** Reads the file at once; throws a SidecarError when it cannot be used, for then there is no last good set. */
  constructor(file: string, events: EndpointFileEvents, rereadMs?: number) {
    const told = {
      onContent: (endpoints: Endpoint[]) => events.onEndpoints(endpoints),
      onTrouble: (trouble: string | null) => events.onTrouble(trouble),
    };
    super(file, KIND, told, rereadMs);
  }
}
