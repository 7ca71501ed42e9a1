/** From routes in their order, as people describe them, to the message that tells of them. What xDS has no word for is refused. */
import { DEFAULT_SIDECAR_CONFIG } from '../policy/config.ts';
import { durationOf } from './build-fields.ts';
import { type RoutePlan, tellable } from './plan.ts';
import { ResourceError } from './resource-error.ts';
import type {
  ActionShape,
  HeaderChangesShape,
  HeaderMatcherShape,
  HeaderOptionShape,
  MatchShape,
  RetryShape,
  RouteConfigurationShape,
  RouteShape,
} from './route-shapes.ts';

const WORDS: Readonly<Record<number, string>> = {
  1: 'cancelled',
  4: 'deadline-exceeded',
  8: 'resource-exhausted',
  13: 'internal',
  14: 'unavailable',
};
const RETRY = ['attempts', 'retryableStatuses', 'perTryTimeoutMs', 'backoffBaseMs', 'backoffMaxMs'];
const MILLION = 1_000_000;

/** `hashHeaders`: of the clusters that are spread by one. */
export function routesMessage(
  name: string,
  routes: readonly RoutePlan[],
  hashHeaders: ReadonlyMap<string, string>,
): RouteConfigurationShape {
  const path = `listeners.${name}.routes`;
  const domains = domainsOf(routes, path);
  const messages = routes.map((route, at) => routeMessage(route, `${path}.${at}`, hashHeaders));
  const virtual_hosts = domains
    .map((domain) => ({
      name: domain === '*' ? 'all' : domain,
      domains: [domain],
      routes: messages.filter((_, at) => covers(authorityOf(routes[at] as RoutePlan), domain)),
    }))
    .filter((host) => host.routes.length > 0);
  return { name, virtual_hosts, ...(domains.length === 1 ? {} : { ignore_port_in_host_matching: true }) };
}

function authorityOf({ match }: RoutePlan): string {
  return (match?.authority ?? '*').toLowerCase();
}

/** Every authority that a route asks for, and all others. A host is looked up once, so what may be of two must be of one. */
function domainsOf(routes: readonly RoutePlan[], path: string): string[] {
  const domains = new Set<string>();
  routes.forEach((route, at) => {
    const domain = authorityOf(route);
    const place = `${path}.${at}.match.authority`;
    if (/:(\d+|\*)$/.test(domain))
      throw new ResourceError(place, 'a port cannot be told over xDS for sidecar and Envoy alike');
    const crosses = [...domains].find(
      (other) =>
        domain !== '*' &&
        other !== '*' &&
        domain.startsWith('*') !== other.startsWith('*') &&
        isOpen(domain) &&
        isOpen(other),
    );
    if (crosses !== undefined)
      throw new ResourceError(place, `together with ${crosses} it cannot be told over xDS`);
    domains.add(domain);
  });
  return [...domains].filter((domain) => domain !== '*').concat('*');
}

function isOpen(domain: string): boolean {
  return domain.startsWith('*') || domain.endsWith('*');
}

/** Whoever has an authority of `domain` has one of `wider`. */
function covers(wider: string, domain: string): boolean {
  if (wider === '*' || wider === domain) return true;
  if (domain === '*') return false;
  if (wider.startsWith('*')) return !domain.endsWith('*') && domain.endsWith(wider.slice(1));
  return wider.endsWith('*') && !domain.startsWith('*') && domain.startsWith(wider.slice(0, -1));
}

function routeMessage(plan: RoutePlan, path: string, hashHeaders: ReadonlyMap<string, string>): RouteShape {
  const match = matchMessage(plan.match ?? {}, `${path}.match`);
  return {
    ...(plan.name === undefined ? {} : { name: plan.name }),
    match,
    route: {
      ...targetFields(plan),
      ...rewriteFields(plan, match, `${path}.rewrite`),
      ...mirrorFields(plan, `${path}.mirror`),
      ...timeoutFields(plan, `${path}.timeout`),
      ...(plan.retry === undefined ? {} : { retry_policy: retryMessage(plan.retry, `${path}.retry`) }),
      ...hashFields(plan, hashHeaders),
    },
    ...headerFields(plan),
  };
}

function matchMessage(match: NonNullable<RoutePlan['match']>, path: string): MatchShape {
  const headers = Object.entries(match.headers ?? {}).map(([name, text]) => headerMessage(name, text));
  return {
    ...pathMessage(match.service ?? '*', match.method ?? '*', path),
    ...(headers.length === 0 ? {} : { headers }),
  };
}

function pathMessage(service: string, method: string, path: string): MatchShape {
  if (method === '*') {
    if (!service.startsWith('*') && !service.endsWith('*')) return { prefix: `/${service}/` };
    if (service.endsWith('*')) return { prefix: `/${service.slice(0, -1)}` };
  } else if (!isOpen(service) && !method.startsWith('*')) {
    if (method.endsWith('*')) return { prefix: `/${service}/${method.slice(0, -1)}` };
    return { path: `/${service}/${method}` };
  }
  throw new ResourceError(
    path,
    `service ${service} with method ${method} cannot be told over xDS: a method needs one whole service, and a star stands at an end`,
  );
}

