/** Flags and file of a control plane; and the mesh file that a control plane itself is given. */
import { describe, expect, it } from 'vitest';
import { parseMesh } from '../../../proxy/control-plane/parse-mesh.ts';
import { CONFIG_SCHEMA } from '../../../proxy/host/config-schema.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';

const LISTEN = { listen: '127.0.0.1:0' };
const ROUTING = '{"clusters":{},"routes":[{"cluster":"default","own":{}}]}';
const XDS = { ...LISTEN, xds: 'cp:1' };

describe('a control plane as source of endpoints', () => {
  it('is followed from a listener or a cluster on', () => {
    const { discovery } = resolveOptions({ ...XDS, 'xds-listener': 'front', 'xds-variant': 'delta' });
    expect(discovery).toMatchObject({
      kind: 'xds',
      server: 'cp:1',
      follow: { listener: 'front' },
      variant: 'delta',
      versions: 'any',
      absentMs: 15_000,
    });
    expect(resolveOptions({ ...XDS, 'xds-cluster': 'a' }).discovery).toMatchObject({
      follow: { cluster: 'a' },
    });
    expect(resolveOptions({ ...LISTEN, upstream: 'a:1' }).discovery).toBeNull();
  });

  it.each([
    [XDS, 'it is not said what to follow'],
    [{ ...XDS, 'xds-listener': 'a', 'xds-cluster': 'b' }, 'two things to follow are given'],
    [{ ...LISTEN, 'xds-cluster': 'b' }, '--xds-cluster is given, and no control plane'],
    [{ ...LISTEN, 'xds-listener': 'b' }, '--xds-listener is given, and no control plane'],
    [{ ...XDS, 'xds-cluster': 'b', upstream: 'a:1' }, 'endpoints are given twice'],
    [{ ...XDS, 'xds-listener': 'b', routing: ROUTING }, 'routes are given twice'],
    [{ ...XDS, xds: 'cp:0', 'xds-cluster': 'b' }, '"cp:0" is not HOST:PORT'],
    [{ ...XDS, 'xds-cluster': 'b', 'xds-variant': 'both' }, '"both" is not one of sotw, delta'],
    [{ ...XDS, 'xds-cluster': 'b', 'discovery.backoffMaxMs': '10' }, '"10" is not a number from 500'],
  ])('%j is refused', (flags, said) => {
    expect(() => resolveOptions(flags)).toThrow(said);
  });

  it('may be spoken to over TLS', () => {
    const flags = { ...XDS, 'xds-cluster': 'b', routing: ROUTING };
    expect(resolveOptions(flags).discovery).toMatchObject({ tls: null });
    const file = { 'discovery.tls': true, 'discovery.ca': '/ca.pem' };
    const tls = { caFile: '/ca.pem', serverName: null };
    expect(resolveOptions(flags, file).discovery).toMatchObject({ tls });
  });

  it('stands in the schema', () => {
    const discovery = { kind: 'xds', server: 'cp:1', listener: 'front', versions: 'rising' };
    expect(CONFIG_SCHEMA.safeParse({ discovery }).success).toBe(true);
    expect(CONFIG_SCHEMA.safeParse({ discovery: { ...discovery, kind: 'ads' } }).success).toBe(false);
  });
});

describe('DNS as source of endpoints', () => {
  it('is asked for addresses or for a service', () => {
    expect(resolveOptions({ ...LISTEN, dns: 'svc.local:50051' }).discovery).toEqual({
      kind: 'dns',
      name: 'svc.local',
      port: 50_051,
      type: 'A',
      dialect: 'strict',
      server: null,
      minRefreshMs: 1_000,
      maxRefreshMs: 30_000,
    });
    const flags = { ...LISTEN, 'dns-srv': '_grpc._tcp.svc.local', 'dns-server': '127.0.0.1:53' };
    expect(resolveOptions(flags).discovery).toMatchObject({ type: 'SRV', server: '127.0.0.1:53' });
  });

  it.each([
    [{ dns: 'svc.local' }, '"svc.local" is not HOST:PORT'],
    [{ dns: 'a:1', 'dns-srv': 'b' }, 'endpoints are given twice'],
    [{ dns: 'a:1', upstream: 'b:1' }, 'endpoints are given twice'],
    [{ dns: 'a:1', xds: 'b:1', 'xds-cluster': 'c' }, 'endpoints are given twice'],
    [{ 'dns-srv': 'svc.local:53' }, '"svc.local:53" is no name'],
    [{ 'dns-server': '127.0.0.1:53' }, 'no name is given'],
    [{ dns: 'a:1', 'dns-server': 'ns.local:53' }, '"ns.local:53" is not IP:PORT'],
    [{ dns: 'a:1', 'discovery.maxRefreshMs': '10' }, '"10" is not a number from 1000'],
  ])('%j is refused', (flags, said) => {
    expect(() => resolveOptions({ ...LISTEN, ...flags })).toThrow(said);
  });

  it('may take a name as one logical endpoint, but no service', () => {
    const logical = { 'discovery.dialect': 'logical' };
    expect(resolveOptions({ ...LISTEN, dns: 'svc.local:50051' }, logical).discovery).toMatchObject({
      dialect: 'logical',
    });
    expect(() => resolveOptions({ ...LISTEN, 'dns-srv': 'svc.local' }, logical)).toThrow(
      'a name is one logical endpoint, and SRV records name several',
    );
  });

  it('stands in the schema', () => {
    const discovery = { kind: 'dns', name: 'svc.local', port: 50_051, minRefreshMs: 500 };
    expect(CONFIG_SCHEMA.safeParse({ discovery }).success).toBe(true);
    expect(CONFIG_SCHEMA.safeParse({ discovery: { ...discovery, dialect: 'logical' } }).success).toBe(true);
    for (const wrong of [{ type: 'MX' }, { dialect: 'lazy' }])
      expect(CONFIG_SCHEMA.safeParse({ discovery: { ...discovery, ...wrong } }).success).toBe(false);
  });
});

