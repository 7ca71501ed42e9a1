/** Routes of a control plane: what each field becomes, and which field is named when it cannot become anything. */
import { describe, expect, it } from 'vitest';
import { LISTENER, PLAIN_CODEC, ROUTES } from '../../../proxy/xds/messages.ts';
import { CONNECTION_MANAGER, readResource, ROUTER } from '../../../proxy/xds/read-resource.ts';
import type { RouteResource } from '../../../proxy/xds/read-routes.ts';

const table = (message: object): RouteResource =>
  readResource(ROUTES, { name: 'r', ...message }, PLAIN_CODEC) as RouteResource;
const host = (routes: object[], more: object = {}) => ({ name: 'h', domains: ['*'], routes, ...more });
const hosts = (...virtual_hosts: object[]) => ({ virtual_hosts });
const to = (cluster: string, match: object = { prefix: '/' }) => ({ match, route: { cluster } });
const acting = (route: object, match: object = { prefix: '/' }) =>
  hosts(host([{ match, route: { cluster: 'a', ...route } }]));
const first = (message: object) => table(message).routes[0] as RouteResource['routes'][number];
const matching = (match: object) => table(hosts(host([to('a', match)]))).routes[0]?.match;
const uint = (value: number) => ({ value });
const s = (seconds: number, nanos = 0) => ({ seconds, nanos });

describe('a match', () => {
  it.each<[object, object | undefined]>([
    [{ prefix: '' }, {}],
    [{ prefix: '/' }, {}],
    [{ prefix: '/pkg.Service/' }, { service: 'pkg.Service' }],
    [{ prefix: '/pkg.Service' }, { service: 'pkg.Service*' }],
    [{ prefix: '/pkg.Service/Get' }, { service: 'pkg.Service', method: 'Get*' }],
    [{ path: '/pkg.Service/Method' }, { service: 'pkg.Service', method: 'Method' }],
    // No method of gRPC has such a path (A28).
    [{ path: '/' }, undefined],
    [{ path: 'pkg/Method' }, undefined],
    [{ path: '/a/b/c' }, undefined],
    [{ prefix: 'pkg' }, undefined],
    [{ prefix: '//x' }, undefined],
    [{ prefix: '/a/b/c' }, undefined],
    [{ prefix: '/', case_sensitive: { value: true } }, {}],
    [{ prefix: '/', runtime_fraction: { default_value: { numerator: 100 } } }, {}],
    [{ prefix: '/', runtime_fraction: { default_value: { numerator: 1e6, denominator: 'MILLION' } } }, {}],
    [{ prefix: '/', runtime_fraction: { default_value: {} } }, undefined],
  ])('%j', (match, becomes) => {
    expect(matching(match)).toEqual(becomes);
  });

  it.each<[object, string]>([
    [{ name: 'X-A', exact_match: 'v' }, 'v'],
    [{ name: 'x-a', exact_match: '' }, ''],
    [{ name: 'x-a', prefix_match: 'v' }, 'v*'],
    [{ name: 'x-a', suffix_match: 'v' }, '*v'],
    [{ name: 'x-a', present_match: true }, '*'],
    [{ name: 'x-a' }, '*'],
    [{ name: 'x-a', string_match: { exact: 'v' } }, 'v'],
    [{ name: 'x-a', string_match: { prefix: 'v' } }, 'v*'],
    [{ name: 'x-a', string_match: { suffix: 'v' } }, '*v'],
  ])('a header %j', (header, becomes) => {
    expect(matching({ prefix: '/', headers: [header] })).toEqual({ headers: { 'x-a': becomes } });
  });
});

