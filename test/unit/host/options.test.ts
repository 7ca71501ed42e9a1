import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { CONFIG_SCHEMA, configJsonSchema } from '../../../proxy/host/config-schema.ts';
import { readConfigFile } from '../../../proxy/host/config-file.ts';
import { DEFAULT_TAG } from '../../../proxy/host/flags.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';
import { parseFlags } from '../../../proxy/host/parse-flags.ts';
import { startSidecar } from '../../../proxy/index.ts';
import {
  DEFAULT_BREAKER,
  DEFAULT_FAILURE_PERCENT,
  DEFAULT_LOAD_SHED,
  DEFAULT_OUTLIER,
  DEFAULT_SUCCESS_RATE,
  DEFAULT_THROTTLE,
} from '../../../proxy/policy/failover-config.ts';
import { DEFAULT_HEALTH, DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-options-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const BASE = { listen: '127.0.0.1:0', upstream: 'a:1,b:2' };

function config(text: string): string {
  const path = join(folder, 'sidecar.yaml');
  writeFileSync(path, text);
  return path;
}

describe('the balancer', () => {
  const HASHED = { ...BASE, balancer: 'ring_hash', 'hash-header': 'X-User' };

  it('is named by flag or file, with its settings in the file', () => {
    expect(resolveOptions(HASHED).balancer).toMatchObject({ name: 'ring_hash', hashHeader: 'x-user' });
    const text =
      'listen: a:1\nupstream: b:1=2\nbalancer: { name: maglev, hashHeader: x-user, tableSize: 101 }\n';
    const options = resolveOptions({}, readConfigFile(config(text)));
    expect(options.balancer).toMatchObject({ name: 'maglev', hashHeader: 'x-user', tableSize: 101 });
    expect(options.upstream).toEqual(['b:1=2']);
    const short = readConfigFile(config('listen: a:1\nupstream: b:1\nbalancer: random\n'));
    expect(resolveOptions({}, short).balancer.name).toBe('random');
  });

  it('is refused where it contradicts itself, with what was probably meant', () => {
    const remedy = (text: string) => expect.objectContaining({ remedy: expect.stringContaining(text) });
    expect(() => resolveOptions({ ...BASE, balancer: 'maglev' })).toThrow(
      'the balancer maglev hashes no header',
    );
    expect(() => resolveOptions({ ...BASE, balancer: 'lest_request' })).toThrow(
      remedy('the nearest is least_request'),
    );
    const many = { 'balancer.pointsPerWeight': '2000', 'balancer.ringSizeMax': '1024' };
    expect(() => resolveOptions(HASHED, many)).toThrow('2000 points per weight do not fit on a ring of 1024');
    const table = { ...BASE, balancer: 'maglev', 'hash-header': 'a' };
    expect(() => resolveOptions(table, { 'balancer.tableSize': '65536' })).toThrow(remedy('give a prime'));
  });

  it('reads priorities, localities, subsets and learned weights, and refuses halves of them', () => {
    const text =
      'listen: a:1\nupstream: b:1\nbalancer: { name: weighted_round_robin, priorities: a56, localities: nearest, ' +
      'ownLocality: eu/a, subsetSize: 20, loadReports: true, blackoutMs: 50 }\n';
    const { balancer } = resolveOptions({}, readConfigFile(config(text)));
    expect(balancer).toMatchObject({
      priorities: 'a56',
      localities: 'nearest',
      ownLocality: 'eu/a',
      subsetSize: 20,
    });
    expect(balancer).toMatchObject({ loadReports: true, blackoutMs: 50, subsetKey: `${hostname()} a:1` });
    const flags = { ...BASE, locality: 'eu/b' };
    const named = {
      'balancer.localities': 'nearest',
      'balancer.subsetSize': '3',
      'balancer.subsetKey': 'me',
    };
    expect(resolveOptions(flags, named).balancer).toMatchObject({ ownLocality: 'eu/b', subsetKey: 'me' });
    const refused = (more: Record<string, string>) => () => resolveOptions({ ...BASE, ...more });
    expect(refused({ 'balancer.localities': 'nearest' })).toThrow('nothing says where the sidecar itself is');
    expect(refused({ 'balancer.priorities': 'grpc' })).toThrow('one of envoy, a56, ignore');
    expect(refused({ 'balancer.overprovisioning': '0.5' })).toThrow('from 1 to 100');
    const weighted = { balancer: 'weighted_round_robin', 'balancer.loadReports': 'true' };
    expect(refused({ 'balancer.loadReports': 'true' })).toThrow(
      'round_robin has no use for balancer.loadReports',
    );
    expect(refused({ ...weighted, 'balancer.slowStartMs': '5' })).toThrow('blackout instead of slow start');
    expect(refused({ balancer: 'weighted_round_robin', 'balancer.blackoutMs': '5' })).toThrow(
      'blackoutMs is of weights learned from load reports',
    );
  });
});

describe('options', () => {
  it('are the defaults where nothing is said', () => {
    const { balancer, health, retry, timeout, tag, drainMs, ...other } = resolveOptions(BASE);
    const { outlier, retryThrottling, hedging, circuitBreaker, routing, ...others } = other;
    const { rateLimit, concurrency, loadShed, waitForReady, messageLimit, ...rest } = others;
    const load = { rateLimit, concurrency, loadShed, waitForReady, messageLimit };
    const failover = { outlier, retryThrottling, hedging, circuitBreaker, routing, ...load };
    expect({ balancer, health, retry, timeout, ...failover, tag, drainMs }).toEqual(DEFAULT_SIDECAR_CONFIG);
    expect(rest).toMatchObject({ upstream: ['a:1', 'b:2'], endpoints: null, admin: null, traceFd: null });
    expect(resolveOptions({ ...BASE, 'health-interval-ms': '50' }).health).toEqual({
      ...DEFAULT_HEALTH,
      intervalMs: 50,
    });
    expect(resolveOptions({ ...BASE, tag: true }).tag).toBe(DEFAULT_TAG);
  });

  it('take flags before the file, and the file before the defaults', () => {
    const file = { 'drain-ms': '7', 'retry-attempts': '2', 'retry-on': '8, 14' };
    const options = resolveOptions({ ...BASE, 'drain-ms': '9' }, file);
    expect(options.drainMs).toBe(9);
    expect(options.retry).toMatchObject({ attempts: 2, retryableStatuses: [8, 14] });
  });

  it.each([
    [{ balancer: 'lest_request' }, 'no balancer "lest_request"'],
    [{ 'hash-header': 'x-user' }, 'the balancer round_robin has no use for hash-header'],
    [{ 'hash-header': 'x user', balancer: 'maglev' }, '"x user" names no header'],
    [{ 'balancer.choices': '1', balancer: 'least_request' }, 'from 2 to 10'],
    [{ 'retry-attempts': '6' }, '"6" is not a whole number from 1 to 5'],
    [{ 'retry-attempts': '1.5' }, 'not a whole number'],
    [{ 'retry-on': '17' }, 'grpc-status numbers from 1 to 16'],
    [{ 'retry-budget': '-1' }, 'not a number'],
    [{ 'connect-timeout-ms': '0' }, 'from 1 to 600000'],
    [{ workers: '257' }, 'from 1 to 256'],
    [{ 'trace-fd': '3', workers: '2' }, 'a trace comes from one process'],
    [{ 'trace-fd': '0' }, 'from 1 to'],
    [{ 'trace-epoch-ns': '1e9' }, 'whole nanoseconds'],
    [{ tag: 'ü'.repeat(513) }, 'a text of 1 to 1024 octets'],
    [{ endpoints: 'f.yaml' }, 'endpoints are given twice'],
    [{ admin: '127.0.0.1.example:1' }, 'a loopback address'],
    [{ listen: 'x' }, 'not HOST:PORT'],
    [{ upstream: 'a:0' }, 'not HOST:PORT'],
  ])('%j is refused', (flags, message) => {
    const resolve = (): unknown => resolveOptions({ ...BASE, ...flags });
    expect(resolve).toThrow(message);
    const [name] = Object.keys(flags);
    expect(resolve).toThrow(expect.objectContaining({ code: 'MW_USAGE', place: `--${name}` }));
  });
});

test('how health is found out stands in the file', () => {
  const file = config('listen: a:1\nupstream: b:1\nhealth: { intervalMs: 5, mode: watch, jitter: 0.5 }\n');
  expect(resolveOptions({}, readConfigFile(file)).health).toMatchObject({ mode: 'watch', jitter: 0.5 });
  expect(() => readConfigFile(config('health: { intervalMs: 5, mode: ping }'))).toThrow('health.mode');
});

describe('failover policies of the file', () => {
  const BOTH = 'listen: a:1\nupstream: b:1\n';
  const of = (text: string) => resolveOptions({}, readConfigFile(config(BOTH + text)));

  it('are off where they are not named, and complete where they are', () => {
    expect(of('').outlier).toBeNull();
    expect(of('outlier: {}').outlier).toEqual(DEFAULT_OUTLIER);
    const throttling = of('retryThrottling: { tokenRatio: 0.5 }').retryThrottling;
    expect(throttling).toEqual({ ...DEFAULT_THROTTLE, tokenRatio: 0.5 });
    const hedging = of('hedging: { delayMs: 5, nonFatalStatuses: [8] }').hedging;
    expect(hedging).toEqual({ attempts: 2, delayMs: 5, nonFatalStatuses: [8] });
    const rate = of('rateLimit: { burst: 3, status: 14 }').rateLimit;
    expect(rate).toEqual({ perSecond: 1_000, burst: 3, status: 14 });
    const learned = of('concurrency: { min: 2000 }\nloadShed: { priorityHeader: X-P }');
    expect(learned.concurrency).toMatchObject({ initial: 2_000, min: 2_000, max: 2_000, windowMs: 100 });
    expect(learned.loadShed).toEqual({ ...DEFAULT_LOAD_SHED, priorityHeader: 'x-p' });
    expect(of('messageLimit: { responseBytesMax: 0 }').messageLimit).toEqual({
      requestBytesMax: 4_194_304,
      responseBytesMax: 0,
    });
    expect(of('waitForReady: { maxMs: 70 }').waitForReady).toEqual({ maxMs: 70, maxPending: 1_000 });
    const breaker = of('circuitBreaker: { maxPending: 7 }').circuitBreaker;
    expect(breaker).toEqual({ ...DEFAULT_BREAKER, maxPending: 7 });
    const text =
      'health: { intervalMs: 5 }\noutlier: { cap: envoy, errorStatuses: [8, 14], healthyCheckUnejects: true, successRate: {}, failurePercent: { minHosts: 3 } }';
    expect(of(text).outlier).toEqual({
      ...DEFAULT_OUTLIER,
      cap: 'envoy',
      errorStatuses: [8, 14],
      healthyCheckUnejects: true,
      successRate: DEFAULT_SUCCESS_RATE,
      failurePercent: { ...DEFAULT_FAILURE_PERCENT, minHosts: 3 },
    });
  });

  it.each([
    ['outlier: { maxEjectionPercent: 101 }', '101 is not a whole number from 0 to 100'],
    ['outlier: { intervalMs: 0 }', 'from 1 to'],
    ['retryThrottling: { maxTokens: 0 }', 'from 1 to 1000'],
    ['circuitBreaker: { maxRequest: 3 }', 'unknown key "maxRequest" at circuitBreaker'],
    ['hedging: { attempts: 1 }', 'from 2 to 5'],
    ['hedging: {}\nretry: { attempts: 2 }', 'a call is either retried or hedged'],
    ['rateLimit: { status: 7 }', '7 is none of 8, 14'],
    ['rateLimit: { burst: 0 }', 'from 1 to'],
    ['concurrency: { min: 9, max: 8 }', 'from 9 to'],
    ['loadShed: {}', 'no limit of calls in flight by which load could be shed'],
    ['outlier: { cap: some }', 'outlier.cap'],
    ['outlier: { failurePercent: { thresholdPercent: 101 } }', 'from 0 to 100'],
    ['outlier: { consecutive5xx: 3 }', 'unknown key "consecutive5xx" at outlier'],
  ])('%j is refused', (text, message) => {
    expect(() => of(text)).toThrow(message);
  });
});

it('several workers are refused inside of a process', async () => {
  const starting = startSidecar({ ...BASE, workers: '2' });
  await expect(starting).rejects.toMatchObject({ code: 'MW_USAGE', place: 'workers' });
});

describe('flags of the direct entry', () => {
  it('come with a space or an equals sign; a tag may be bare', () => {
    const argv = ['--listen', 'x:1', '--upstream=a:1', '--tag', '--watch-stdin'];
    expect(parseFlags(argv)).toEqual({ listen: 'x:1', upstream: 'a:1', tag: true, 'watch-stdin': true });
    expect(parseFlags(['--tag', 'Me: '])).toEqual({ tag: 'Me: ' });
  });
});

describe('the configuration file', () => {
  it('says the same as flags; paths count from its folder', () => {
    const path = config('listen: 127.0.0.1:0\nendpoints: e.yaml\nretry: { budget: 0.5 }\ntag: true\n');
    const raw = readConfigFile(path);
    expect(raw).toMatchObject({ endpoints: join(folder, 'e.yaml'), 'retry-budget': '0.5', tag: true });
    const options = resolveOptions({}, raw);
    expect(options).toMatchObject({ listen: '127.0.0.1:0', tag: DEFAULT_TAG, retry: { budget: 0.5 } });
    expect(readConfigFile(config('upstream: [a:1, b:2]')).upstream).toBe('a:1,b:2');
    expect(resolveOptions(BASE, readConfigFile(config('workers: 3'))).workers).toBe(3);
  });

  it.each([
    ['health: {}', 'health.intervalMs'],
    ['retry: { attempts: -1 }', 'retry.attempts'],
    ['retry: { retryableStatuses: [0] }', 'retry.retryableStatuses.0'],
    ['timeout: { conectMs: 1 }', 'unknown key "conectMs" at timeout'],
    ['Listen: x', 'unknown key "Listen" at the top level'],
    ['drainMs: soon', 'drainMs'],
    ['[]', 'the top level'],
    ['{', 'neither YAML nor JSON'],
  ])('%j is refused at its place', (text, place) => {
    const path = config(text);
    const read = (): unknown => readConfigFile(path);
    expect(read).toThrow(place);
    expect(read).toThrow(expect.objectContaining({ code: 'MW_CONFIG', place: path }));
  });

  it.each([
    ['timeout: { conectMs: 1 }', 'the nearest is connectMs; known keys: callMs, callMaxMs, connectMs'],
    ['upstreamTls: { servername: x }', 'the nearest is serverName; known keys: ca, serverName'],
    ['heath: {}', 'the nearest is health; known keys: listen, upstream'],
    ['health: { intervalMs: now }', 'give a number from 0 to 86400000'],
  ])('%j gets the nearest right name', (text, remedy) => {
    const path = config(text);
    expect(() => readConfigFile(path)).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining(remedy) }),
    );
  });
});

test('editors get the schema with a word about each key', () => {
  const { properties } = configJsonSchema() as { properties: Record<string, { description?: string }> };
  expect(Object.keys(properties)).toEqual(Object.keys(CONFIG_SCHEMA.shape));
  expect(properties['drainMs']?.description).toContain('milliseconds');
});
