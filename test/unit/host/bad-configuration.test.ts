/** What is wrong with a configuration: each is refused with a stable code, its place and the fix; and what stands in the schema holds for every key. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { readConfigFile } from '../../../proxy/host/config-file.ts';
import { configJsonSchema } from '../../../proxy/host/config-schema.ts';
import type { RawOptions } from '../../../proxy/host/flags.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';
import { parseFlags } from '../../../proxy/host/parse-flags.ts';
import { RANGES, type RangeName } from '../../../proxy/host/ranges.ts';
import { SidecarError } from '../../../proxy/policy/trouble.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-bad-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'sidecar.yaml');

function resolve(text: string, flags: RawOptions = {}) {
  writeFileSync(path, text);
  return resolveOptions(flags, readConfigFile(path));
}

function troubleOf(text: string, flags: RawOptions = {}): SidecarError {
  try {
    resolve(text, flags);
  } catch (error) {
    if (error instanceof SidecarError) return error;
    throw error;
  }
  throw new Error(`it was accepted: ${text}`);
}

const LISTEN = 'listen: 127.0.0.1:5\n';
const BASE = `${LISTEN}upstream: 127.0.0.1:1\n`;
const TWO = 'clusters: { b: { upstream: 127.0.0.1:2 } }\n';

/** What the file says, where that is wrong (in the message or the place), what is said, the fix. */
const REFUSED: readonly [text: string, place: string, says: string, fix: string][] = [
  // Out of range, and misspelt.
  [`${BASE}retry: { attempts: 0 }`, 'retry.attempts', '0 is not a whole number from 1 to 5', 'from 1 to 5'],
  [
    `${BASE}outlier: { maxEjectionPercent: 101 }`,
    'outlier.maxEjectionPercent',
    '101 is not',
    'from 0 to 100',
  ],
  [
    `${BASE}health: { intervalMs: 5, unhealthyThreshold: 0 }`,
    'health.unhealthyThreshold',
    '0 is not',
    'from 1',
  ],
  [
    `${BASE}balancer: lest_request`,
    'balancer in',
    'no balancer "lest_request"',
    'the nearest is least_request',
  ],
  [
    `${BASE}balancer: { name: random, priorities: grpc }`,
    'balancer.priorities',
    '"grpc" is none of',
    'nearest',
  ],
  [
    `${BASE}health: { intervalMs: 5, mode: wach }`,
    'health.mode',
    'none of check, watch, tcp',
    'nearest is watch',
  ],
  [
    `${BASE}outlier: { successRate: { minHost: 3 } }`,
    'outlier.successRate',
    '"minHost"',
    'nearest is minHosts',
  ],
  [`${BASE}balancr: random`, 'the top level', 'unknown key "balancr"', 'the nearest is balancer'],
  [
    `${LISTEN}discovery: { kind: consul }`,
    'discovery.kind',
    '"consul" is none of xds, dns',
    'the nearest is',
  ],
  [`${LISTEN}discovery: { kind: dns, nam: x }`, 'discovery', 'unknown key "nam"', 'the nearest is name'],
  [
    `${BASE}limits: { server: { resetBurts: 1 } }`,
    'limits.server',
    '"resetBurts"',
    'the nearest is resetBurst',
  ],
  [`${BASE}tls: { cert: a.pem }`, 'tls.key', 'lacks tls.key', 'give tls.key too'],
  [
    `${BASE}retry: { retryableStatuses: [] }`,
    'retry.retryableStatuses',
    'at least one',
    'a value of that kind',
  ],
  [`${BASE}retry:`, 'wrong at retry', 'expected object', 'known keys: attempts'],
  [`${BASE}tag: ''`, 'tag in', '"" is not a text', 'a text of 1 to 1024 octets'],
  // Endpoints.
  [
    `${LISTEN}upstream: [127.0.0.1:1=0, 127.0.0.1:2=0]`,
    'upstream in',
    '"127.0.0.1:1=0" is not',
    'WEIGHT (1 to',
  ],
  [`${LISTEN}upstream: [a:1=2, a:1=3]`, 'upstream in', 'a:1 stands there twice', 'its share is its weight'],
  [
    `${BASE}clusters: { b: { upstream: [a:1, a:1] } }\nroutes: [{ cluster: b }]`,
    'clusters.b',
    'a:1 stands there twice',
    'its share is its weight',
  ],
  [
    `${LISTEN}upstream: [a:1, 127.0.0.1:5]`,
    'upstream in',
    '127.0.0.1:5 is the sidecar itself',
    'an instance',
  ],
  [`${LISTEN}upstream: []`, '--upstream', 'no endpoint is given', 'give --upstream'],
  [`${BASE}discovery: { kind: dns, name: a, port: 5 }`, '--dns', 'given twice', 'give either'],
  [`${LISTEN}discovery: { kind: dns, name: a }`, 'discovery.name', '"a" is not HOST:PORT', 'HOST:PORT'],
  [
    `${LISTEN}discovery: { kind: dns, name: a, port: 5, minRefreshMs: 50, maxRefreshMs: 20 }`,
    'discovery.maxRefreshMs',
    '"20" is not',
    'from 50',
  ],
  [
    `${LISTEN}discovery: { kind: xds, server: 'a:1' }`,
    'discovery.server',
    'not said what to follow',
    '--xds-listener',
  ],
  // What has no effect beside the rest.
  [
    `${BASE}timeout: { callMs: 9, callMaxMs: 8 }`,
    'timeout.callMs',
    'none may have more than 8 ms',
    'or less',
  ],
  [
    `${BASE}retry: { perTryTimeoutMs: 9 }\ntimeout: { callMaxMs: 8 }`,
    'retry.perTryTimeoutMs',
    'the call 8 ms',
    'shorter',
  ],
  [
    `${BASE}hedging: {}\nretry: { attempts: 2 }`,
    'retry.attempts',
    'either retried or hedged',
    'leave hedging out',
  ],
  [
    `${BASE}hedging: {}\nretry: { backoffBaseMs: 2 }`,
    'retry.backoffBaseMs',
    'retried or hedged',
    'leave it out',
  ],
  [
    `${BASE}retry: { perTryTimeoutMs: 9 }\ntimeout: { callMs: 8 }`,
    'retry.perTryTimeoutMs',
    'may take 9 ms, and the call 8',
    'shorter',
  ],
  [`${BASE}retry: { backoffBaseMs: 9, backoffMaxMs: 8 }`, 'retry.backoffMaxMs', '"8" is not', 'from 9'],
  [
    `${BASE}retry: { attempts: 1 }\nretryThrottling: {}`,
    'retryThrottling',
    'nothing is retried',
    '2 or more',
  ],
  [
    `${BASE}health: { intervalMs: 5, mode: tcp, service: a }`,
    'health.service',
    'no service is asked',
    'mode check',
  ],
  [
    `${BASE}health: { intervalMs: 5, mode: watch, healthyThreshold: 2 }`,
    'health.healthyThreshold',
    'counts at once',
    'mode check',
  ],
  [
    `${BASE}balancer: { name: random, panicThreshold: 0.5 }`,
    'balancer.panicThreshold',
    'without health checks',
    'add health',
  ],
  [
    `${BASE}outlier: { healthyCheckUnejects: true }`,
    'outlier.healthyCheckUnejects',
    'not checked',
    'add health',
  ],
  [
    `${BASE}outlier: { consecutiveErrors: 0 }`,
    'outlier.consecutiveErrors',
    'no sort of failure ejects',
    'successRate',
  ],
  [
    `${BASE}outlier: { maxEjectionPercent: 0 }`,
    'outlier.maxEjectionPercent',
    'nobody may be ejected',
    '1 or more',
  ],
  [
    `${BASE}outlier: { baseEjectionMs: 9, maxEjectionMs: 8 }`,
    'outlier.maxEjectionMs',
    '(8 ms) is shorter than',
    'baseEjectionMs',
  ],
  [
    `${BASE}outlier: { gatewayStatuses: [14] }`,
    'outlier.gatewayStatuses',
    'not counted',
    'consecutiveGatewayErrors',
  ],
  [
    `${BASE}balancer: { name: round_robin, slowStartMs: 5 }`,
    'balancer.slowStartMs',
    'no use for',
    'weighted_round_robin',
  ],
  [
    `${BASE}balancer: { name: least_request, slowStartFloor: 0.5 }`,
    'balancer.slowStartFloor',
    'no slow start',
    'add slowStartMs',
  ],
  [`${BASE}balancer: { name: round_robin, hashHeader: x }`, 'balancer.hashHeader', 'no use for', 'ring_hash'],
  [`${BASE}balancer: maglev`, 'balancer in', 'hashes no header', 'hashHeader'],
  [
    `${BASE}balancer: { name: random, priorities: ignore, subsetSize: 3 }`,
    'balancer.subsetSize',
    'priorities are ignored',
    'leave out',
  ],
  [`${BASE}balancer: { name: random, subsetKey: me }`, 'balancer.subsetKey', 'no subset', 'add subsetSize'],
  [
    `${BASE}balancer: { name: random, priorities: a56, overprovisioning: 2 }`,
    'balancer.overprovisioning',
    'a56 knows no',
    'priorities: envoy',
  ],
  [
    `${BASE}balancer: { name: random, ownLocality: eu }`,
    'balancer.ownLocality',
    'nothing asks where',
    'localities: nearest',
  ],
  [
    `${BASE}balancer: { name: random, localities: nearest }`,
    'balancer.localities',
    'nothing says where',
    'ownLocality',
  ],
  [
    `${BASE}circuitBreaker: { maxRequests: 5, maxPending: 6 }`,
    'circuitBreaker.maxPending',
    'never reached',
    'at most 5',
  ],
  [`${BASE}loadShed: {}`, 'loadShed in', 'no limit of calls in flight', 'add concurrency: {}'],
  [
    `${BASE}circuitBreaker: { maxRequests: 0 }\nloadShed: {}`,
    'loadShed in',
    'no limit',
    'add concurrency: {}',
  ],
  [
    `${BASE}concurrency: {}\nloadShed: { retriesAt: 0.95 }`,
    'loadShed.lowPriorityAt',
    'retries go first',
    'retriesAt or more',
  ],
  [
    `${BASE}concurrency: {}\nloadShed: { priorityHeader: x y }`,
    'loadShed.priorityHeader',
    'names no header',
    'letters',
  ],
  [`${BASE}concurrency: { max: 9, initial: 10 }`, 'concurrency.initial', '"10" is not', 'from 4 to 9'],
  [`${BASE}messageLimit: { requestBytesMax: -1 }`, 'messageLimit.requestBytesMax', '-1 is not', 'from 0 to'],
  [
    `${BASE}messageLimit: { requestBytesMax: 0, responseBytesMax: 0 }`,
    'messageLimit',
    'bounds neither direction',
    'give one of its bounds',
  ],
  [`${BASE}waitForReady: { maxMs: 0 }`, 'waitForReady.maxMs', '0 is not a number from 1', 'from 1 to'],
  [
    `${BASE}waitForReady: { maxPending: 6 }\ncircuitBreaker: { maxPending: 5 }`,
    'waitForReady.maxPending',
    'never reached',
    'at most 5',
  ],
  [
    `${BASE}waitForReady: { maxMs: 6 }\ntimeout: { callMaxMs: 5 }`,
    'waitForReady.maxMs',
    'never reached',
    'at most 5',
  ],
  // Clusters and routes; routing-options.test.ts has the rest.
  [`${BASE}routes: [{ cluster: b }]`, 'routes.0', 'no cluster "b"', 'the nearest is default'],
  [`${BASE}routes: [{ split: { default: 0 } }]`, 'routes.0', 'all weights of the split are 0', 'above 0'],
  [
    `${BASE}routes: [{ cluster: default, mirror: { cluster: default } }]`,
    'routes.0.mirror',
    'so do their copies',
    'another',
  ],
  [
    `${BASE}routes: [{ cluster: default }, { cluster: default }]`,
    'routes.1',
    'route 0 takes every one',
    'last',
  ],
  [
    `${BASE}clusters: { b: { upstream: 'a:1', outlier: { consecutiveErrors: 0 } } }\nroutes: [{ cluster: b }]`,
    'clusters.b.outlier.consecutiveErrors',
    'no sort',
    'successRate',
  ],
  [
    `${BASE}hedging: {}\nroutes: [{ cluster: default, retry: { attempts: 2 } }]`,
    'routes.0.retry.attempts',
    'or hedged',
    'leave it out',
  ],
];

