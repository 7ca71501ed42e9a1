/** From a ClusterLoadAssignment to endpoints, or to the path of the field that is wrong. */
import { formatAddress, parseAddress } from '../policy/address.ts';
import { type Endpoint, WEIGHT_MAX } from '../policy/config.ts';
import { ResourceError } from './resource-error.ts';
import type { AssignmentShape, LbEndpointShape, LocalityEndpointsShape, MetadataShape } from './shapes.ts';

const ENDPOINTS_MAX = 100_000;
const PRIORITY_MAX = 128;
const WEIGHTS_SUM_MAX = 4_294_967_295;
/** Which metadata an endpoint keeps: what Envoy's subsets go by. */
const LB_METADATA = 'envoy.lb';
const SOCKET = 'endpoint.address.socket_address';
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const STATUSES: readonly (string | number)[] = [
  'UNKNOWN',
  'HEALTHY',
  'UNHEALTHY',
  'DRAINING',
  'TIMEOUT',
  'DEGRADED',
];

export interface Assignment {
  name: string;
  endpoints: readonly Endpoint[];
}

/**
 * Endpoints that are UNHEALTHY or in TIMEOUT are left out, as gRPC does (gRFC A27); draining ones keep their calls (A55). An
 * address that stands there twice counts once, as first said. Weights above `WEIGHT_MAX` shrink all of them in proportion;
 * what those of localities mean is the balancer's to say: nothing, as in Envoy, unless it is told otherwise.
 */
export function readAssignment(message: object, path = ''): Assignment {
  const shape = message as AssignmentShape;
  const name = shape.cluster_name ?? '';
  if (name === '') throw new ResourceError(`${path}cluster_name`, 'it is empty');
  const endpoints: Endpoint[] = [];
  const seen = new Set<string>();
  (shape.endpoints ?? []).forEach((group, at) =>
    readGroup(group, `${path}endpoints[${at}]`, endpoints, seen),
  );
  shrinkWeights(endpoints);
  return { name, endpoints };
}

function readGroup(
  group: LocalityEndpointsShape,
  path: string,
  endpoints: Endpoint[],
  seen: Set<string>,
): void {
  const priority = group.priority ?? 0;
  if (priority > PRIORITY_MAX)
    throw new ResourceError(`${path}.priority`, `${priority} is above ${PRIORITY_MAX}`);
  const { region = '', zone = '', sub_zone: subZone = '' } = group.locality ?? {};
  const locality = [region, zone, subZone].join('/').replace(/\/+$/, '');
  const localityWeight = group.load_balancing_weight?.value ?? null;
  const shapes = group.lb_endpoints ?? [];
  let at = 0;
  try {
    let weights = 0;
    for (; at < shapes.length; at++) {
      const endpoint = readEndpoint(shapes[at] as LbEndpointShape);
      weights += endpoint?.weight ?? 1;
      if (weights > WEIGHTS_SUM_MAX)
        throw new ResourceError(
          'load_balancing_weight',
          `the weights of a locality add up to more than ${WEIGHTS_SUM_MAX}`,
        );
      if (endpoint === null || seen.has(endpoint.address)) continue;
      if (endpoints.length === ENDPOINTS_MAX)
        throw new ResourceError('endpoint', `there are more than ${ENDPOINTS_MAX} endpoints`);
      seen.add(endpoint.address);
      if (priority > 0) endpoint.priority = priority;
      if (locality !== '') endpoint.locality = locality;
      if (localityWeight !== null) endpoint.localityWeight = localityWeight;
      endpoints.push(endpoint);
    }
  } catch (error) {
    throw error instanceof ResourceError ? error.within(`${path}.lb_endpoints[${at}]`) : error;
  }
}

/** Null: it is right, but gets no calls. */
function readEndpoint(shape: LbEndpointShape): Endpoint | null {
  const address = readAddress(shape);
  const said = shape.load_balancing_weight;
  const weight = said === undefined || said === null ? 1 : (said.value ?? 0);
  if (weight < 1)
    throw new ResourceError('load_balancing_weight', 'it is 0; what shall get nothing is draining');
  const status = shape.health_status ?? 'UNKNOWN';
  if (!STATUSES.includes(status))
    throw new ResourceError('health_status', `${status} is not a health status`);
  if (status === 'UNHEALTHY' || status === 'TIMEOUT') return null;
  const hostname = shape.endpoint?.hostname ?? '';
  const endpoint: Endpoint = {
    address,
    id: hostname === '' ? address : hostname,
    draining: status === 'DRAINING',
  };
  if (weight !== 1) endpoint.weight = weight;
  const metadata = readMetadata(shape.metadata);
  if (metadata !== null) endpoint.metadata = metadata;
  return endpoint;
}

/** Numbers, as EDS wants them: names are DNS's. */
function readAddress(shape: LbEndpointShape): string {
  const socket = shape.endpoint?.address?.socket_address;
  if (socket === undefined || socket === null) throw new ResourceError(SOCKET, 'it is missing');
  const host = socket.address ?? '';
  if (!isIp(host))
    throw new ResourceError(`${SOCKET}.address`, `${JSON.stringify(host)} is not an IP address`);
  const port = socket.port_value ?? 0;
  if (port < 1 || port > 65_535)
    throw new ResourceError(`${SOCKET}.port_value`, `${port} is not a port from 1 to 65535`);
  return formatAddress(host, port);
}

function isIp(host: string): boolean {
  if (IPV4.test(host)) return true;
  return host.includes(':') && parseAddress(`[${host}]:1`) !== null;
}

function readMetadata(shape: MetadataShape | undefined | null): Record<string, string> | null {
  const fields = shape?.filter_metadata?.[LB_METADATA]?.fields;
  if (fields === undefined || fields === null) return null;
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields)) {
    const said = value.stringValue ?? value.numberValue ?? value.boolValue;
    if (said !== undefined) texts[key] = String(said);
  }
  return texts;
}

function shrinkWeights(endpoints: readonly Endpoint[]): void {
  const most = endpoints.reduce((sofar, { weight = 1 }) => (weight > sofar ? weight : sofar), 1);
  if (most <= WEIGHT_MAX) return;
  for (const endpoint of endpoints) {
    const shrunk = Math.round(((endpoint.weight ?? 1) * WEIGHT_MAX) / most);
    endpoint.weight = shrunk < 1 ? 1 : shrunk;
  }
}