it('a header, a cluster or a field that is called as an object’s own things is one like any other', () => {
  const names = ['__proto__', 'constructor', 'tostring'];
  const headers = names.map((name) => ({ name, exact_match: 'v' }));
  const match = matching({ prefix: '/', headers }) as { headers: object };
  expect(Object.entries(match.headers)).toEqual(names.map((name) => [name, 'v']));
  const clusters = names.map((name, at) => ({ name, weight: { value: at + 1 } }));
  const { routes, clusters: named } = table(
    hosts(host([{ match: { prefix: '/' }, route: { weighted_clusters: { clusters } } }])),
  );
  expect(Object.entries(routes[0]?.split ?? {})).toEqual(names.map((name, at) => [name, at + 1]));
  expect(named).toEqual(names);
  const set = names.map((key) => ({
    header: { key, value: 'v' },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
  }));
  const changed = table(hosts(host([{ ...to('a'), request_headers_to_add: set }])));
  expect(Object.keys(changed.routes[0]?.rewrite?.set ?? {})).toEqual(names);
});

describe('hosts by authority', () => {
  it('keep the order of domains: exact, the longest end, the longest beginning, any; and no host takes over from another', () => {
    const { routes } = table(
      hosts(
        host([to('any')]),
        { domains: ['*.example', 'a.*'], routes: [to('some', { prefix: '/s/' })] },
        { domains: ['*.b.example', 'A.Example'], routes: [to('most')] },
        { domains: ['a.b.*'], routes: [] },
      ),
    );
    expect(
      routes.map(({ match, split }) => [match?.authority, match?.service, Object.keys(split ?? {})[0]]),
    ).toEqual([
      ['a.example', undefined, 'most'],
      ['*.b.example', undefined, 'most'],
      ['*.example', 's', 'some'],
      ['*.example', undefined, undefined],
      ['a.b.*', undefined, undefined],
      ['a.*', 's', 'some'],
      ['a.*', undefined, undefined],
      [undefined, undefined, 'any'],
    ]);
    // What stands for several domains is one route.
    expect(routes[0]?.split).toBe(routes[1]?.split);
    expect(table({}).routes).toEqual([]);
  });
});