test.each(REFUSED)('%s', (text, place, says, fix) => {
  const trouble = troubleOf(text);
  expect(trouble.code).toMatch(/^MW_(CONFIG|USAGE)$/);
  expect(trouble.message).toContain(says);
  expect(`${trouble.message} ${trouble.place}`).toContain(place);
  expect(`Fix: ${trouble.remedy}`).toContain(fix);
  // The file is named, or that it is the file's.
  if (!place.startsWith('--')) expect(trouble).toMatchObject({ code: 'MW_CONFIG' });
});

test.each([
  [{ 'xds-variant': 'delta' }, '--xds-variant', 'no control plane'],
  [{ 'health-timeout-ms': '5' }, '--health-timeout-ms', 'health is not checked'],
  [{ takeover: '/a', control: '/b' }, '--control', 'whose port is taken over'],
  [{ 'per-try-timeout-ms': '9', 'call-timeout-ms': '8' }, '--per-try-timeout-ms', 'one attempt may take'],
  [{ locality: 'eu' }, '--locality', 'nothing asks where'],
])('flags %j', (flags, place, says) => {
  const trouble = troubleOf(BASE, flags);
  expect(trouble).toMatchObject({ code: 'MW_USAGE', place });
  expect(trouble.message).toContain(says);
});

describe('what is right beside it', () => {
  it.each([
    'retry: { attempts: 1, budget: 0.5 }',
    'health: { intervalMs: 0, timeoutMs: 5 }',
    'hedging: {}\nretry: { budget: 0.5, perTryTimeoutMs: 50, bufferBytesMax: 9 }',
    'retry: { perTryTimeoutMs: 8 }\ntimeout: { callMs: 8 }',
    'outlier: { consecutiveErrors: 0, failurePercent: {} }',
    'outlier: { maxEjectionPercent: 0, cap: envoy_at_least_one }',
    'outlier: { baseEjectionMs: 8, maxEjectionMs: 8, gatewayStatuses: [14], consecutiveGatewayErrors: 1 }',
    'balancer: { name: random, subsetSize: 3, subsetKey: me }',
    'balancer: { name: random, priorities: a56, localities: weighted, overprovisioning: 2 }',
    'circuitBreaker: { maxRequests: 5, maxPending: 5, endpointMaxRequests: 5 }\nloadShed: {}',
    'concurrency: {}\nloadShed: { retriesAt: 0.5, lowPriorityAt: 0.5 }',
    // What a cluster or a route inherits is not its fault.
    `${TWO}retryThrottling: {}\nroutes: [{ match: { service: a }, cluster: b, retry: { attempts: 1 } }, { cluster: default }]`,
    `${TWO}retry: { perTryTimeoutMs: 9 }\nroutes: [{ match: { service: a }, cluster: b, timeout: { callMs: 8 } }, { cluster: default }]`,
    'retry: { attempts: 2 }\nclusters: { b: { upstream: a:1, hedging: {} } }\nroutes: [{ cluster: b }]',
    'health: { intervalMs: 5 }\nbalancer: { name: random, panicThreshold: 0.5 }\nclusters: { b: { upstream: a:1, health: { intervalMs: 0 } } }\nroutes: [{ cluster: b }]',
  ])('%s', (text) => {
    expect(() => resolve(BASE + text)).not.toThrow();
  });

  it('a wait before the first retry that is longer than the longest by default makes that longer, and the other way about', () => {
    expect(resolve(`${BASE}retry: { backoffBaseMs: 900 }`).retry).toMatchObject({ backoffMaxMs: 900 });
    expect(resolve(`${BASE}retry: { backoffMaxMs: 9 }`).retry).toMatchObject({ backoffBaseMs: 9 });
  });
});

