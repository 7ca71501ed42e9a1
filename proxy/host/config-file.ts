/** The configuration file: YAML or JSON, checked with place and fix in the message, in the shape of the flags. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { SidecarError } from '../policy/trouble.ts';
import { CONFIG_SCHEMA } from './config-schema.ts';
import type { ConfigFile } from './config-schema.ts';
import { FAILOVER_SCHEMA } from './failover-schema.ts';
import { sectionTexts } from './failover-options.ts';
import { nearestName } from './nearest-name.ts';
import type { RawOptions } from './flags.ts';
import type { MatchConfig, RewriteConfig } from '../policy/routes/config.ts';
import type { RawRouting } from './routing-options.ts';

/** More than these are not told one by one. */
const KEYS_TOLD_MAX = 30;

/** Reads and checks it. Relative paths in it count from its own folder. Throws a SidecarError. */
export function readConfigFile(file: string): RawOptions {
  const place = resolve(file);
  return readConfig(load(place), place);
}

/** What such a file holds. `place`: where it stands, for errors. */
export function readConfig(value: unknown, place: string): RawOptions {
  const result = CONFIG_SCHEMA.safeParse(value);
  if (!result.success) throw refusal(result.error.issues.map(innermost), value, place);
  const { tag, tls, upstreamTls, discovery, ...rest } = result.data;
  const beside = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(dirname(place), path);
  const upstreamPair = typeof upstreamTls === 'object' ? upstreamTls : {};
  return {
    listen: rest.listen,
    ...discoveryTexts(discovery, beside),
    workers: text(rest.workers),
    admin: rest.admin,
    'tls-cert': beside(tls?.cert),
    'tls-key': beside(tls?.key),
    'upstream-tls': upstreamTls === undefined ? undefined : upstreamTls !== false,
    'upstream-ca': beside(upstreamPair.ca),
    'upstream-server-name': upstreamPair.serverName,
    tag: tag === false ? undefined : tag,
    control: beside(rest.control),
    'drain-delay-ms': text(rest.drainDelayMs),
    'drain-ms': text(rest.drainMs),
    ...clusterTexts(rest, beside),
    routing: routingText(rest, beside),
    limit: limitsText(rest.limits ?? {}),
  };
}

type Beside = (path: string | undefined) => string | undefined;
type Failover = keyof typeof FAILOVER_SCHEMA;
type Sections = Pick<
  ConfigFile,
  'upstream' | 'endpoints' | 'balancer' | 'health' | 'retry' | 'timeout' | Failover
>;

/** What the file, a cluster of it or a route may say of endpoints and policies. */
function clusterTexts(given: Sections, beside: Beside): RawOptions {
  const { upstream, endpoints, balancer, health, retry, timeout } = given;
  return {
    upstream: Array.isArray(upstream) ? upstream.join(',') : upstream,
    endpoints: beside(endpoints),
    ...balancerTexts(balancer),
    'health-interval-ms': text(health?.intervalMs),
    'health-timeout-ms': text(health?.timeoutMs),
    'health-unhealthy': text(health?.unhealthyThreshold),
    'health-healthy': text(health?.healthyThreshold),
    'health-service': health?.service,
    'health.mode': health?.mode,
    'health.jitter': text(health?.jitter),
    'retry-attempts': text(retry?.attempts),
    'retry-on': retry?.retryableStatuses?.join(','),
    'retry-budget': text(retry?.budget),
    'retry-budget-min': text(retry?.budgetMinConcurrent),
    'retry-backoff-base-ms': text(retry?.backoffBaseMs),
    'retry-backoff-max-ms': text(retry?.backoffMaxMs),
    'per-try-timeout-ms': text(retry?.perTryTimeoutMs),
    'retry-buffer-bytes': text(retry?.bufferBytesMax),
    'call-timeout-ms': text(timeout?.callMs),
    'timeout.callMaxMs': text(timeout?.callMaxMs),
    'connect-timeout-ms': text(timeout?.connectMs),
    ...failoverTexts(given),
  };
}

/** Every section of failover that is given. */
function failoverTexts(given: Partial<Record<Failover, object | undefined>>): RawOptions {
  const names = Object.keys(FAILOVER_SCHEMA) as Failover[];
  return Object.assign({}, ...names.map((name) => sectionTexts(name, given[name]))) as RawOptions;
}

