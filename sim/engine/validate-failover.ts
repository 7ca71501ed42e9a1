/** Reads what a scenario says about failover policies: unknown settings and numbers out of range are refused before the run. */
import { scenarioError, show } from '../faults/params.ts';
import type { FailoverSpec } from '../spec/failover.ts';
import type { SidecarSpec } from '../spec/scenario.ts';

/** A setting: its range, a choice of words, a yes or no, a text, a list of statuses, or a section of settings. */
type Setting =
  | readonly [min: number, max: number]
  | readonly string[]
  | 'flag'
  | 'text'
  | 'statuses'
  | Section;
interface Section {
  readonly [name: string]: Setting;
}

const MS: Setting = [0, 86_400_000];
const PERCENT: Setting = [0, 100];
const COUNT: Setting = [0, 1_000_000_000];
const JUDGED = { minHosts: COUNT, minRequests: COUNT, enforcePercent: PERCENT };

const SECTIONS = {
  outlier: {
    intervalMs: [1, 86_400_000],
    baseEjectionMs: MS,
    maxEjectionMs: MS,
    jitterMs: MS,
    maxEjectionPercent: PERCENT,
    cap: ['a50', 'envoy', 'envoy_at_least_one'],
    consecutiveErrors: COUNT,
    consecutiveGatewayErrors: COUNT,
    errorStatuses: 'statuses',
    gatewayStatuses: 'statuses',
    healthyCheckUnejects: 'flag',
    successRate: { stdevFactor: COUNT, ...JUDGED },
    failurePercent: { thresholdPercent: PERCENT, ...JUDGED },
  },
  retryThrottling: { maxTokens: [1, 1_000], tokenRatio: [0.001, 1_000] },
  hedging: { attempts: [2, 5], delayMs: MS, nonFatalStatuses: 'statuses' },
  rateLimit: { perSecond: [0.001, 1_000_000_000], burst: COUNT, status: [1, 16] },
  concurrency: {
    initial: COUNT,
    min: COUNT,
    max: COUNT,
    windowMs: MS,
    minSamples: COUNT,
    tolerance: COUNT,
    baselineMs: MS,
  },
  loadShed: { retriesAt: [0, 1], lowPriorityAt: [0, 1], priorityHeader: 'text', lowPriority: 'text' },
  circuitBreaker: {
    maxRequests: COUNT,
    maxPending: COUNT,
    maxRetries: COUNT,
    maxConnections: COUNT,
    endpointMaxRequests: COUNT,
    endpointMaxPending: COUNT,
    endpointMaxConnections: COUNT,
  },
} as const satisfies Record<keyof FailoverSpec, Section>;

export function readFailover(sidecar: SidecarSpec, place: string): void {
  for (const [name, settings] of Object.entries(SECTIONS)) {
    const given = (sidecar as Record<string, unknown>)[name];
    if (given !== undefined) readSection(given, settings, name, place);
  }
}

function readSection(given: unknown, settings: Section, path: string, place: string): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw scenarioError(`'${path}' is ${show(given)}`, place, `write ${path}: { … }`);
  }
  for (const [key, value] of Object.entries(given)) {
    const setting = settings[key];
    if (setting === undefined) {
      const known = Object.keys(settings).join(', ');
      throw scenarioError(`there is no setting '${path}.${key}'`, place, `it has ${known}`);
    }
    if (value !== undefined) readSetting(value, setting, `${path}.${key}`, place);
  }
}

function readSetting(value: unknown, setting: Setting, path: string, place: string): void {
  const wrong = (wanted: string): never => {
    throw scenarioError(`'${path}' is ${show(value)}`, place, `give ${wanted}`);
  };
  if (setting === 'flag') {
    if (typeof value !== 'boolean') wrong('true or false');
  } else if (setting === 'text') {
    if (typeof value !== 'string') wrong('a text');
  } else if (setting === 'statuses') {
    const isStatus = (one: unknown): boolean =>
      Number.isInteger(one) && Number(one) >= 1 && Number(one) <= 16;
    if (!Array.isArray(value) || !value.every(isStatus)) wrong('grpc-status numbers from 1 to 16');
  } else if (!Array.isArray(setting)) {
    readSection(value, setting as Section, path, place);
  } else if (typeof setting[0] === 'string') {
    if (!setting.includes(value as never)) wrong(`one of ${setting.join(', ')}`);
  } else {
    const [min, max] = setting as unknown as readonly [number, number];
    if (typeof value !== 'number' || !(value >= min && value <= max)) wrong(`a number from ${min} to ${max}`);
  }
}
