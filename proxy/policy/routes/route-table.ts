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
  /** Its place among the routes. */
  index: number;
  /** Null: any, or looked up already. */
  service: Pattern | null;
  method: Pattern | null;
  authority: Pattern | null;
  /** The authority's pattern names a port. */
  withPort: boolean;
  headers: readonly { name: string; value: Pattern }[];
}

export class RouteTable {
  /** For each service that a route names exactly: the routes that it may take, in order. */
  readonly #byService = new Map<string, readonly Matcher[]>();
  /** The same for every other service. */
  readonly #others: readonly Matcher[];
  /** Somebody asks for the authority. */
  readonly #byAuthority: boolean;

  constructor(matches: readonly MatchConfig[]) {
    const all = matches.map((match, index) => ({ exact: exactOf(match), matcher: matcherOf(match, index) }));
    this.#others = all.filter(({ exact }) => exact === null).map(({ matcher }) => matcher);
    for (const name of new Set(all.map(({ exact }) => exact))) {
      if (name === null) continue;
      const own = all.filter(({ exact }) => exact === null || exact === name);
      this.#byService.set(
        name,
        own.map(({ matcher }) => matcher),
      );
    }
    this.#byAuthority = all.some(({ matcher }) => matcher.authority !== null);
  }

  /** Index of the first route that takes the request; -1: none. */
  find(request: RequestFacts): number {
    const { path } = request;
    const start = methodStart(path);
    if (start < 0) return -1;
    const service = path.slice(1, start - 1);
    const method = path.slice(start);
    const authority = this.#byAuthority ? (request.get(':authority') ?? '').toLowerCase() : '';
    const matchers = this.#byService.get(service) ?? this.#others;
    for (const one of matchers) {
      if (one.service !== null && !one.service.fits(service)) continue;
      if (one.method !== null && !one.method.fits(method)) continue;
      if (one.authority !== null && !one.authority.fits(one.withPort ? authority : hostOf(authority)))
        continue;
      if (one.headers.every(({ name, value }) => value.fits(request.get(name)))) return one.index;
    }
    return -1;
  }
}

function matcherOf(match: MatchConfig, index: number): Matcher {
  const { service, method, authority, headers = {} } = match;
  return {
    index,
    service: service === undefined || exactOf(match) !== null ? null : pattern(service),
    method: method === undefined ? null : pattern(method),
    authority: authority === undefined ? null : pattern(authority.toLowerCase()),
    withPort: authority !== undefined && PORT.test(authority),
    headers: Object.entries(headers).map(([name, value]) => ({ name, value: pattern(value) })),
  };
}

/** The one service that a route is for; null: several. */
function exactOf({ service }: MatchConfig): string | null {
  return service === undefined || service.startsWith('*') || service.endsWith('*') ? null : service;
}

const PORT = /:(\d+|\*)$/;

function hostOf(authority: string): string {
  return authority.replace(PORT, '');
}