/** Clusters and routes, for which there are no flags, in one text. */
function routingText({ clusters, routes }: ConfigFile, beside: Beside): string | undefined {
  if (clusters === undefined && routes === undefined) return undefined;
  const raw: RawRouting = {
    clusters: Object.fromEntries(
      Object.entries(clusters ?? {}).map(([name, cluster]) => [name, defined(clusterTexts(cluster, beside))]),
    ),
    routes: (routes ?? []).map(({ hashHeader, match, rewrite, ...given }) => {
      const { retry, timeout, rateLimit, waitForReady, messageLimit, ...route } = given;
      const own = clusterTexts({ retry, timeout, rateLimit, waitForReady, messageLimit }, beside);
      return {
        ...route,
        match: match === undefined ? undefined : (defined(match) as MatchConfig),
        rewrite: rewrite === undefined ? undefined : (defined(rewrite) as RewriteConfig),
        own: defined({ ...own, 'hash-header': hashHeader }),
      };
    }),
  };
  return JSON.stringify(raw);
}

function defined<T extends object>(texts: T): T {
  return Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)) as T;
}

/** Says where it is wrong, and what was probably meant. */
function refusal(issues: readonly z.core.$ZodIssue[], value: unknown, place: string): SidecarError {
  // A name that is misspelt is why another one is missing.
  const issue = (issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]) as z.core.$ZodIssue;
  const path = issue.path.length === 0 ? 'the top level' : issue.path.join('.');
  const known = keysAt(issue.path, value);
  const keys = keysText(known);
  const wrong = (message: string, remedy: string) =>
    new SidecarError('MW_CONFIG', message, { place, remedy });
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys as [string];
    const message = `the configuration has an unknown key ${JSON.stringify(key)} at ${path}`;
    return wrong(message, `the nearest is ${nearestName(key, known)}; ${keys}`);
  }
  if (issue.code === 'invalid_type' && valueAt(issue.path, value) === undefined)
    return wrong(`the configuration lacks ${path}`, `give ${path} too`);
  const kinds = kindsOf(issue, value);
  if (kinds.length > 0)
    return wrong(
      `the configuration is wrong at ${path}: ${JSON.stringify(valueAt(issue.path, value))} is none of ${kinds.join(', ')}`,
      `the nearest is ${nearestName(String(valueAt(issue.path, value)), kinds)}`,
    );
  const wanted = / is not (an? .+)$/.exec(issue.message)?.[1];
  const remedy = wanted === undefined ? keys : `give ${wanted}`;
  return wrong(`the configuration is wrong at ${path}: ${issue.message}`, remedy);
}

function keysText(known: readonly string[]): string {
  if (known.length === 0) return 'give a value of that kind';
  return known.length > KEYS_TOLD_MAX ? '`meshwright schema` lists all' : `known keys: ${known.join(', ')}`;
}

/** Of something that may be one of two kinds, what is wrong with the kind that it is. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat().find(({ path, code }) => path.length > 0 || code === 'unrecognized_keys');
  return inner === undefined ? issue : innermost({ ...inner, path: [...issue.path, ...inner.path] });
}

/** The words that would be right, where only some are. */
function kindsOf(issue: z.core.$ZodIssue, value: unknown): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return [];
  const { discriminator } = issue;
  const nodes = nodesAt(issue.path.slice(0, -1), value).flatMap((node) => inside(node, discriminator));
  return nodes.flatMap((node) => (node instanceof z.ZodLiteral ? [...node.values].map(String) : []));
}

function valueAt(path: readonly PropertyKey[], value: unknown): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | null)?.[step], value);
}

/** The keys of the object that a path leads to; of an alternative's objects all. Empty where no object stands. */
function keysAt(path: readonly PropertyKey[], value: unknown): string[] {
  return nodesAt(path, value).flatMap((node) => (node instanceof z.ZodObject ? Object.keys(node.shape) : []));
}

/** The parts of the schema that a path leads to. */
function nodesAt(path: readonly PropertyKey[], value: unknown): z.core.$ZodType[] {
  let nodes: z.core.$ZodType[] = [CONFIG_SCHEMA];
  for (const [at, step] of path.entries())
    nodes = nodes
      .flatMap((node) => alternatives(node, valueAt(path.slice(0, at), value)))
      .flatMap((node) => inside(node, step));
  return nodes.flatMap((node) => alternatives(node, valueAt(path, value)));
}

function inside(node: z.core.$ZodType, step: PropertyKey): z.core.$ZodType[] {
  if (node instanceof z.ZodObject) return [node.shape[String(step)]].filter((one) => one !== undefined);
  if (node instanceof z.ZodRecord) return [node.valueType as z.core.$ZodType];
  return node instanceof z.ZodArray ? [node.element] : [];
}