function headerMessage(name: string, text: string): HeaderMatcherShape {
  if (text === '*') return { name, present_match: true };
  if (text.endsWith('*')) return { name, string_match: { prefix: text.slice(0, -1) } };
  if (text.startsWith('*')) return { name, string_match: { suffix: text.slice(1) } };
  return { name, string_match: { exact: text } };
}

function targetFields({ cluster, split }: RoutePlan): ActionShape {
  if (split === undefined) return { cluster: cluster ?? '' };
  const clusters = Object.entries(split).map(([name, value]) => ({ name, weight: { value } }));
  return { weighted_clusters: { clusters } };
}

function rewriteFields({ match, rewrite }: RoutePlan, told: MatchShape, path: string): ActionShape {
  if (rewrite === undefined) return {};
  const { service, method, authority } = rewrite;
  const host = authority === undefined ? {} : { host_rewrite_literal: authority };
  if (service === undefined && method === undefined) return host;
  if (told.path !== undefined)
    return { ...host, prefix_rewrite: `/${service ?? match?.service}/${method ?? match?.method}` };
  if (method === undefined && match?.service !== undefined && told.prefix === `/${match.service}/`)
    return { ...host, prefix_rewrite: `/${service}/` };
  throw new ResourceError(
    path,
    'it cannot be told over xDS: a rewritten service needs a match of one whole service, a method one of a whole path',
  );
}

function headerFields({ rewrite }: RoutePlan): HeaderChangesShape {
  const { set = {}, add = {}, remove = [] } = rewrite ?? {};
  const option = ([key, value]: [string, string], append_action: string): HeaderOptionShape => ({
    header: { key, value },
    append_action,
  });
  const options = [
    ...Object.entries(set).map((pair) => option(pair, 'OVERWRITE_IF_EXISTS_OR_ADD')),
    ...Object.entries(add).map((pair) => option(pair, 'APPEND_IF_EXISTS_OR_ADD')),
  ];
  return {
    ...(options.length === 0 ? {} : { request_headers_to_add: options }),
    ...(remove.length === 0 ? {} : { request_headers_to_remove: [...remove] }),
  };
}

function mirrorFields({ mirror }: RoutePlan, path: string): ActionShape {
  if (!mirror) return {};
  tellable(mirror, ['cluster', 'share'], path);
  const { cluster, share = 1 } = mirror;
  const default_value = { numerator: Math.round(share * MILLION), denominator: 'MILLION' };
  return {
    request_mirror_policies: [{ cluster, ...(share === 1 ? {} : { runtime_fraction: { default_value } }) }],
  };
}

/** Deadlines are the callers': Envoy would cut each call off after 15 s. */
function timeoutFields({ timeout: said }: RoutePlan, path: string): ActionShape {
  const timeout = { seconds: 0 };
  if (said === undefined) return { timeout };
  tellable(said, ['callMs', 'callMaxMs'], path);
  const { callMs, callMaxMs } = said;
  const max_stream_duration =
    callMs === undefined
      ? { max_stream_duration: durationOf(callMaxMs ?? 0) }
      : {
          max_stream_duration: durationOf(callMs),
          grpc_timeout_header_max: durationOf(callMaxMs ?? 0),
        };
  return { timeout, max_stream_duration };
}

/** What is not given is the sidecar's default, and not Envoy's. */
function retryMessage(said: NonNullable<RoutePlan['retry']>, path: string): RetryShape {
  tellable(said, RETRY, path);
  const base = DEFAULT_SIDECAR_CONFIG.retry;
  const statuses = Object.values(said.retryableStatuses ?? base.retryableStatuses) as number[];
  const words = statuses.map((status) => WORDS[status] ?? '');
  const at = words.indexOf('');
  if (at >= 0)
    throw new ResourceError(`${path}.retryableStatuses`, `${statuses[at]} cannot be told over xDS`);
  const attempts = said.attempts ?? base.attempts;
  const perTryMs = said.perTryTimeoutMs ?? base.perTryTimeoutMs;
  return {
    ...(attempts === 1 ? {} : { retry_on: words.join(',') }),
    num_retries: { value: attempts - 1 },
    ...(perTryMs === 0 ? {} : { per_try_timeout: durationOf(perTryMs) }),
    retry_back_off: {
      base_interval: durationOf(said.backoffBaseMs ?? base.backoffBaseMs),
      max_interval: durationOf(said.backoffMaxMs ?? base.backoffMaxMs),
    },
  };
}

/** The route's own, or that of the first of its clusters that has one. */
function hashFields(
  { cluster, split, hashHeader }: RoutePlan,
  known: ReadonlyMap<string, string>,
): ActionShape {
  const names = split === undefined ? [cluster ?? ''] : Object.keys(split);
  const header_name = hashHeader ?? names.map((name) => known.get(name)).find((name) => name !== undefined);
  return header_name === undefined ? {} : { hash_policy: [{ header: { header_name } }] };
}
