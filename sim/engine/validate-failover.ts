/** Reads what a scenario says about failover policies: unknown settings and numbers out of range are refused before the run. */
import type { FailoverSpec } from '../spec/failover.ts';
import type { SidecarSpec } from '../spec/scenario.ts';
import { readSection, type Section, type Setting } from './settings.ts';

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
  waitForReady: { maxMs: [1, 3_600_000], maxPending: [1, 1_000_000_000] },
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
