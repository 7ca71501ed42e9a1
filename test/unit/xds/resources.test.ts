/** What a resource must be to be used, and which field is named when it is not; versions; what Envoy needs in ours. */
import { describe, expect, it } from 'vitest';
import { WEIGHT_MAX } from '../../../proxy/policy/config.ts';
import { buildMessages } from '../../../proxy/xds/build.ts';
import { CLUSTER, ENDPOINTS, LISTENER, PLAIN_CODEC, type TypeUrl } from '../../../proxy/xds/messages.ts';
import { CONNECTION_MANAGER, readResource } from '../../../proxy/xds/read-resource.ts';
import { compareVersions, digestIn, digestOf, versionText } from '../../../proxy/xds/versions.ts';
import { at, mesh } from './rig.ts';

const read = (type: TypeUrl, message: object): any => readResource(type, message, PLAIN_CODEC);
const socket = (address: unknown, port_value: unknown) => ({
  endpoint: { address: { socket_address: { address, port_value } } },
});
const group = (...lb_endpoints: object[]) => ({ cluster_name: 'a', endpoints: [{ lb_endpoints }] });
const manager = (value: object, type_url = CONNECTION_MANAGER) => ({
  name: 'l',
  filter_chains: [
    { filters: [{ typed_config: { type_url: 'x', value: {} } }, { typed_config: { type_url, value } }] },
  ],
});
const routes = (...list: object[]) => ({ name: 'r', virtual_hosts: [{ domains: ['*'], routes: list }] });
const all = { match: { prefix: '/' } };

const LAST = 'filter_chains[0].filters[1].typed_config';
const BAD: [TypeUrl, object, string][] = [
  [ENDPOINTS, {}, 'cluster_name: it is empty'],
  [ENDPOINTS, group({}), 'endpoints[0].lb_endpoints[0].endpoint.address.socket_address: it is missing'],
  [
    ENDPOINTS,
    group(socket('1.2.3.4', 1), socket('1.2.3.256', 1)),
    'endpoints[0].lb_endpoints[1].endpoint.address.socket_address.address: "1.2.3.256" is not an IP address',
  ],
  [
    ENDPOINTS,
    group(socket('01.2.3.4', 1)),
    'endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: "01.2.3.4" is not an IP address',
  ],
  [
    ENDPOINTS,
    group(socket('::g', 1)),
    'endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: "::g" is not an IP address',
  ],
  [
    ENDPOINTS,
    group(socket('1.2.3.4', 0)),
    'endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value: 0 is not a port from 1 to 65535',
  ],
  [
    ENDPOINTS,
    group(socket('1.2.3.4', 65_536)),
    'endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value: 65536 is not a port from 1 to 65535',
  ],
  [
    ENDPOINTS,
    group({ ...socket('1.2.3.4', 1), load_balancing_weight: {} }),
    'endpoints[0].lb_endpoints[0].load_balancing_weight: it is 0; what shall get nothing is draining',
  ],
  [
    ENDPOINTS,
    group({ ...socket('1.2.3.4', 1), health_status: 99 }),
    'endpoints[0].lb_endpoints[0].health_status: 99 is not a health status',
  ],
  [
    ENDPOINTS,
    group({ ...socket('1.2.3.4', 1), load_balancing_weight: { value: 4_294_967_295 } }, socket('1.2.3.5', 1)),
    'endpoints[0].lb_endpoints[1].load_balancing_weight: the weights of a locality add up to more than 4294967295',
  ],
  [
    ENDPOINTS,
    { cluster_name: 'a', endpoints: [{ priority: 129 }] },
    'endpoints[0].priority: 129 is above 128',
  ],
  [CLUSTER, {}, 'name: it is empty'],
  [CLUSTER, { name: 'a' }, 'load_assignment: it is missing, and the type is STATIC'],
  [CLUSTER, { name: 'a', type: 'STRICT_DNS' }, 'type: STRICT_DNS is neither EDS nor STATIC'],
  [CLUSTER, { name: 'a', type: 'EDS' }, 'eds_cluster_config.eds_config: it names neither ads nor self'],
  [
    CLUSTER,
    { name: 'a', lb_policy: 'CLUSTER_PROVIDED' },
    'lb_policy: CLUSTER_PROVIDED is none of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV',
  ],
  [
    CLUSTER,
    { name: 'a', load_assignment: { endpoints: [{ lb_endpoints: [socket('x', 1)] }] } },
    'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: "x" is not an IP address',
  ],
  [LISTENER, { name: 'l' }, 'filter_chains[0].filters: there is no HTTP connection manager'],
  [LISTENER, manager({}, 'tcp'), `${LAST}: "tcp" is not the HTTP connection manager`],
  [LISTENER, manager({}), `${LAST}: it has neither rds nor route_config`],
  [LISTENER, manager({ rds: {} }), `${LAST}.rds.route_config_name: it is empty`],
  [LISTENER, manager(7 as never), `${LAST}: it cannot be parsed: it is no message`],
];

