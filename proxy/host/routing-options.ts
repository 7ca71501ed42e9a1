/** What the configuration file says about clusters and routes, out of the shape of the flags: completed, and checked as a whole. */
import type { SidecarConfig } from '../policy/config.ts';
import { areNames, headerName, isChangeable, isPattern, isSendable } from '../policy/routes/allowed.ts';
import { buildRouting, type SaidRoute } from '../policy/routes/build.ts';
import {
  type ClusterPolicies,
  DEFAULT_CLUSTER,
  type MatchConfig,
  type RewriteConfig,
  type RouteConfig,
  type RoutingConfig,
} from '../policy/routes/config.ts';
import { SidecarError } from '../policy/trouble.ts';
import type { RawOptions } from './flags.ts';
import { readDiscovery } from './discovery-options.ts';
import { refuseContradictions } from './contradictions.ts';
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

export type RawRoute = Omit<SaidRoute<RawOptions>, 'own'> & { own: RawOptions };

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

/** A route's own sections, and where it stands. */
interface Own {
  options: RawOptions;
  place: string;
}

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
  const policiesOf = (cluster: string, own: Own | null): ClusterPolicies => {
    const known = all.get(cluster) as RawOptions;
    const options = own === null ? known : inherit(known, own.options);
    const place = own === null ? `clusters.${cluster}` : own.place;
    const said = own === null ? raw.clusters[cluster] : own.options;
    return at(place, () => {
      const whole = new OptionReader({}, options);
      refuseContradictions(new OptionReader({}, said as RawOptions), whole);
      return readPolicies(whole);
    });
  };
  const routes = raw.routes.map((route, index) => checked(route, index, [...all.keys()]));
  const routing = buildRouting(names, routes, policiesOf);
  refuseUnreachable(routing);
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

function checked(raw: RawRoute, index: number, known: readonly string[]): SaidRoute<Own> {
  const { name, cluster, split, match = {}, mirror, rewrite, own } = raw;
  const place = `routes.${index}${name === undefined ? '' : ` (${name})`}`;
  if ((cluster === undefined) === (split === undefined)) {
    const said = cluster === undefined ? 'the route leads nowhere' : 'the route has both cluster and split';
    throw wrong(said, place, 'give either cluster or split');
  }
  for (const target of split === undefined ? [cluster as string] : Object.keys(split))
    refuseUnknown(target, known, place);
  if (split !== undefined && !Object.values(split).some((weight) => weight > 0)) {
    throw wrong('all weights of the split are 0', place, 'give at least one cluster a weight above 0');
  }
  if (mirror) refuseUnknown(mirror.cluster, known, `${place}.mirror`);
  const targets = split === undefined ? [cluster] : Object.keys(split);
  if (mirror && targets.every((target) => target === mirror.cluster)) {
    const said = `the calls go to ${mirror.cluster}, and so do their copies`;
    throw wrong(said, `${place}.mirror`, 'name another cluster');
  }
  return {
    ...raw,
    match: readMatch(match, place),
    rewrite: rewrite ? readRewrite(rewrite, place) : null,
    own: Object.keys(own).length === 0 ? null : { options: own, place },
  };
}

function readMatch({ headers = {}, ...rest }: MatchConfig, place: string): MatchConfig {
  const lower = Object.entries(headers).map(([name, value]) => [named(name, place), value] as const);
  for (const [name, value] of [...Object.entries(rest), ...lower]) {
    if (!isPattern(value)) {
      throw wrong(
        `${name} is ${JSON.stringify(value)}`,
        `${place}.match`,
        'put one star, at the begin or at the end',
      );
    }
  }
  return { ...rest, headers: Object.fromEntries(lower) };
}

function readRewrite(raw: RewriteConfig, place: string): RewriteConfig {
  const { service = 'a', method = 'b', set = {}, add = {}, remove = [] } = raw;
  const isIdle = raw.service === undefined && raw.method === undefined && raw.authority === undefined;
  if (isIdle && Object.keys({ ...set, ...add }).length + remove.length === 0)
    throw wrong('the rewrite changes nothing', `${place}.rewrite`, 'say what it changes, or leave it out');
  if (!areNames(service, method)) {
    const said = `/${raw.service ?? '…'}/${raw.method ?? '…'} is no path of a gRPC method`;
    throw wrong(said, `${place}.rewrite`, 'give plain names, such as my_service.MyService and MyMethod');
  }
  for (const value of [raw.authority ?? 'x', ...Object.values(set), ...Object.values(add)]) {
    if (isSendable(value)) continue;
    throw wrong(`${JSON.stringify(value)} cannot be sent`, `${place}.rewrite`, 'use printable ASCII');
  }
  const changed = (name: string): string => {
    const lower = named(name, place);
    if (isChangeable(lower)) return lower;
    throw wrong(`the header ${lower} is not a route's to change`, `${place}.rewrite`, 'leave it out');
  };
  const own = (values: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [changed(name), value]));
  const [put, gone] = [own(set), remove.map(changed)];
  const both = gone.find((name) => name in put);
  if (both !== undefined) {
    const said = `${both} is both set and removed`;
    throw wrong(said, `${place}.rewrite`, 'set replaces what is there: leave remove out');
  }
  return { ...raw, set: put, add: own(add), remove: gone };
}

/** What is given, over the rest; a section that is given at all comes as a whole. */
function inherit(rest: RawOptions, given: RawOptions): RawOptions {
  const said = Object.keys(given).filter((key) => given[key] !== undefined);
  // A hash header alone changes the balancer and does not replace it.
  const replaced = new Set(said.filter((key) => key !== 'hash-header').map(sectionOf));
  const kept = Object.entries(rest).filter(([key]) => !replaced.has(sectionOf(key)));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(said.map((key) => [key, given[key]])) };
}

/** A route that takes every call leaves none to those behind it. */
function refuseUnreachable({ routes }: RoutingConfig): void {
  const takesAll = ({ match: { headers = {}, ...rest } }: RouteConfig): boolean =>
    Object.keys(rest).length + Object.keys(headers).length === 0;
  const all = routes.findIndex(takesAll);
  if (all < 0 || all === routes.length - 1) return;
  const said = `no call comes so far: route ${all} takes every one`;
  throw wrong(said, `routes.${all + 1}`, `put route ${all} last, or give it a match`);
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

function refuseUnknown(name: string, known: readonly string[], place: string): void {
  if (known.includes(name)) return;
  const nearest = known.length === 0 ? '' : `the nearest is ${nearestName(name, known)}; `;
  throw wrong(
    `there is no cluster ${JSON.stringify(name)}`,
    place,
    `${nearest}clusters are ${known.join(', ') || 'none'}`,
  );
}

function named(name: string, place: string): string {
  const lower = headerName(name);
  if (lower !== null) return lower;
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
      place: `${place}.${option?.replace(/^--/, '')}`,
      remedy: remedy ?? '',
    });
  }
}

function wrong(message: string, place: string, remedy: string): SidecarError {
  return new SidecarError('MW_CONFIG', message, { place: `${place} in the configuration file`, remedy });
}