describe('an action', () => {
  it('goes to one cluster, or to several by weight', () => {
    expect(first(acting({})).split).toEqual({ a: 1 });
    const clusters = [
      { name: 'a', weight: uint(80) },
      { name: 'b', weight: uint(0) },
      { name: 'a', weight: uint(5) },
      { name: 'c', weight: uint(15) },
    ];
    const resource = table(
      hosts(host([{ match: { prefix: '/' }, route: { weighted_clusters: { clusters } } }])),
    );
    expect(resource.routes[0]?.split).toEqual({ a: 85, b: 0, c: 15 });
    expect(resource.clusters).toEqual(['a', 'b', 'c']);
  });

  it('copies, by the share of a fraction; what the route does not say the host does, and then the table', () => {
    const copy = (cluster: string, more: object = {}) => ({
      request_mirror_policies: [{ cluster, ...more }],
    });
    const tenth = { runtime_fraction: { default_value: { numerator: 1_000, denominator: 'TEN_THOUSAND' } } };
    expect(first(acting(copy('m', tenth))).mirror).toEqual({ cluster: 'm', share: 0.1 });
    expect(table(acting(copy('m'))).clusters).toEqual(['a', 'm']);
    expect(first(acting(copy('m', { runtime_fraction: {} }))).mirror).toBeNull();
    const outer = { ...hosts(host([to('a')], copy('h'))), ...copy('t') };
    expect(first(outer).mirror?.cluster).toBe('h');
    expect(first({ ...hosts(host([to('a')])), ...copy('t') }).mirror?.cluster).toBe('t');
    expect(first(acting({})).mirror).toBeNull();
  });

  it.each<[object, object | undefined]>([
    [{}, undefined],
    [{ timeout: s(0) }, undefined],
    [{ timeout: s(2) }, { callMaxMs: 2_000 }],
    [{ max_stream_duration: { max_stream_duration: s(0, 5e8) } }, { callMaxMs: 500 }],
    [{ max_stream_duration: { max_stream_duration: s(0) } }, { callMaxMs: 0 }],
    [{ timeout: s(1), max_stream_duration: { max_stream_duration: s(3) } }, { callMaxMs: 1_000 }],
    [{ max_stream_duration: { grpc_timeout_header_max: s(3) } }, { callMaxMs: 3_000 }],
    [
      { max_stream_duration: { max_stream_duration: s(1), grpc_timeout_header_max: s(0) } },
      { callMs: 1_000, callMaxMs: 0 },
    ],
    [
      {
        max_stream_duration: {
          max_stream_duration: s(1),
          grpc_timeout_header_max: s(4),
          grpc_timeout_header_offset: s(0),
        },
      },
      { callMs: 1_000, callMaxMs: 4_000 },
    ],
  ])('its time: %j', (action, timeout) => {
    expect(first(acting(action)).own?.timeout).toEqual(timeout);
  });

  it.each<[object, object]>([
    [{ retry_on: '5xx,unavailable, cancelled' }, { attempts: 2, retryableStatuses: [14, 1] }],
    [
      { retry_on: 'deadline-exceeded,internal,resource-exhausted', num_retries: uint(9) },
      { attempts: 5, retryableStatuses: [4, 13, 8] },
    ],
    [{ retry_on: '5xx', num_retries: uint(3) }, { attempts: 1 }],
    [
      { retry_on: 'unavailable', num_retries: uint(0) },
      { attempts: 1, retryableStatuses: [14] },
    ],
    [
      { retry_on: 'unavailable', per_try_timeout: s(0, 25e6) },
      { attempts: 2, retryableStatuses: [14], perTryTimeoutMs: 25 },
    ],
    [
      { retry_on: 'unavailable', retry_back_off: { base_interval: s(0, 1e5) } },
      { attempts: 2, retryableStatuses: [14], backoffBaseMs: 1, backoffMaxMs: 10 },
    ],
    [
      { retry_on: 'unavailable', retry_back_off: { base_interval: s(1), max_interval: s(2) } },
      { attempts: 2, retryableStatuses: [14], backoffBaseMs: 1_000, backoffMaxMs: 2_000 },
    ],
  ])('its retries: %j', (retry_policy, becomes) => {
    const whole = { perTryTimeoutMs: 0, backoffBaseMs: 25, backoffMaxMs: 250, ...becomes };
    expect(first(acting({ retry_policy })).own?.retry).toEqual(whole);
    const ofHost = hosts(host([to('a')], { retry_policy }));
    expect(first(ofHost).own?.retry).toEqual(whole);
  });

  it('the header that is hashed; policies of other kinds mean nothing', () => {
    const of = (...hash_policy: object[]) => first(acting({ hash_policy })).own?.hashHeader;
    const header = (header_name: string, more: object = {}) => ({ header: { header_name }, ...more });
    expect(of(header('X-User'))).toBe('x-user');
    expect(of({ cookie: {} }, header('x-b'))).toBe('x-b');
    expect(of(header('x-a', { terminal: true }), header('x-b'))).toBe('x-a');
    expect(of({ connection_properties: {} })).toBeUndefined();
  });

  it.each<[object, object, object | null]>([
    [{ prefix: '/' }, {}, null],
    [{ prefix: '/' }, { prefix_rewrite: '/' }, null],
    [{ prefix: '/a.B/' }, { prefix_rewrite: '/c.D/' }, { service: 'c.D' }],
    [{ path: '/a.B/C' }, { prefix_rewrite: '/d.E/F' }, { service: 'd.E', method: 'F' }],
    [{ prefix: '/' }, { host_rewrite_literal: 'other' }, { authority: 'other' }],
    [{ prefix: '/' }, { auto_host_rewrite: {} }, null],
  ])('rewritten: %j %j', (match, action, rewrite) => {
    expect(first(acting(action, match)).rewrite).toEqual(rewrite);
  });

  it('headers that the route, its host and the table put in, beside or instead of what is there, and take out', () => {
    const add = (key: string, more: object = {}) => ({ header: { key, value: 'v' }, ...more });
    const route = {
      ...to('a'),
      request_headers_to_add: [
        add('X-A', { append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }),
        add('x-b', { append: {} }),
        add('x-c', { append: { value: true } }),
        add('x-d'),
      ],
    };
    const outer = { request_headers_to_remove: ['X-E'] };
    const message = {
      ...hosts(host([route], outer)),
      request_headers_to_add: [add('x-f', { append_action: 'APPEND_IF_EXISTS_OR_ADD' })],
    };
    expect(first(message).rewrite).toEqual({
      set: { 'x-a': 'v', 'x-b': 'v' },
      add: { 'x-c': 'v', 'x-d': 'v', 'x-f': 'v' },
      remove: ['x-e'],
    });
  });
});