describe('a resource that cannot be used', () => {
  it.each(BAD)('%s %j', (type, message, said) => {
    expect(() => read(type, message)).toThrow(said);
  });
});

describe('a resource that can', () => {
  it('weights above what balancers count with shrink in proportion', () => {
    const weigh = (value: number, n: number) => ({
      ...socket(`1.1.1.${n}`, 1),
      load_balancing_weight: { value },
    });
    const { endpoints } = read(ENDPOINTS, group(weigh(1_000_000, 1), weigh(500_000, 2), weigh(1, 3)));
    expect(endpoints.map((one: { weight: number }) => one.weight)).toEqual([WEIGHT_MAX, WEIGHT_MAX / 2, 1]);
  });

  it('DC-05: an address that stands there twice is one endpoint, as first said', () => {
    const { endpoints } = read(ENDPOINTS, {
      cluster_name: 'a',
      endpoints: [
        { lb_endpoints: [socket('1.1.1.1', 1)] },
        { priority: 1, lb_endpoints: [socket('1.1.1.1', 1), socket('::1', 2)] },
      ],
    });
    expect(endpoints).toEqual([
      { address: '1.1.1.1:1', id: '1.1.1.1:1', draining: false },
      { address: '[::1]:2', id: '[::1]:2', draining: false, priority: 1 },
    ]);
  });

  it('a cluster with endpoints of its own, a listener with routes of its own, a split of one', () => {
    const own = { endpoints: [{ lb_endpoints: [socket('1.1.1.1', 1)] }] };
    expect(read(CLUSTER, { name: 'a', load_assignment: own }).endpoints).toHaveLength(1);
    const within = routes({
      ...all,
      route: { weighted_clusters: { clusters: [{ name: 'b', weight: { value: 1 } }] } },
    });
    expect(read(LISTENER, manager({ route_config: within })).table).toMatchObject({ clusters: ['b'] });
  });

  it('what a control plane makes is right', () => {
    const plan = mesh({ a: [at(1, { weight: 2, locality: 'eu/a' }), at(2, { health: 'draining' })] });
    for (const [type, messages] of Object.entries(buildMessages(plan, PLAIN_CODEC)))
      for (const message of messages ?? []) expect(() => read(type as TypeUrl, message)).not.toThrow();
  });
});

describe('versions', () => {
  it('are older only where both begin with a whole number', () => {
    expect(compareVersions('9', '10')).toBeLessThan(0);
    expect(compareVersions('10.abc', '9.def')).toBeGreaterThan(0);
    expect(compareVersions('2.abc', '2.def')).toBe(0);
    expect(compareVersions('v1', '2')).toBe(0);
    expect(compareVersions('1', '')).toBe(0);
  });

  it('tell any two texts apart that differ in one place', () => {
    const seen = new Set<string>();
    for (let at = 0; at < 200; at++)
      for (const letter of 'abcde') seen.add(digestOf(`${'x'.repeat(at)}${letter}${'x'.repeat(199 - at)}`));
    expect(seen.size).toBe(1_000);
    expect(digestIn(versionText(7, digestOf('a')))).toBe(digestOf('a'));
    expect(digestIn('7')).toBe('');
  });
});