/** The parts of a JSON Schema, each with its path. */
function* parts(node: unknown, at: string): Generator<[string, Record<string, unknown>]> {
  if (typeof node !== 'object' || node === null) return;
  const schema = node as Record<string, unknown>;
  yield [at, schema];
  for (const [key, value] of Object.entries((schema['properties'] ?? {}) as object))
    yield* parts(value, at === '' ? key : `${at}.${key}`);
  for (const key of ['items', 'additionalProperties'] as const) yield* parts(schema[key], `${at}.*`);
  for (const one of [schema['anyOf'], schema['oneOf']].flat()) yield* parts(one, at);
}

describe('the schema', () => {
  const all = [...parts(configJsonSchema(), '')];

  it('takes no key that it does not name, at any depth', () => {
    const objects = all.filter(([, { type }]) => type === 'object');
    expect(objects.length).toBeGreaterThan(40);
    for (const [at, schema] of objects) {
      const isMap = schema['properties'] === undefined && typeof schema['additionalProperties'] === 'object';
      expect(isMap || schema['additionalProperties'] === false, at).toBe(true);
    }
  });

  it('bounds every number, with the ranges that flags have', () => {
    const numbers = all.filter(([, part]) => /number|integer/.test(`${part['type']}`) && !('enum' in part));
    const seen = new Set<string>();
    for (const [at, { type, minimum, maximum, exclusiveMinimum }] of numbers) {
      expect(minimum ?? exclusiveMinimum, at).toBeTypeOf('number');
      expect(maximum, at).toBeTypeOf('number');
      const key = at.replace(/^(clusters|routes)\.\*\./, '');
      if (!Object.hasOwn(RANGES, key)) continue;
      const { least, most, isWhole } = RANGES[key as RangeName];
      expect([minimum, maximum, type], at).toEqual([least, most, isWhole ? 'integer' : 'number']);
      seen.add(key);
    }
    // A file descriptor has no place in a file; a status is one of two.
    const others = ['trace-fd', 'rateLimit.status'];
    expect([...seen, ...others].sort()).toEqual(Object.keys(RANGES).sort());
  });

  it('has a word about every key', () => {
    const told = new Set(all.filter(([, { description }]) => description !== undefined).map(([at]) => at));
    const without = all.filter(
      ([at, { type }]) => type !== undefined && !told.has(at) && !/^$|\*|tls/i.test(at),
    );
    expect(without.map(([at]) => at)).toEqual([]);
  });
});

test('flags that are parsed have a range, where they are numbers', () => {
  for (const name of ['drain-ms', 'retry-attempts', 'health-interval-ms', 'workers'])
    expect(() =>
      resolveOptions(parseFlags(['--listen=a:1', '--upstream=b:1', `--${name}=-1`]) ?? {}),
    ).toThrow(/ from \d/);
});