const V = 'virtual_hosts[0]';
const R = `${V}.routes[0]`;
const WHY_PATH = 'only prefix and path are understood';
const many = (count: number, make: (at: number) => object): object[] =>
  Array.from({ length: count }, (_, at) => make(at));
const header = (matcher: object) =>
  hosts(host([to('a', { prefix: '/', headers: [{ name: 'x', ...matcher }] })]));
const adding = (option: object) => hosts(host([{ ...to('a'), request_headers_to_add: [option] }]));
const weighted = (more: object, ...clusters: object[]) =>
  hosts(host([{ match: { prefix: '/' }, route: { weighted_clusters: { clusters, ...more } } }]));
const retry = (retry_policy: object) => acting({ retry_policy });

const REFUSED: [string, object, string][] = [
  ['no host', hosts({ routes: [] }), `${V}.domains: it is empty`],
  ['twice', hosts(host([]), host([])), 'virtual_hosts[1].domains[0]: "*" stands there twice'],
  ['a star within', hosts({ domains: ['a*b'] }), `${V}.domains[0]: "a*b" is no domain`],
  ['two stars', hosts({ domains: ['**'] }), `${V}.domains[0]: "**" is no domain`],
  ['no domain', hosts({ domains: [''] }), `${V}.domains[0]: "" is no domain`],
  ['vhds', { vhds: {} }, 'vhds: it is not understood'],
  ['internal', { internal_only_headers: ['x'] }, 'internal_only_headers: it is not understood'],
  ['vhost_header', { vhost_header: 'x' }, 'vhost_header: it is not understood'],
  ['matcher', hosts(host([], { matcher: {} })), `${V}.matcher: it is not understood`],
  ['require_tls', hosts(host([], { require_tls: 2 })), `${V}.require_tls: it is not understood`],
  ['hedging of a host', hosts(host([], { hedge_policy: {} })), `${V}.hedge_policy: only retry_policy`],
  [
    'retries of a kind',
    hosts(host([], { retry_policy_typed_config: {} })),
    `${V}.retry_policy_typed_config: only retry_policy`,
  ],
  ['a regex', hosts(host([to('a', { safe_regex: {} })])), `${R}.match.safe_regex: ${WHY_PATH}`],
  ['connect', hosts(host([to('a', { connect_matcher: {} })])), `${R}.match.connect_matcher: ${WHY_PATH}`],
  [
    'segments',
    hosts(host([to('a', { path_separated_prefix: '/a' })])),
    `${R}.match.path_separated_prefix: ${WHY_PATH}`,
  ],
  [
    'a policy',
    hosts(host([to('a', { path_match_policy: {} })])),
    `${R}.match.path_match_policy: ${WHY_PATH}`,
  ],
  ['no path', hosts(host([to('a', {})])), `${R}.match: it has neither prefix nor path`],
  ['no match', hosts(host([{ route: { cluster: 'a' } }])), `${R}.match: it has neither prefix nor path`],
  [
    'any case',
    hosts(host([to('a', { prefix: '/', case_sensitive: {} })])),
    `${R}.match.case_sensitive: paths are`,
  ],
  [
    'a part of the calls',
    hosts(host([to('a', { prefix: '/', runtime_fraction: { default_value: { numerator: 5 } } })])),
    `${R}.match.runtime_fraction: a part of the calls`,
  ],
  [
    'a query',
    hosts(host([to('a', { prefix: '/', query_parameters: [{}] })])),
    `${R}.match.query_parameters: routes`,
  ],
  ['cookies', hosts(host([to('a', { prefix: '/', cookies: [{}] })])), `${R}.match.cookies: routes`],
  ['TLS', hosts(host([to('a', { prefix: '/', tls_context: {} })])), `${R}.match.tls_context: routes`],
  [
    'metadata',
    hosts(host([to('a', { prefix: '/', dynamic_metadata: [{}] })])),
    `${R}.match.dynamic_metadata: routes`,
  ],
  ['state', hosts(host([to('a', { prefix: '/', filter_state: [{}] })])), `${R}.match.filter_state: routes`],
  [
    'a star in a prefix',
    hosts(host([to('a', { prefix: '/a*' })])),
    `${R}.match.prefix: a star cannot be told`,
  ],
  ['a star in a path', hosts(host([to('a', { path: '/a/*' })])), `${R}.match.path: a star cannot be told`],
  ['no name', header({ name: '' }), `${R}.match.headers[0].name: "" names no header`],
  [
    'one header twice',
    hosts(host([to('a', { prefix: '/', headers: [{ name: 'x' }, { name: 'X' }] })])),
    `${R}.match.headers[1].name: two conditions for x cannot be told`,
  ],
  ['not so', header({ invert_match: true }), `${R}.match.headers[0].invert_match: it cannot be told here`],
  [
    'missing as empty',
    header({ treat_missing_header_as_empty: true }),
    `${R}.match.headers[0].treat_missing_header_as_empty: it cannot`,
  ],
  [
    'not there',
    header({ present_match: false }),
    `${R}.match.headers[0].present_match: that a header is not there`,
  ],
  [
    'a regex of a value',
    header({ safe_regex_match: {} }),
    `${R}.match.headers[0].safe_regex_match: only exact`,
  ],
  ['a range', header({ range_match: {} }), `${R}.match.headers[0].range_match: only exact`],
  ['within', header({ contains_match: 'x' }), `${R}.match.headers[0].contains_match: only exact`],
  [
    'a text within',
    header({ string_match: { contains: 'x' } }),
    `${R}.match.headers[0].string_match.contains: only`,
  ],
  [
    'a regex text',
    header({ string_match: { safe_regex: {} } }),
    `${R}.match.headers[0].string_match.safe_regex: only`,
  ],
  [
    'a custom text',
    header({ string_match: { custom: {} } }),
    `${R}.match.headers[0].string_match.custom: only`,
  ],
  [
    'any case of a text',
    header({ string_match: { exact: 'x', ignore_case: true } }),
    `${R}.match.headers[0].string_match.ignore_case: only`,
  ],
  ['a star in a value', header({ exact_match: 'x*' }), `${R}.match.headers[0]: a star cannot be told`],
  [
    'a star in a text',
    header({ string_match: { prefix: '*' } }),
    `${R}.match.headers[0].string_match: a star`,
  ],
  ['a redirect', hosts(host([{ match: { prefix: '/' }, redirect: {} }])), `${R}.redirect: a call is sent on`],
  [
    'a response',
    hosts(host([{ match: { prefix: '/' }, direct_response: {} }])),
    `${R}.direct_response: a call`,
  ],
  ['a filter', hosts(host([{ match: { prefix: '/' }, filter_action: {} }])), `${R}.filter_action: a call`],
  [
    'no forwarding',
    hosts(host([{ match: { prefix: '/' }, non_forwarding_action: {} }])),
    `${R}.non_forwarding_action: a call`,
  ],
  ['nothing', hosts(host([{ match: { prefix: '/' } }])), `${R}.route: it is missing`],
  ['no cluster', acting({ cluster: '' }), `${R}.route.cluster: it is empty`],
  ['by header', acting({ cluster_header: 'x' }), `${R}.route.cluster_header: only cluster and`],
  [
    'by plugin',
    acting({ cluster_specifier_plugin: 'x' }),
    `${R}.route.cluster_specifier_plugin: only cluster`,
  ],
  [
    'by a plugin within',
    acting({ inline_cluster_specifier_plugin: {} }),
    `${R}.route.inline_cluster_specifier_plugin: only cluster`,
  ],
  ['by metadata', acting({ metadata_match: {} }), `${R}.route.metadata_match: endpoints are not chosen`],
  ['no weights', weighted({}), `${R}.route.weighted_clusters.clusters: the weights add up to 0`],
  ['all 0', weighted({}, { name: 'a' }), `${R}.route.weighted_clusters.clusters: the weights add up to 0`],
  [
    'too much',
    weighted({}, { name: 'a', weight: uint(4_294_967_295) }, { name: 'b', weight: uint(1) }),
    `${R}.route.weighted_clusters.clusters: the weights add up to 4294967296`,
  ],
  [
    'a nameless part',
    weighted({}, { weight: uint(1) }),
    `${R}.route.weighted_clusters.clusters[0].name: it is empty`,
  ],
  [
    'random by header',
    weighted({ header_name: 'x' }),
    `${R}.route.weighted_clusters.header_name: chance alone`,
  ],
  [
    'random by hash',
    weighted({ use_hash_policy: { value: true } }),
    `${R}.route.weighted_clusters.use_hash_policy: chance alone`,
  ],
  ...['cluster_header', 'host_rewrite_literal'].map((field): [string, object, string] => [
    `a part with ${field}`,
    weighted({}, { name: 'a', weight: uint(1), [field]: 'x' }),
    `${R}.route.weighted_clusters.clusters[0].${field}: one part of a split`,
  ]),
  [
    'a part with metadata',
    weighted({}, { name: 'a', weight: uint(1), metadata_match: {} }),
    `${R}.route.weighted_clusters.clusters[0].metadata_match: one part of a split`,
  ],
  ...[
    'request_headers_to_add',
    'request_headers_to_remove',
    'response_headers_to_add',
    'response_headers_to_remove',
  ].map((field): [string, object, string] => [
    `a part with ${field}`,
    weighted({}, { name: 'a', weight: uint(1), [field]: [{}] }),
    `${R}.route.weighted_clusters.clusters[0].${field}: headers are changed by the whole route`,
  ]),
  [
    'two copies',
    acting({ request_mirror_policies: [{ cluster: 'b' }, { cluster: 'c' }] }),
    `${R}.route.request_mirror_policies[1]: calls are copied once here`,
  ],
  [
    'a copy nowhere',
    acting({ request_mirror_policies: [{}] }),
    `${R}.route.request_mirror_policies[0].cluster: it is`,
  ],
  ...(
    [
      ['cluster_header', 'x'],
      ['disable_shadow_host_suffix_append', true],
      ['request_headers_mutations', [{}]],
      ['host_rewrite_literal', 'x'],
    ] as const
  ).map(([field, value]): [string, object, string] => [
    `a copy with ${field}`,
    acting({ request_mirror_policies: [{ cluster: 'b', [field]: value }] }),
    `${R}.route.request_mirror_policies[0].${field}: copies are sent as they are`,
  ]),
  ['hedging', acting({ hedge_policy: {} }), `${R}.route.hedge_policy: only retry_policy`],
  ['typed retries', acting({ retry_policy_typed_config: {} }), `${R}.route.retry_policy_typed_config: only`],
  ['a negative time', acting({ timeout: s(-1) }), `${R}.route.timeout: it is negative`],
  [
    'an offset',
    acting({ max_stream_duration: { grpc_timeout_header_offset: s(1) } }),
    `${R}.route.max_stream_duration.grpc_timeout_header_offset: a deadline is told`,
  ],
  [
    'a negative duration',
    acting({ max_stream_duration: { max_stream_duration: s(-1) } }),
    `${R}.route.max_stream_duration.max_stream_duration: it is negative`,
  ],
  [
    'a negative most',
    acting({ max_stream_duration: { grpc_timeout_header_max: s(0, -1) } }),
    `${R}.route.max_stream_duration.grpc_timeout_header_max: it is negative`,
  ],
  [
    'a negative try',
    retry({ per_try_timeout: s(-1) }),
    `${R}.route.retry_policy.per_try_timeout: it is negative`,
  ],
  [
    'no base',
    retry({ retry_back_off: {} }),
    `${R}.route.retry_policy.retry_back_off.base_interval: it is missing`,
  ],
  [
    'a base of 0',
    retry({ retry_back_off: { base_interval: s(0) } }),
    `${R}.route.retry_policy.retry_back_off.base_interval: it is 0`,
  ],
  [
    'a most of 0',
    retry({ retry_back_off: { base_interval: s(1), max_interval: s(0) } }),
    `${R}.route.retry_policy.retry_back_off.max_interval: it is 0`,
  ],
  [
    'a most below the base',
    retry({ retry_back_off: { base_interval: s(2), max_interval: s(1) } }),
    `${R}.route.retry_policy.retry_back_off.max_interval: it is less than base_interval`,
  ],
  [
    'retries of the host',
    hosts(host([to('a')], { retry_policy: { retry_back_off: {} } })),
    `${V}.retry_policy.retry_back_off.base_interval: it is missing`,
  ],
  [
    'two headers to hash',
    acting({ hash_policy: [{ header: { header_name: 'a' } }, { header: { header_name: 'b' } }] }),
    `${R}.route.hash_policy[1]: one header is hashed here`,
  ],
  [
    'a changed hash',
    acting({ hash_policy: [{ header: { header_name: 'a', regex_rewrite: {} } }] }),
    `${R}.route.hash_policy[0].header.regex_rewrite: the value`,
  ],
  [
    'nothing to hash',
    acting({ hash_policy: [{ header: {} }] }),
    `${R}.route.hash_policy[0].header.header_name: it is`,
  ],
  ['a rewriting regex', acting({ regex_rewrite: {} }), `${R}.route.regex_rewrite: only prefix_rewrite`],
  [
    'a rewriting policy',
    acting({ path_rewrite_policy: {} }),
    `${R}.route.path_rewrite_policy: only prefix_rewrite`,
  ],
  ['a rewritten path', acting({ path_rewrite: '/x' }), `${R}.route.path_rewrite: only prefix_rewrite`],
  [
    'the host of a header',
    acting({ host_rewrite_header: 'x' }),
    `${R}.route.host_rewrite_header: only host_rewrite_l`,
  ],
  [
    'the host of a path',
    acting({ host_rewrite_path_regex: {} }),
    `${R}.route.host_rewrite_path_regex: only host`,
  ],
  ['the host of a format', acting({ host_rewrite: 'x' }), `${R}.route.host_rewrite: only host`],
  [
    "the endpoint's host",
    acting({ auto_host_rewrite: { value: true } }),
    `${R}.route.auto_host_rewrite: only host`,
  ],
  [
    'no host that can be sent',
    acting({ host_rewrite_literal: 'ü' }),
    `${R}.route.host_rewrite_literal: "ü" cannot be`,
  ],
  [
    'a new prefix for all',
    acting({ prefix_rewrite: '/x/' }),
    `${R}.route.prefix_rewrite: "/x/" in this place makes`,
  ],
  [
    'a prefix of a service',
    acting({ prefix_rewrite: '/x/' }, { prefix: '/a' }),
    `${R}.route.prefix_rewrite: "/x/" in this place`,
  ],
  [
    'a part of a method',
    acting({ prefix_rewrite: '/x/y' }, { prefix: '/a/b' }),
    `${R}.route.prefix_rewrite: "/x/y" in this place`,
  ],
  [
    'no service',
    acting({ prefix_rewrite: '/x/y/' }, { prefix: '/a/' }),
    `${R}.route.prefix_rewrite: "/x/y/" in this place`,
  ],
  [
    'no path',
    acting({ prefix_rewrite: '/x' }, { path: '/a/b' }),
    `${R}.route.prefix_rewrite: "/x" in this place`,
  ],
  ['no key', adding({}), `${R}.request_headers_to_add[0].header.key: "" names no header`],
  [
    "gRPC's header",
    adding({ header: { key: 'te', value: 'x' } }),
    `${R}.request_headers_to_add[0].header.key: the header te is not a route's to change`,
  ],
  [
    'no value',
    adding({ header: { key: 'x' } }),
    `${R}.request_headers_to_add[0].header.value: "" cannot be sent`,
  ],
  [
    'octets',
    adding({ header: { key: 'x', raw_value: {} } }),
    `${R}.request_headers_to_add[0].header.raw_value: only value`,
  ],
  [
    'a command',
    adding({ header: { key: 'x', value: '%REQ(y)%' } }),
    `${R}.request_headers_to_add[0].header.value: "%REQ(y)%" is more than a plain text`,
  ],
  [
    'only if absent',
    adding({ header: { key: 'x', value: 'v' }, append_action: 'ADD_IF_ABSENT' }),
    `${R}.request_headers_to_add[0].append_action: ADD_IF_ABSENT cannot be told`,
  ],
  [
    'one header twice',
    { ...hosts(host([{ ...to('a'), request_headers_to_remove: ['x'] }])), request_headers_to_remove: ['X'] },
    'request_headers_to_remove[0]: the header x is changed twice',
  ],
  [
    'headers of answers',
    hosts(host([{ ...to('a'), response_headers_to_add: [{}] }])),
    `${R}.response_headers_to_add: headers of answers stay`,
  ],
  [
    'of a host',
    hosts(host([to('a')], { response_headers_to_remove: ['x'] })),
    `${V}.response_headers_to_remove: headers of answers stay`,
  ],
  [
    'too many routes',
    hosts(host(many(1_001, (at) => to('a', { prefix: `/s${at}/` })))),
    'virtual_hosts: they make 1001 routes, more than 1000',
  ],
  [
    'too many clusters',
    hosts(host(many(257, (at) => to(`c${at}`, { prefix: `/s${at}/` })))),
    'virtual_hosts: routes name 257 clusters, more than 256',
  ],
];

