/** From a RouteAction to where calls go and how long they may take, or to the path of the field that cannot be carried out. */
import type { RetryConfig, TimeoutConfig } from '../policy/config.ts';
import { ATTEMPTS_MAX } from '../policy/retry.ts';
import type { SaidMirror } from '../policy/routes/build.ts';
import type { RouteSections } from './policies.ts';
import { durationMs, isThere, named, positiveMs, refuse, uint } from './read-fields.ts';
import { readShare } from './read-match.ts';
import { ResourceError } from './resource-error.ts';
import type { ActionShape, HashPolicyShape, MirrorShape, RetryShape } from './route-shapes.ts';

const WEIGHTS_SUM_MAX = 4_294_967_295;
const TARGETS = ['cluster_header', 'cluster_specifier_plugin', 'inline_cluster_specifier_plugin'];
const OF_WEIGHTS = ['cluster_header', 'metadata_match', 'host_rewrite_literal'];
const HEADERS = ['request_headers_to_add', 'request_headers_to_remove'];
const ANSWERS = ['response_headers_to_add', 'response_headers_to_remove'];
const OF_MIRRORS = [
  'cluster_header',
  'disable_shadow_host_suffix_append',
  'request_headers_mutations',
  'host_rewrite_literal',
];
/** grpc-status by the words of Envoy's retry_on. */
const STATUSES: Readonly<Record<string, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
};
/** Envoy's, where nothing is said (A44). */
const BACKOFF_MS = 25;

/** Weights by cluster. */
export function readTargets(action: ActionShape, path: string): Record<string, number> {
  refuse(action, TARGETS, path, 'only cluster and weighted_clusters are understood');
  refuse(action, ['metadata_match'], path, 'endpoints are not chosen by metadata here');
  const { weighted_clusters: weighted } = action;
  if (!isThere(weighted)) return { [named(action.cluster, `${path}.cluster`)]: 1 };
  const place = `${path}.weighted_clusters`;
  refuse(weighted, ['header_name'], place, 'chance alone splits calls here');
  if (weighted.use_hash_policy?.value === true)
    throw new ResourceError(`${place}.use_hash_policy`, 'chance alone splits calls here');
  const split = new Map<string, number>();
  let sum = 0;
  (weighted.clusters ?? []).forEach((shape, at) => {
    const here = `${place}.clusters[${at}]`;
    refuse(shape, OF_WEIGHTS, here, 'one part of a split has a name and a weight here');
    refuse(shape, [...HEADERS, ...ANSWERS], here, 'headers are changed by the whole route here');
    const name = named(shape.name, `${here}.name`);
    const weight = uint(shape.weight, 0);
    sum += weight;
    split.set(name, (split.get(name) ?? 0) + weight);
  });
  if (sum > 0 && sum <= WEIGHTS_SUM_MAX) return Object.fromEntries(split);
  throw new ResourceError(`${place}.clusters`, `the weights add up to ${sum}`);
}

/** Null: nothing is copied. */
export function readMirror(shapes: readonly MirrorShape[], path: string): SaidMirror | null {
  if (shapes.length > 1) throw new ResourceError(`${path}[1]`, 'calls are copied once here');
  const [shape] = shapes;
  if (shape === undefined) return null;
  refuse(shape, OF_MIRRORS, `${path}[0]`, 'copies are sent as they are here');
  const share = readShare(shape.runtime_fraction);
  return share === 0 ? null : { cluster: named(shape.cluster, `${path}[0].cluster`), share };
}

/** `retry`: the route's own, or that of its host, and where it stands. Null: the route says nothing of its own. */
export function readSections(
  action: ActionShape,
  path: string,
  retry: readonly [RetryShape | undefined, string],
): RouteSections | null {
  refuse(action, ['hedge_policy', 'retry_policy_typed_config'], path, 'only retry_policy is understood');
  const [policy, place] = retry;
  const timeout = readTimeout(action, path);
  const hashHeader = readHash(action.hash_policy ?? [], `${path}.hash_policy`);
  const said: RouteSections = {
    ...(isThere(policy) ? { retry: readRetry(policy, place) } : {}),
    ...(Object.keys(timeout).length === 0 ? {} : { timeout }),
    ...(hashHeader === null ? {} : { hashHeader }),
  };
  return Object.keys(said).length === 0 ? null : said;
}

/** Codes that are not gRPC's mean nothing (A44). */
function readRetry(shape: RetryShape, path: string): Partial<RetryConfig> {
  const words = (shape.retry_on ?? '').split(',').map((word) => word.trim());
  const retryableStatuses = words.map((word) => STATUSES[word]).filter((code) => code !== undefined);
  const retries = uint(shape.num_retries, 1);
  const { retry_back_off: backoff } = shape;
  const place = `${path}.retry_back_off`;
  const base = positiveMs(backoff?.base_interval, `${place}.base_interval`);
  const max = positiveMs(backoff?.max_interval, `${place}.max_interval`);
  if (isThere(backoff) && base === null) throw new ResourceError(`${place}.base_interval`, 'it is missing');
  const backoffBaseMs = Math.max(1, base ?? BACKOFF_MS);
  const backoffMaxMs = Math.max(1, max ?? 10 * backoffBaseMs);
  if (backoffMaxMs < backoffBaseMs)
    throw new ResourceError(`${place}.max_interval`, 'it is less than base_interval');
  return {
    attempts: retryableStatuses.length === 0 ? 1 : Math.min(retries + 1, ATTEMPTS_MAX),
    ...(retryableStatuses.length === 0 ? {} : { retryableStatuses }),
    perTryTimeoutMs: durationMs(shape.per_try_timeout, `${path}.per_try_timeout`) ?? 0,
    backoffBaseMs,
    backoffMaxMs,
  };
}

/** As Envoy reads it: with `grpc_timeout_header_max` the caller's deadline counts, up to that; without, one bound for all. */
function readTimeout(
  { timeout, max_stream_duration: stream }: ActionShape,
  path: string,
): Partial<TimeoutConfig> {
  const place = `${path}.max_stream_duration`;
  const said: Partial<TimeoutConfig> = {};
  const offset = durationMs(stream?.grpc_timeout_header_offset, `${place}.grpc_timeout_header_offset`);
  if (offset !== null && offset > 0)
    throw new ResourceError(`${place}.grpc_timeout_header_offset`, 'a deadline is told as it is here');
  const most = durationMs(stream?.max_stream_duration, `${place}.max_stream_duration`);
  const header = durationMs(stream?.grpc_timeout_header_max, `${place}.grpc_timeout_header_max`);
  if (header !== null && most !== null) said.callMs = most;
  if ((header ?? most) !== null) said.callMaxMs = (header ?? most) as number;
  const whole = durationMs(timeout, `${path}.timeout`) ?? 0;
  if (whole > 0) said.callMaxMs = Math.min(whole, said.callMaxMs || whole);
  return said;
}

/** Policies other than by header mean nothing, as in gRPC (A42). */
function readHash(shapes: readonly HashPolicyShape[], path: string): string | null {
  let found: string | null = null;
  for (const [at, { header, terminal }] of shapes.entries()) {
    if (!isThere(header)) continue;
    if (found !== null) throw new ResourceError(`${path}[${at}]`, 'one header is hashed here');
    refuse(header, ['regex_rewrite'], `${path}[${at}].header`, 'the value is hashed as it is here');
    found = named(header.header_name, `${path}[${at}].header.header_name`).toLowerCase();
    if (terminal === true) break;
  }
  return found;
}