/** A node without what makes it optional; of a union its members, or the one that the value's kind names. */
function alternatives(node: z.core.$ZodType, value: unknown): z.core.$ZodType[] {
  if (node instanceof z.ZodOptional) return alternatives(node.unwrap(), value);
  if (!(node instanceof z.ZodUnion)) return [node];
  const members = node.options.flatMap((one) => alternatives(one, value));
  const { kind } = (value ?? {}) as { kind?: unknown };
  const named = members.filter(
    (one) => one instanceof z.ZodObject && one.shape['kind']?.safeParse(kind).success === true,
  );
  return named.length === 0 ? members : named;
}

function discoveryTexts(
  given: ConfigFile['discovery'],
  beside: (path: string | undefined) => string | undefined,
): RawOptions {
  if (given === undefined) return {};
  if (given.kind === 'dns') return dnsTexts(given);
  const tls = typeof given.tls === 'object' ? given.tls : {};
  if (given.kind === 'registry')
    return {
      registry: given.address,
      'registry-service': given.service,
      'registry-tls': given.tls !== undefined && given.tls !== false,
      'registry-ca': beside(tls.ca),
      'registry-server-name': tls.serverName,
      'registry-token-file': beside(given.tokenFile),
    };
  return {
    xds: given.server,
    'discovery.tls': given.tls !== undefined && given.tls !== false,
    'discovery.ca': beside(tls.ca),
    'discovery.serverName': tls.serverName,
    'xds-listener': given.listener,
    'xds-cluster': given.cluster,
    'xds-variant': given.variant,
    'xds-node': given.node,
    'discovery.nodeCluster': given.nodeCluster,
    'discovery.versions': given.versions,
    'discovery.keepDeleted': given.keepDeleted,
    'discovery.absentMs': text(given.absentMs),
    'discovery.backoffBaseMs': text(given.backoffBaseMs),
    'discovery.backoffMaxMs': text(given.backoffMaxMs),
  };
}

function dnsTexts(given: Extract<ConfigFile['discovery'], { kind: 'dns' }>): RawOptions {
  const isSrv = given.type === 'SRV';
  const refresh = {
    'dns-server': given.server,
    'discovery.dialect': given.dialect,
    'discovery.minRefreshMs': text(given.minRefreshMs),
    'discovery.maxRefreshMs': text(given.maxRefreshMs),
  };
  const name = given.port === undefined ? given.name : `${given.name}:${given.port}`;
  return { ...refresh, [isSrv ? 'dns-srv' : 'dns']: name };
}

function balancerTexts(given: ConfigFile['balancer']): RawOptions {
  if (typeof given !== 'object') return { balancer: given };
  return {
    balancer: given.name,
    'hash-header': given.hashHeader,
    'balancer.panicThreshold': text(given.panicThreshold),
    'balancer.slowStartMs': text(given.slowStartMs),
    'balancer.slowStartFloor': text(given.slowStartFloor),
    'balancer.choices': text(given.choices),
    'balancer.decayMs': text(given.decayMs),
    'balancer.failurePenaltyMs': text(given.failurePenaltyMs),
    'balancer.pointsPerWeight': text(given.pointsPerWeight),
    'balancer.ringSizeMax': text(given.ringSizeMax),
    'balancer.tableSize': text(given.tableSize),
    'balancer.priorities': given.priorities,
    'balancer.overprovisioning': text(given.overprovisioning),
    'balancer.localities': given.localities,
    locality: given.ownLocality,
    'balancer.subsetSize': text(given.subsetSize),
    'balancer.subsetKey': given.subsetKey,
    'balancer.loadReports': given.loadReports === undefined ? undefined : String(given.loadReports),
    'balancer.blackoutMs': text(given.blackoutMs),
    'balancer.expirationMs': text(given.expirationMs),
    'balancer.weightUpdateMs': text(given.weightUpdateMs),
    'balancer.errorPenalty': text(given.errorPenalty),
  };
}

function text(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** As `--limit` has them. */
function limitsText(given: NonNullable<ConfigFile['limits']>): string | undefined {
  const items = Object.entries(given).flatMap(([name, value]) =>
    typeof value === 'number'
      ? [`${name}=${value}`]
      : Object.entries(value ?? {}).map(([inner, amount]) => `${name}.${inner}=${amount}`),
  );
  return items.length === 0 ? undefined : items.join(',');
}

function load(place: string): unknown {
  let content: string;
  try {
    content = readFileSync(place, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new SidecarError('MW_CONFIG', `the configuration file ${what}`, {
      place,
      remedy: 'check the path after --config',
    });
  }
  try {
    return parse(content, { maxAliasCount: 0 }) ?? {};
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    throw new SidecarError('MW_CONFIG', `the configuration file is neither YAML nor JSON: ${reason}`, {
      place,
      remedy: 'mend the line that the message names',
    });
  }
}