describe('what cannot be carried out is refused with the path of its field', () => {
  it.each(REFUSED)('%s', (_what, message, said) => {
    expect(() => table(message)).toThrow(said);
  });
});

describe('a listener', () => {
  const listener = (value: object) => ({
    name: 'l',
    api_listener: { api_listener: { type_url: CONNECTION_MANAGER, value } },
  });
  const read = (value: object): any => readResource(LISTENER, listener(value), PLAIN_CODEC);
  const P = 'api_listener.api_listener';

  it('has its routes by name or within, and a bound for calls', () => {
    const bounded = { common_http_protocol_options: { max_stream_duration: s(3) } };
    expect(read({ rds: { route_config_name: 'r' }, ...bounded })).toEqual({
      kind: 'listener',
      name: 'l',
      routes: 'r',
      table: null,
      callMaxMs: 3_000,
    });
    expect(read({ route_config: hosts(host([to('a')])) })).toMatchObject({
      routes: '',
      table: { clusters: ['a'] },
      callMaxMs: 0,
    });
  });

  it('a filter that is not known is refused, unless it may be left out', () => {
    const filters = (...http_filters: object[]) => ({ rds: { route_config_name: 'r' }, http_filters });
    const router = { name: 'router', typed_config: { type_url: ROUTER, value: {} } };
    const other = { name: 'x', typed_config: { type_url: 'rbac', value: {} } };
    for (const fine of [router, { ...other, is_optional: true }, { ...other, disabled: true }])
      expect(read(filters(fine, router)).routes).toBe('r');
    expect(() => read(filters(other, router))).toThrow(
      `${P}.http_filters[0].typed_config: "rbac" is no filter known here`,
    );
    expect(() => read(filters(router, {}))).toThrow(`${P}.http_filters[1].typed_config: "" is no filter`);
  });

  it('names the path of a route within', () => {
    expect(() => read({ route_config: acting({ cluster: '' }) })).toThrow(
      `${P}.route_config.${R}.route.cluster: it is empty`,
    );
    expect(() => read({ route_config: { vhds: {} } })).toThrow(
      `${P}.route_config.vhds: it is not understood`,
    );
    expect(() =>
      read({ route_config: {}, common_http_protocol_options: { max_stream_duration: s(-1) } }),
    ).toThrow(`${P}.common_http_protocol_options.max_stream_duration: it is negative`);
  });
});
