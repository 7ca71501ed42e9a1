/** What the configuration file says about failover and overload: into the shape of the flags, and out of it, checked and completed. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  type BreakerConfig,
  DEFAULT_BREAKER,
  DEFAULT_FAILURE_PERCENT,
  DEFAULT_HEDGING,
  DEFAULT_OUTLIER,
  DEFAULT_SUCCESS_RATE,
  DEFAULT_THROTTLE,
  EJECTION_CAPS,
  type FailurePercentConfig,
  type HedgingConfig,
  type OutlierConfig,
  type SuccessRateConfig,
  type ThrottleConfig,
} from '../policy/failover-config.ts';
import { ATTEMPTS_MAX } from '../policy/retry.ts';
import type { RawOptions } from './flags.ts';
import { type LoadSection, readLoad } from './load-options.ts';
import { type OptionReader, usage } from './option-reader.ts';

const DAY_MS = 86_400_000;

/** One section, flat: `{ 'outlier': true, 'outlier.intervalMs': '100', … }`. Lists are joined by commas. */
export function sectionTexts(name: string, section: object | undefined): RawOptions {
  if (section === undefined) return {};
  const texts: Record<string, string | boolean | undefined> = { [name]: true };
  for (const [key, value] of Object.entries(section)) {
    const path = `${name}.${key}`;
    if (Array.isArray(value)) texts[path] = value.join(',');
    else if (typeof value === 'object') Object.assign(texts, sectionTexts(path, value));
    else if (typeof value === 'boolean') texts[path] = value;
    else if (value !== undefined) texts[path] = String(value);
  }
  return texts;
}

type FailoverSection = 'outlier' | 'retryThrottling' | 'hedging' | 'circuitBreaker' | LoadSection;

/** The sections of the configuration that are about failover and overload; null where one is not named. */
export function readFailover(read: OptionReader): Pick<SidecarConfig, FailoverSection> {
  return {
    outlier: readOutlier(read),
    retryThrottling: readThrottling(read),
    hedging: readHedging(read),
    circuitBreaker: readBreaker(read),
    ...readLoad(read),
  };
}

function readThrottling(read: OptionReader): ThrottleConfig | null {
  if (!read.flag('retryThrottling')) return null;
  return {
    maxTokens: read.number('retryThrottling.maxTokens', DEFAULT_THROTTLE.maxTokens, 1, 1_000),
    tokenRatio: read.number('retryThrottling.tokenRatio', DEFAULT_THROTTLE.tokenRatio, 0.001, 1_000),
  };
}

function readHedging(read: OptionReader): HedgingConfig | null {
  if (!read.flag('hedging')) return null;
  for (const name of ['retry-attempts', 'retry-on']) {
    if (read.text(name) === null) continue;
    throw usage(
      'a call is either retried or hedged (gRFC A6)',
      `--${name}`,
      'leave it out, or leave hedging out',
    );
  }
  const base = DEFAULT_HEDGING;
  return {
    attempts: read.integer('hedging.attempts', base.attempts, 2, ATTEMPTS_MAX),
    delayMs: read.number('hedging.delayMs', base.delayMs, 0, DAY_MS),
    nonFatalStatuses: read.statuses('hedging.nonFatalStatuses', base.nonFatalStatuses),
  };
}

function readBreaker(read: OptionReader): BreakerConfig | null {
  if (!read.flag('circuitBreaker')) return null;
  const config = { ...DEFAULT_BREAKER };
  for (const name of Object.keys(config) as (keyof BreakerConfig)[]) {
    config[name] = read.integer(`circuitBreaker.${name}`, config[name], 0, 1_000_000_000);
  }
  return config;
}

function readOutlier(read: OptionReader): OutlierConfig | null {
  if (!read.flag('outlier')) return null;
  const base = DEFAULT_OUTLIER;
  const cap = read.text('outlier.cap');
  return {
    intervalMs: read.number('outlier.intervalMs', base.intervalMs, 1, DAY_MS),
    baseEjectionMs: read.number('outlier.baseEjectionMs', base.baseEjectionMs, 0, DAY_MS),
    maxEjectionMs: read.number('outlier.maxEjectionMs', base.maxEjectionMs, 0, DAY_MS),
    jitterMs: read.number('outlier.jitterMs', base.jitterMs, 0, DAY_MS),
    maxEjectionPercent: read.integer('outlier.maxEjectionPercent', base.maxEjectionPercent, 0, 100),
    cap: EJECTION_CAPS.find((known) => known === cap) ?? base.cap,
    consecutiveErrors: read.integer('outlier.consecutiveErrors', base.consecutiveErrors, 0, 1_000_000),
    consecutiveGatewayErrors: read.integer(
      'outlier.consecutiveGatewayErrors',
      base.consecutiveGatewayErrors,
      0,
      1_000_000,
    ),
    errorStatuses: read.statuses('outlier.errorStatuses', base.errorStatuses),
    gatewayStatuses: read.statuses('outlier.gatewayStatuses', base.gatewayStatuses),
    healthyCheckUnejects: read.flag('outlier.healthyCheckUnejects'),
    successRate: readSuccessRate(read, 'outlier.successRate'),
    failurePercent: readFailurePercent(read, 'outlier.failurePercent'),
  };
}

function readSuccessRate(read: OptionReader, at: string): SuccessRateConfig | null {
  if (!read.flag(at)) return null;
  const base = DEFAULT_SUCCESS_RATE;
  return {
    stdevFactor: read.integer(`${at}.stdevFactor`, base.stdevFactor, 0, 1_000_000),
    ...readJudged(read, at, base),
  };
}

function readFailurePercent(read: OptionReader, at: string): FailurePercentConfig | null {
  if (!read.flag(at)) return null;
  const base = DEFAULT_FAILURE_PERCENT;
  return {
    thresholdPercent: read.integer(`${at}.thresholdPercent`, base.thresholdPercent, 0, 100),
    ...readJudged(read, at, base),
  };
}

interface Judged {
  minHosts: number;
  minRequests: number;
  enforcePercent: number;
}

function readJudged(read: OptionReader, at: string, base: Judged): Judged {
  return {
    minHosts: read.integer(`${at}.minHosts`, base.minHosts, 0, 1_000_000),
    minRequests: read.integer(`${at}.minRequests`, base.minRequests, 0, 1_000_000_000),
    enforcePercent: read.integer(`${at}.enforcePercent`, base.enforcePercent, 0, 100),
  };
}