describe('a registry as source of endpoints', () => {
  it('is asked for a service', () => {
    const flags = { ...LISTEN, registry: 'r:1', 'registry-service': 'greeter' };
    const discovery = { kind: 'registry', address: 'r:1', service: 'greeter' };
    expect(resolveOptions(flags).discovery).toEqual({ ...discovery, tls: null, tokenFile: null });
    const more = { 'registry-tls': true, 'registry-ca': '/ca.pem', 'registry-token-file': '/token' };
    const secured = { tls: { caFile: '/ca.pem', serverName: null }, tokenFile: '/token' };
    expect(resolveOptions({ ...flags, ...more }).discovery).toEqual({ ...discovery, ...secured });
    expect(() => resolveOptions({ ...flags, 'registry-ca': '/ca.pem' })).toThrow('spoken to in the clear');
    expect(() => resolveOptions({ ...LISTEN, upstream: 'a:1', 'registry-tls': true })).toThrow(
      'and no registry',
    );
    expect(CONFIG_SCHEMA.safeParse({ discovery }).success).toBe(true);
    expect(() => resolveOptions({ ...LISTEN, registry: 'r:1' })).toThrow('needs an address and a service');
    expect(() => resolveOptions({ ...flags, dns: 'a:1' })).toThrow('endpoints are given twice');
  });
});

describe('the mesh file', () => {
  const one = (endpoint: string) => `clusters: { a: { endpoints: [{ address: 127.0.0.1:1 }, ${endpoint}] } }`;
  const route = (text: string) =>
    `clusters: { a: { endpoints: [] } }\nlisteners: { f: { routes: [{ ${text} }] } }`;

  it('DC-06: may have one address in two clusters; twice in one is told with its fix', () => {
    const cluster = 'endpoints: [{ address: 127.0.0.1:1 }]';
    expect(
      Object.keys(parseMesh(`clusters: { a: { ${cluster} }, b: { ${cluster} } }`, 'f').clusters),
    ).toEqual(['a', 'b']);
    expect(() => parseMesh(one('{ address: 127.0.0.1:1 }'), 'f')).toThrow(
      expect.objectContaining({ place: 'f', remedy: expect.stringContaining('one of the two endpoints') }),
    );
  });

  it('is read', () => {
    const plan = parseMesh(`${route('split: { a: 3 }')}`, 'f');
    expect(plan).toEqual({
      clusters: { a: { endpoints: [] } },
      listeners: { f: { routes: [{ split: { a: 3 } }] } },
    });
  });

  it.each([
    ['', 'it is empty'],
    ['a: [', 'it is neither YAML nor JSON'],
    ['clusters: 7', 'clusters: '],
    [one('{ address: nowhere }'), 'clusters.a.endpoints.1.address: must be IP:PORT'],
    [
      one('{ address: name:1 }'),
      'a: endpoints[0].lb_endpoints[1].endpoint.address.socket_address.address: "name" is',
    ],
    [
      one('{ address: 127.0.0.1:1 }'),
      'clusters.a.endpoints.1.address: 127.0.0.1:1 stands there twice, in endpoints.0 too',
    ],
    [one('{ address: 127.0.0.1:2, weight: 0 }'), 'clusters.a.endpoints.1.weight: a weight is at least 1'],
    [one('{ address: 127.0.0.1:2, priority: 129 }'), 'clusters.a.endpoints.1.priority'],
    [one('{ address: 127.0.0.1:2, health: dead }'), 'clusters.a.endpoints.1.health'],
    [one('{ address: 127.0.0.1:2, wieght: 1 }'), 'wieght'],
    [route('match: {}'), 'listeners.f.routes.0: give either cluster or split'],
    [route('cluster: b'), 'listeners.f.routes.0: there is no cluster "b"'],
    [route('split: { b: 1 }'), 'listeners.f.routes.0: there is no cluster "b"'],
    [route('cluster: a, mirror: { cluster: b }'), 'listeners.f.routes.0: there is no cluster "b"'],
    [route('cluster: a, split: { a: 1 }'), 'listeners.f.routes.0: give either cluster or split'],
    [route('cluster: a, prefix: /'), 'Unrecognized key: "prefix"'],
    [route('split: { a: 0 }'), 'f: virtual_hosts[0].routes[0].route.weighted_clusters.clusters: the weights'],
    [
      route('cluster: a, timeout: { connectMs: 5 }'),
      'listeners.f.routes.0.timeout.connectMs: it cannot be told',
    ],
  ])('%j is refused with the place', (text, said) => {
    expect(() => parseMesh(text, 'mesh.yaml')).toThrow(said);
  });
});
