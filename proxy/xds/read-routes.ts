/** From a RouteConfiguration to routes in the order in which they are asked, or to the path of the field that is wrong. */
import type { SaidRoute } from '../policy/routes/build.ts';
import type { MatchConfig } from '../policy/routes/config.ts';
import type { RouteSections } from './policies.ts';
import { readMirror, readSections, readTargets } from './read-action.ts';
import { isThere, named, refuse } from './read-fields.ts';
import { readMatch } from './read-match.ts';
import { type Level, readRewrite } from './read-rewrite.ts';
import { ResourceError } from './resource-error.ts';
import type { RouteConfigurationShape, RouteShape, VirtualHostShape } from './route-shapes.ts';

const ROUTES_MAX = 1_000;
const CLUSTERS_MAX = 256;
const ACTIONS = ['redirect', 'direct_response', 'filter_action', 'non_forwarding_action'];

/** `clusters`: all that routes name, sorted. */
export interface RouteResource {
  kind: 'routes';
  name: string;
  routes: readonly SaidRoute<RouteSections>[];
  clusters: readonly string[];
}

type Said = Omit<SaidRoute<RouteSections>, 'match'> & { match: MatchConfig };

interface Domain {
  text: string;
  /** 0: exact, 1: the end is, 2: the beginning is, 3: any. */
  rank: number;
  routes: readonly Said[];
}

/**
 * A call's host is looked up by its authority: the exact domain, else the longest end, else the longest beginning, else `*`. That
 * order is kept by routes that ask for the authority; what no route of a host takes is not offered to another host.
 */
export function readRoutes(shape: RouteConfigurationShape, path = '', nameless = false): RouteResource {
  const name = nameless ? (shape.name ?? '') : named(shape.name, `${path}name`);
  refuse(shape, ['vhds', 'vhost_header', 'internal_only_headers'], path.slice(0, -1), 'it is not understood');
  const domains: Domain[] = [];
  const seen = new Set<string>();
  (shape.virtual_hosts ?? []).forEach((host, at) => {
    const place = `${path}virtual_hosts[${at}]`;
    const routes = readHost(host, place, shape, path);
    if ((host.domains ?? []).length === 0) throw new ResourceError(`${place}.domains`, 'it is empty');
    (host.domains ?? []).forEach((said, index) => {
      const text = said.toLowerCase();
      const here = `${place}.domains[${index}]`;
      const rank = rankOf(text, here);
      if (seen.has(text)) throw new ResourceError(here, `${JSON.stringify(text)} stands there twice`);
      seen.add(text);
      domains.push({ text, rank, routes });
    });
  });
  domains.sort((a, b) => a.rank - b.rank || b.text.length - a.text.length);
  const routes = domains.flatMap(routesOf);
  if (routes.length > ROUTES_MAX)
    throw new ResourceError(
      `${path}virtual_hosts`,
      `they make ${routes.length} routes, more than ${ROUTES_MAX}`,
    );
  return { kind: 'routes', name, routes, clusters: clustersOf(routes, path) };
}

function rankOf(text: string, path: string): number {
  if (text === '*') return 3;
  if (text === '' || text.slice(1, -1).includes('*') || text === '**')
    throw new ResourceError(path, `${JSON.stringify(text)} is no domain`);
  if (text.startsWith('*')) return 1;
  return text.endsWith('*') ? 2 : 0;
}

function routesOf({ text, rank, routes }: Domain): Said[] {
  if (rank === 3) return [...routes];
  const own = routes.map((route) => ({ ...route, match: { ...route.match, authority: text } }));
  const last = routes.at(-1);
  if (last !== undefined && Object.keys(last.match).length === 0) return own;
  return [...own, { name: `${text}: none`, match: { authority: text }, own: null }];
}

function clustersOf(routes: readonly Said[], path: string): string[] {
  const names = new Set(
    routes.flatMap(({ split = {}, mirror }) => [...Object.keys(split), ...(mirror ? [mirror.cluster] : [])]),
  );
  if (names.size <= CLUSTERS_MAX) return [...names].sort();
  throw new ResourceError(
    `${path}virtual_hosts`,
    `routes name ${names.size} clusters, more than ${CLUSTERS_MAX}`,
  );
}

function readHost(
  host: VirtualHostShape,
  place: string,
  table: RouteConfigurationShape,
  path: string,
): Said[] {
  refuse(host, ['matcher', 'require_tls'], place, 'it is not understood');
  refuse(host, ['hedge_policy', 'retry_policy_typed_config'], place, 'only retry_policy is understood');
  const outer: Level[] = [
    [host, `${place}.`],
    [table, path],
  ];
  const named = host.name ?? '';
  const said: Said[] = [];
  (host.routes ?? []).forEach((route, at) => {
    const here = `${place}.routes[${at}]`;
    const name = `${named}/${route.name || at}`;
    const match = readMatch(route.match ?? {}, `${here}.match`);
    const read = readRoute(
      route,
      here,
      match ?? {},
      [[route, `${here}.`], ...outer],
      host,
      place,
      table,
      path,
    );
    if (match !== null) said.push({ name, match, ...read });
  });
  return said;
}

/** What says nothing of retries or copies means what the host says, and then the table. */
function readRoute(
  route: RouteShape,
  here: string,
  match: MatchConfig,
  levels: readonly Level[],
  host: VirtualHostShape,
  place: string,
  table: RouteConfigurationShape,
  path: string,
): Omit<Said, 'match' | 'name'> {
  refuse(route, ACTIONS, here, 'a call is sent on, or has no route');
  const action = route.route;
  if (!isThere(action)) throw new ResourceError(`${here}.route`, 'it is missing');
  const at = `${here}.route`;
  const copies = [
    [action, `${at}.`],
    [host, `${place}.`],
    [table, path],
  ] as const;
  const [copier, where] = copies.find(([one]) => (one.request_mirror_policies ?? []).length > 0) ?? copies[0];
  const retry = isThere(action.retry_policy)
    ? ([action.retry_policy, `${at}.retry_policy`] as const)
    : ([host.retry_policy, `${place}.retry_policy`] as const);
  return {
    split: readTargets(action, at),
    mirror: readMirror(copier.request_mirror_policies ?? [], `${where}request_mirror_policies`),
    rewrite: readRewrite(action, route.match ?? {}, match, at, levels),
    own: readSections(action, at, retry),
  };
}
