/** From a Cluster to where its endpoints are to be had and its policies, or to the path of the field that is wrong. */
import { type BalancerName, DEFAULT_BALANCER, type Endpoint } from '../policy/config.ts';
import { type BreakerConfig, DEFAULT_BREAKER } from '../policy/failover-config.ts';
import type { ClusterSections } from './policies.ts';
import { readAssignment } from './read-endpoints.ts';
import { isThere, named, positiveMs, refuse, uint } from './read-fields.ts';
import { readOutlier } from './read-outlier.ts';
import { ResourceError } from './resource-error.ts';
import type { ClusterShape, ThresholdsShape, UintShape } from './shapes.ts';

/** `assignment`: the name under which its endpoints are asked for; `endpoints` where it brings them itself. */
export interface ClusterResource {
  kind: 'cluster';
  name: string;
  assignment: string;
  endpoints: readonly Endpoint[] | null;
  /** What it says of policies. */
  sections: ClusterSections;
}

/** Null: the sidecar's own balancer, for whoever says nothing says this, too. */
const BALANCERS: Readonly<Record<string, BalancerName | null>> = {
  ROUND_ROBIN: null,
  LEAST_REQUEST: 'least_request',
  RING_HASH: 'ring_hash',
  RANDOM: 'random',
  MAGLEV: 'maglev',
};
const RAW = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
const RING_MAX = 8_388_608;
const RING_MIN = 1_024;
const TABLE_MAX = 5_000_011;
const CHOICES_MAX = 10;

export function readCluster(shape: ClusterShape): ClusterResource {
  const name = named(shape.name, 'name');
  refuse(shape, ['load_balancing_policy'], '', 'only lb_policy is understood');
  refuse(shape, ['lb_subset_config'], '', 'endpoints are not chosen by metadata here');
  refuse(shape, ['transport_socket_matches'], '', "the sidecar's own upstream TLS is all there is");
  const { transport_socket: socket } = shape;
  if (isThere(socket) && socket.typed_config?.type_url !== RAW)
    throw new ResourceError('transport_socket', "the sidecar's own upstream TLS is all there is");
  return { kind: 'cluster', name, sections: readSections(shape), ...readSource(shape, name) };
}

function readSource(shape: ClusterShape, name: string): Pick<ClusterResource, 'assignment' | 'endpoints'> {
  refuse(shape, ['cluster_type'], '', 'only type EDS and STATIC are understood');
  const type = shape.type ?? 'STATIC';
  if (type === 'STATIC') {
    const own = shape.load_assignment;
    if (!isThere(own)) throw new ResourceError('load_assignment', 'it is missing, and the type is STATIC');
    const { endpoints } = readAssignment({ ...own, cluster_name: name }, 'load_assignment.');
    return { assignment: '', endpoints };
  }
  if (type !== 'EDS') throw new ResourceError('type', `${type} is neither EDS nor STATIC`);
  const source = shape.eds_cluster_config?.eds_config;
  if (!source?.ads && !source?.self)
    throw new ResourceError('eds_cluster_config.eds_config', 'it names neither ads nor self');
  return { assignment: shape.eds_cluster_config?.service_name || name, endpoints: null };
}

function readSections(shape: ClusterShape): ClusterSections {
  const balancer = readBalancer(shape);
  const connectMs = positiveMs(shape.connect_timeout, 'connect_timeout');
  const { outlier_detection: outlier } = shape;
  return {
    ...(Object.keys(balancer).length === 0 ? {} : { balancer }),
    ...(connectMs === null ? {} : { timeout: { connectMs } }),
    ...readBreakers(shape),
    ...(isThere(outlier) ? { outlier: readOutlier(outlier) } : {}),
  };
}

function readBalancer(shape: ClusterShape): NonNullable<ClusterSections['balancer']> {
  const policy = String(shape.lb_policy ?? 'ROUND_ROBIN');
  const name = BALANCERS[policy];
  if (name === undefined)
    throw new ResourceError('lb_policy', `${policy} is none of ${Object.keys(BALANCERS).join(', ')}`);
  const localities = isThere(shape.common_lb_config?.locality_weighted_lb_config)
    ? { localities: 'weighted' as const }
    : {};
  if (name === null) return localities;
  const said = { name, ...localities };
  if (name === 'least_request') return { ...said, choices: readChoices(shape) };
  if (name === 'ring_hash') return { ...said, ringSizeMax: readRing(shape) };
  return name === 'maglev' ? { ...said, tableSize: readTable(shape) } : said;
}

