/** The routes in their order: the first that fits a call takes it. */
import type { MatchConfig } from './config.ts';
import { methodStart } from './method-path.ts';
import { type Pattern, pattern } from './pattern.ts';

/** What is asked of a request. */
export interface RequestFacts {
  readonly path: string;
  /** First value of a field, by its name in lower case. */
  get(name: string): string | undefined;
}

interface Matcher {
  service: Pattern | null;
  method: Pattern | null;
  authority: Pattern | null;
  /** The authority's pattern names a port. */
  withPort: boolean;
  headers: readonly { name: string; value: Pattern }[];
}

export class RouteTable {
  readonly #matchers: readonly Matcher[];
  /** Somebody asks for the authority. */
  readonly #byAuthority: boolean;

  constructor(matches: readonly MatchConfig[]) {
    this.#matchers = matches.map(({ service, method, authority, headers = {} }) => ({
      service: service === undefined ? null : pattern(service),
      method: method === undefined ? null : pattern(method),
      authority: authority === undefined ? null : pattern(authority.toLowerCase()),
      withPort: authority !== undefined && PORT.test(authority),
      headers: Object.entries(headers).map(([name, value]) => ({ name, value: pattern(value) })),
    }));
    this.#byAuthority = this.#matchers.some((one) => one.authority !== null);
  }

  /** Index of the first route that takes the request; -1: none. */
  find(request: RequestFacts): number {
    const { path } = request;
    const start = methodStart(path);
    if (start < 0) return -1;
    const service = path.slice(1, start - 1);
    const method = path.slice(start);
    const authority = this.#byAuthority ? (request.get(':authority') ?? '').toLowerCase() : '';
    for (let index = 0; index < this.#matchers.length; index++) {
      const one = this.#matchers[index] as Matcher;
      if (one.service !== null && !one.service.fits(service)) continue;
      if (one.method !== null && !one.method.fits(method)) continue;
      if (one.authority !== null && !one.authority.fits(one.withPort ? authority : hostOf(authority)))
        continue;
      if (one.headers.every(({ name, value }) => value.fits(request.get(name)))) return index;
    }
    return -1;
  }
}

const PORT = /:(\d+|\*)$/;

function hostOf(authority: string): string {
  return authority.replace(PORT, '');
}
