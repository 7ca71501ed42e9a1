/** What the configuration file says about clusters and routes, out of the shape of the flags: completed, and checked as a whole. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  type ClusterConfig,
  type ClusterPolicies,
  DEFAULT_CLUSTER,
  type MatchConfig,
  type MirrorConfig,
  type RewriteConfig,
  type RouteConfig,
  type RouteTarget,
  type RoutingConfig,
} from '../policy/routes/config.ts';
import { methodStart } from '../policy/routes/method-path.ts';
import { SidecarError } from '../policy/trouble.ts';
import type { RawOptions } from './flags.ts';
import { readDiscovery } from './discovery-options.ts';
import { nearestName } from './nearest-name.ts';
import { OptionReader } from './option-reader.ts';

/** Where a cluster's endpoints come from: a list, or a watched file. */
export interface ClusterSource {
  name: string;
  upstream: readonly string[];
  endpoints: string | null;
}

/** As it travels in the option `routing`: sections in the shape of the flags. */
export interface RawRouting {
  clusters: Readonly<Record<string, RawOptions>>;
  routes: readonly RawRoute[];
}

export interface RawRoute {
  name?: string | undefined;
  match?: MatchConfig | undefined;
  cluster?: string | undefined;
  split?: Readonly<Record<string, number>> | undefined;
  mirror?: { cluster: string; share?: number | undefined; concurrentMax?: number | undefined } | undefined;
  rewrite?: RewriteConfig | undefined;
  /** Sections of its own. */
  own: RawOptions;
}

/** Reads the policies of one cluster. */
export type ReadPolicies = (read: OptionReader) => ClusterPolicies;

const CLUSTERS_MAX = 256;
/** What a cluster says of one section replaces all that the file says of it: which section an option belongs to. */
function sectionOf(option: string): string {
  if (option === 'hash-header') return 'balancer';
  if (option === 'per-try-timeout-ms') return 'retry';
  if (option === 'call-timeout-ms' || option === 'connect-timeout-ms') return 'timeout';
  return option.split(/[.-]/, 1)[0] as string;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** gRPC's and HTTP/2's own: a call without them, or with others, is another call. */
const NOT_TO_CHANGE =
  /^(:.*|te|content-type|grpc-.*|connection|keep-alive|transfer-encoding|upgrade|x-meshwright-mirror)$/;

/** `top`: all other options, from which sections come that a cluster leaves out. */
export function readRouting(
  read: OptionReader,
  top: RawOptions,
  readPolicies: ReadPolicies,
): { routing: SidecarConfig['routing']; clusterSources: ClusterSource[] } {
  const text = read.text('routing');
  if (text === null) return { routing: null, clusterSources: [] };
  const raw = JSON.parse(text) as RawRouting;
  const names = Object.keys(raw.clusters);
  if (names.length > CLUSTERS_MAX) {
    throw wrong(`there are ${names.length} clusters`, 'clusters', `at most ${CLUSTERS_MAX} fit`);
  }
  if (raw.routes.length === 0)
    throw wrong('no route leads to a cluster', 'routes', 'name clusters in routes, or leave them out');
  const clusterSources = names.map((name) => readSource(name, raw.clusters[name] as RawOptions));
  const hasDefault =
    read.list('upstream').length > 0 || read.text('endpoints') !== null || readDiscovery(read) !== null;
  const all = new Map<string, RawOptions>();
  if (hasDefault) all.set(DEFAULT_CLUSTER, top);
  for (const name of names) all.set(name, inherit(top, raw.clusters[name] as RawOptions));
  const clusters: ClusterConfig[] = names.map((name) => ({
    name,
    policies: at(`clusters.${name}`, () => readPolicies(new OptionReader({}, all.get(name) as RawOptions))),
  }));
  const routes = raw.routes.map((route, index) => readRoute(route, index, all, readPolicies));
  const routing: RoutingConfig = { clusters, routes };
  refuseUnused(names, routing);
  return { routing, clusterSources };
}

function readSource(name: string, raw: RawOptions): ClusterSource {
  const place = `clusters.${name}`;
  if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) {
    throw wrong(
      `${JSON.stringify(name)} cannot name a cluster`,
      'clusters',
      'use letters, digits, dots, dashes',
    );
  }
  if (name === DEFAULT_CLUSTER) {
    throw wrong(
      `the cluster ${name} is that of the file's own upstream or endpoints`,
      place,
      'choose another name',
    );
  }
  const read = new OptionReader({}, raw);
  const upstream = at(place, () => read.list('upstream'));
  const endpoints = read.text('endpoints');
  if (upstream.length > 0 === (endpoints !== null)) {
    const said = endpoints === null ? 'no endpoint is given' : 'endpoints are given twice';
    throw wrong(said, place, 'give either upstream or endpoints');
  }
  return { name, upstream, endpoints };
}