/** More than ten are ten (A48). */
function readChoices({ least_request_lb_config: config }: ClusterShape): number {
  const choices = uint(config?.choice_count, DEFAULT_BALANCER.choices);
  if (choices >= 2) return Math.min(choices, CHOICES_MAX);
  throw new ResourceError('least_request_lb_config.choice_count', `${choices} is less than 2`);
}

/** The least size means nothing: a ring has points by weight here. */
function readRing({ ring_hash_lb_config: config }: ClusterShape): number {
  const place = 'ring_hash_lb_config';
  if ((config?.hash_function ?? 'XX_HASH') !== 'XX_HASH')
    throw new ResourceError(`${place}.hash_function`, 'only XX_HASH is taken, as in gRPC (A42)');
  const least = uint(config?.minimum_ring_size, RING_MIN);
  const most = uint(config?.maximum_ring_size, Math.max(least, DEFAULT_BALANCER.ringSizeMax));
  if (most > RING_MAX)
    throw new ResourceError(`${place}.maximum_ring_size`, `${most} is more than ${RING_MAX}`);
  if (least > most) throw new ResourceError(`${place}.minimum_ring_size`, `${least} is more than ${most}`);
  return Math.max(RING_MIN, most);
}

function readTable({ maglev_lb_config: config }: ClusterShape): number {
  const size = uint(config?.table_size, DEFAULT_BALANCER.tableSize);
  if (size <= TABLE_MAX && isPrime(size)) return size;
  throw new ResourceError('maglev_lb_config.table_size', `${size} is no prime up to ${TABLE_MAX}`);
}

function isPrime(size: number): boolean {
  for (let divisor = 2; divisor * divisor <= size; divisor++) if (size % divisor === 0) return false;
  return size > 1;
}

/** Those of the default priority; the first of several counts, as in Envoy. */
function readBreakers({ circuit_breakers: shape }: ClusterShape): ClusterSections {
  const at = (shape?.thresholds ?? []).findIndex(ofDefault);
  const one = shape?.thresholds?.[at];
  const host = (shape?.per_host_thresholds ?? []).findIndex(ofDefault);
  const each = shape?.per_host_thresholds?.[host];
  const place = `circuit_breakers.thresholds[${at}]`;
  const retry = readBudget(one, `${place}.retry_budget`);
  if (one === undefined && each === undefined) return {};
  const base = DEFAULT_BREAKER;
  const bound = (field: BoundField, fallback: number): number =>
    readBound(one?.[field], fallback, `${place}.${field}`);
  const circuitBreaker: BreakerConfig = {
    ...base,
    maxConnections: bound('max_connections', base.maxConnections),
    maxPending: bound('max_pending_requests', base.maxPending),
    maxRequests: bound('max_requests', base.maxRequests),
    maxRetries: bound('max_retries', base.maxRetries),
    endpointMaxConnections: readBound(
      each?.max_connections,
      base.endpointMaxConnections,
      `circuit_breakers.per_host_thresholds[${host}].max_connections`,
    ),
  };
  return { ...retry, circuitBreaker };
}

type BoundField = 'max_connections' | 'max_pending_requests' | 'max_requests' | 'max_retries';

function ofDefault({ priority = 'DEFAULT' }: ThresholdsShape): boolean {
  return priority === 'DEFAULT';
}

/** None at all is what a bound of 0 says, and cannot be said here. */
function readBound(shape: UintShape | undefined, fallback: number, path: string): number {
  const value = uint(shape, fallback);
  if (value > 0 || !isThere(shape)) return value;
  throw new ResourceError(path, 'it is 0, which would be no bound here');
}

function readBudget(one: ThresholdsShape | undefined, path: string): ClusterSections {
  const budget = one?.retry_budget;
  if (!isThere(budget)) return {};
  const share = isThere(budget.budget_percent) ? (budget.budget_percent.value ?? 0) : 20;
  if (!(share >= 0 && share <= 100))
    throw new ResourceError(`${path}.budget_percent`, `${share} is not 0 to 100`);
  return { retry: { budget: share / 100, budgetMinConcurrent: uint(budget.min_retry_concurrency, 3) } };
}