function readRoute(
  raw: RawRoute,
  index: number,
  clusters: ReadonlyMap<string, RawOptions>,
  readPolicies: ReadPolicies,
): RouteConfig {
  const place = `routes.${index}${raw.name === undefined ? '' : ` (${raw.name})`}`;
  if ((raw.cluster === undefined) === (raw.split === undefined)) {
    const said =
      raw.cluster === undefined ? 'the route leads nowhere' : 'the route has both cluster and split';
    throw wrong(said, place, 'give either cluster or split');
  }
  const weights = raw.split ?? { [raw.cluster as string]: 1 };
  const targets = Object.entries(weights).map(([cluster, weight]): RouteTarget => {
    const known = clusterOf(cluster, clusters, place);
    const isPlain = Object.keys(raw.own).length === 0;
    const own = (): ClusterPolicies => readPolicies(new OptionReader({}, inherit(known, raw.own)));
    return { cluster, weight, policies: isPlain ? null : at(place, own) };
  });
  if (!targets.some(({ weight }) => weight > 0)) {
    throw wrong('all weights of the split are 0', place, 'give at least one cluster a weight above 0');
  }
  return {
    name: raw.name ?? `route ${index}`,
    match: readMatch(raw.match ?? {}, place),
    targets,
    mirror: readMirror(raw.mirror, clusters, place),
    rewrite: raw.rewrite === undefined ? null : readRewrite(raw.rewrite, place),
  };
}

function readMatch({ headers = {}, ...rest }: MatchConfig, place: string): MatchConfig {
  const lower = Object.entries(headers).map(([name, value]) => [headerName(name, place), value] as const);
  for (const [name, value] of [...Object.entries(rest), ...lower]) {
    if (value.slice(1, -1).includes('*') || value === '**') {
      throw wrong(
        `${name} is ${JSON.stringify(value)}`,
        `${place}.match`,
        'put one star, at the begin or at the end',
      );
    }
  }
  return { ...rest, headers: Object.fromEntries(lower) };
}

function readMirror(
  raw: RawRoute['mirror'],
  clusters: ReadonlyMap<string, RawOptions>,
  place: string,
): MirrorConfig | null {
  if (raw === undefined) return null;
  clusterOf(raw.cluster, clusters, `${place}.mirror`);
  return { cluster: raw.cluster, share: raw.share ?? 1, concurrentMax: raw.concurrentMax ?? 100 };
}

function readRewrite(raw: RewriteConfig, place: string): RewriteConfig {
  const { service = 'a', method = 'b', set = {}, remove = [] } = raw;
  if (methodStart(`/${service}/${method}`) !== service.length + 2) {
    const said = `/${raw.service ?? '…'}/${raw.method ?? '…'} is no path of a gRPC method`;
    throw wrong(said, `${place}.rewrite`, 'give plain names, such as my_service.MyService and MyMethod');
  }
  for (const value of [raw.authority ?? 'x', ...Object.values(set)]) {
    if (/^[\x20-\x7e]+$/.test(value)) continue;
    throw wrong(`${JSON.stringify(value)} cannot be sent`, `${place}.rewrite`, 'use printable ASCII');
  }
  const changed = (name: string): string => {
    const lower = headerName(name, place);
    if (!NOT_TO_CHANGE.test(lower)) return lower;
    throw wrong(`the header ${lower} is not a route's to change`, `${place}.rewrite`, 'leave it out');
  };
  const own = Object.fromEntries(Object.entries(set).map(([name, value]) => [changed(name), value]));
  return { ...raw, set: own, remove: remove.map(changed) };
}

/** What is given, over the rest; a section that is given at all comes as a whole. */
function inherit(rest: RawOptions, given: RawOptions): RawOptions {
  const said = Object.keys(given).filter((key) => given[key] !== undefined);
  // A hash header alone changes the balancer and does not replace it.
  const replaced = new Set(said.filter((key) => key !== 'hash-header').map(sectionOf));
  const kept = Object.entries(rest).filter(([key]) => !replaced.has(sectionOf(key)));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(said.map((key) => [key, given[key]])) };
}

function refuseUnused(names: readonly string[], { routes }: RoutingConfig): void {
  const used = new Set(
    routes.flatMap(({ targets, mirror }) => [...targets.map(({ cluster }) => cluster), mirror?.cluster]),
  );
  const idle = names.find((name) => !used.has(name));
  if (idle === undefined) return;
  throw wrong(
    `no route leads to the cluster ${idle}`,
    `clusters.${idle}`,
    'name it in a route, or leave it out',
  );
}

function clusterOf(name: string, clusters: ReadonlyMap<string, RawOptions>, place: string): RawOptions {
  const found = clusters.get(name);
  if (found !== undefined) return found;
  const known = [...clusters.keys()];
  const nearest = known.length === 0 ? '' : `the nearest is ${nearestName(name, known)}; `;
  throw wrong(
    `there is no cluster ${JSON.stringify(name)}`,
    place,
    `${nearest}clusters are ${known.join(', ') || 'none'}`,
  );
}

function headerName(name: string, place: string): string {
  const lower = name.toLowerCase();
  if (TOKEN.test(lower)) return lower;
  throw wrong(
    `${JSON.stringify(name)} names no header`,
    place,
    'use letters, digits and dashes, e.g. x-user-id',
  );
}

/** Trouble in a section is told with its place. */
function at<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    const { message, place: option, remedy } = error;
    throw new SidecarError('MW_CONFIG', message, {
      place: `${place}, ${option?.replace(/^--/, '')}`,
      remedy: remedy ?? '',
    });
  }
}

function wrong(message: string, place: string, remedy: string): SidecarError {
  return new SidecarError('MW_CONFIG', message, { place: `${place} in the configuration file`, remedy });
}
